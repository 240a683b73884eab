/** Several stacks on one engine: `staging` beside `local`, `production` planned; none can reach or read the other. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { request } from "undici";
import { expectExit } from "../support/ended.ts";
import { Project } from "../support/project.ts";
import { findSecrets } from "../support/secret-search.ts";

const passphrase = "a passphrase of staging only";
const staging = { env: { PULUMI_CONFIG_PASSPHRASE: passphrase } };
const production = { env: { PULUMI_CONFIG_PASSPHRASE: "another one, of production" } };
const nothing = { containers: [], networks: [], volumes: [] };

let project: Project;

beforeAll(async () => {
    project = await Project.create();
    await project.claim("local");
    await project.claim("staging");
    await project.claim("production");
    const deployed = await project.command(["deploy"], { timeoutMs: 900_000 });
    if (deployed.code !== 0) throw new Error(deployed.output);
}, 960_000);

afterAll(() => project.dispose(), 120_000);

describe("a stack that needs secrets", () => {
    test.each([
        ["the documented one of local", "plumbline-local", "is the documented one of the local stack"],
        ["too short", "short", "is shorter than 12 characters"],
        ["empty", "", "is empty"],
    ])("refuses a passphrase that is %s, and nothing changes", async (_, given, says) => {
        const file = await project.read("Pulumi.staging.yaml");
        const env = { PULUMI_CONFIG_PASSPHRASE: given };
        const ours = await project.command(["deploy", "--stack", "staging"], { env });
        expect([ours.code, ours.output]).toEqual([30, expect.stringContaining(`The passphrase of staging ${says}.`)]);
        expect(await project.read("Pulumi.staging.yaml")).toBe(file);
        expect(await project.remains("staging")).toEqual(nothing);
    });

    test("names every secret that it lacks, and changes nothing", async () => {
        const ran = await project.command(["deploy", "--stack", "staging"], staging);
        expectExit(ran, 30);
        // The two keys are derived from JWT_SECRET.
        const given = ["AUTHENTICATOR", "POSTGRES", "REDIS", "STORAGE_DB", "WORKER_DB"].map((it) => `${it}_PASSWORD`);
        for (const name of [...given, "JWT_SECRET"]) {
            expect(ran.output).toContain(`the secret ${name} has no value`);
        }
        expect(ran.output).toContain("npm run secrets");
        expect(await project.remains("staging")).toEqual(nothing);
    });

    test("gets them from the command that generates them, encrypted in its file", async () => {
        const ran = await project.command(["secrets", "--stack", "staging"], staging);
        expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("staging: secrets are set")]);
        expect(ran.stdout).toMatch(/set\s+POSTGRES_PASSWORD/);
        const file = await project.read("Pulumi.staging.yaml");
        expect(file.match(/secure: v1:/g)).toHaveLength(8);
        const again = await project.command(["secrets", "--stack", "staging"], staging);
        expect(again.stdout).toMatch(/present\s+POSTGRES_PASSWORD/);
        expect(await project.read("Pulumi.staging.yaml")).toBe(file);
    });

    test("refuses a passphrase that is not the one they were encrypted with", async () => {
        const env = { PULUMI_CONFIG_PASSPHRASE: "long enough, but not the right one" };
        const ran = await project.command(["deploy", "--stack", "staging"], { env });
        expect([ran.code, ran.output]).toEqual([30, expect.stringContaining("passphrase")]);
        expect(await project.remains("staging")).toEqual(nothing);
    });
});

describe("`staging` beside `local`", () => {
    /** Runs Python in a container of a stack, as one of its services would. */
    const python = async (stack: "local" | "staging", text: string) => {
        const ran = await project.exec("docker", [
            "exec",
            await project.container(stack, "api"),
            "python3.11",
            "-c",
            text,
        ]);
        return `${ran.code} ${ran.stdout.trim()}`;
    };
    const resolves = (name: string) => `import socket; print(socket.gethostbyname("${name}"))`;
    const connects = (host: string, port: number) =>
        `import socket; socket.create_connection(("${host}", ${port}), 3).close(); print("reached")`;
    const facts = async (stack: "local" | "staging", service: string) =>
        JSON.parse(await project.docker(["inspect", await project.container(stack, service)]))[0];
    const addressOf = async (stack: "local" | "staging", service: string): Promise<string> =>
        (await facts(stack, service)).NetworkSettings.Networks[`${project.place(stack).project}_network`].IPAddress;
    const postgres = (stack: "local" | "staging", password: string | undefined) =>
        new pg.Client({
            host: "127.0.0.1",
            port: project.port(stack, "postgres"),
            user: "postgres",
            password,
            database: "postgres",
        });

    test("is deployed with a passphrase of its own, and both run [R06]", async () => {
        const before = await project.containers("local");
        const ran = await project.command(["deploy", "--stack", "staging"], { ...staging, timeoutMs: 600_000 });
        expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("staging: committed")]);
        expect(await project.containers("local")).toEqual(before);
        expect((await project.command(["status"])).code).toBe(0);
        expect((await project.command(["status", "--stack", "staging"], staging)).code).toBe(0);
        for (const stack of ["local", "staging"] as const) {
            const health = await request(`http://127.0.0.1:${project.port(stack, "api")}/health`);
            expect(health.statusCode).toBe(200);
        }
    }, 660_000);

    test("shares no name, network, volume or port with it [R06]", async () => {
        const [local, other] = [await project.remains("local"), await project.remains("staging")];
        for (const kind of ["containers", "networks", "volumes"] as const) {
            expect(other[kind].length).toBeGreaterThan(0);
            expect(local[kind].filter((name) => other[kind].includes(name))).toEqual([]);
        }
    });

    test("cannot be reached from it, nor reach it: not by name, not by address [R06]", async () => {
        for (const [from, to] of [
            ["local", "staging"],
            ["staging", "local"],
        ] as const) {
            // The twin first: its own database it does reach.
            expect(await python(from, connects("postgres", 5432))).toBe("0 reached");
            const name = String((await facts(to, "postgres")).Name).slice(1);
            expect(await python(from, resolves(name))).toBe("1 ");
            expect(await python(from, connects(await addressOf(to, "postgres"), 5432))).toBe("1 ");
            expect(await python(from, connects(await addressOf(to, "edge"), 8000))).toBe("1 ");
            const ownPostgres = await python(from, resolves("postgres"));
            expect(ownPostgres).toBe(`0 ${await addressOf(from, "edge")}`);
        }
    });

    test("has its own secrets and its own data", async () => {
        const local = await project.secrets("local");
        const other = await project.secrets("staging", staging);
        for (const [name, value] of Object.entries(other)) expect(value).not.toBe(local[name]);
        await expect(postgres("staging", local.POSTGRES_PASSWORD).connect()).rejects.toThrow(/authentication failed/);
        const posted = await request(`http://127.0.0.1:${project.port("local", "api")}/documents`, {
            method: "POST",
            headers: { authorization: `Bearer ${local.SERVICE_ROLE_KEY}`, "content-type": "text/plain" },
            body: "Only in local.",
        });
        expect(posted.statusCode).toBe(201);
        const { id } = (await posted.body.json()) as { id: string };
        const rows = async (stack: "local" | "staging", password: string | undefined) => {
            const client = postgres(stack, password);
            await client.connect();
            try {
                return (await client.query("select id from app.documents where id = $1", [id])).rowCount;
            } finally {
                await client.end();
            }
        };
        expect(await rows("local", local.POSTGRES_PASSWORD)).toBe(1);
        expect(await rows("staging", other.POSTGRES_PASSWORD)).toBe(0);
        const strange = await request(`http://127.0.0.1:${project.port("staging", "api")}/documents`, {
            headers: { authorization: `Bearer ${local.SERVICE_ROLE_KEY}` },
        });
        expect(strange.statusCode).toBe(401);
    });

    test("and its given secrets stand nowhere in clear", async () => {
        const values = await project.secrets("staging", staging);
        expect((await findSecrets(project, "staging", values, {})).found).toEqual([]);
    });

    test("plain `pulumi up` of it has nothing to do, unless one of its containers was stopped", async () => {
        const args = ["up", "--yes", "--refresh", "--expect-no-changes", "--stack", "staging"];
        const ran = await project.pulumi(args, staging);
        expectExit(ran, 0);
        const worker = await project.container("staging", "worker");
        await project.docker(["stop", worker]);
        const shown = await project.pulumi(
            ["preview", "--refresh", "--expect-no-changes", "--stack", "staging"],
            staging,
        );
        await project.docker(["start", worker]);
        expect([shown.code === 0, shown.stdout]).toEqual([false, expect.stringMatching(/\d+ to (create|update)/)]);
    });

    test("goes with its data, and `local` does not notice", async () => {
        const before = await project.containers("local");
        const ran = await project.command(["destroy", "--stack", "staging", "--volumes", "--yes"], staging);
        expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("staging: destroyed")]);
        expect(await project.remains("staging")).toEqual(nothing);
        expect(await project.containers("local")).toEqual(before);
        expect((await project.command(["status"])).code).toBe(0);
    }, 240_000);
});

test("`production` is planned with its own secrets, by our command and by `pulumi preview` alike [R00d]", async () => {
    expect((await project.command(["secrets", "--stack", "production"], production)).code).toBe(0);
    const ours = await project.command(["preview", "--stack", "production", "--json"], production);
    expectExit(ours, 0);
    const { services, release } = JSON.parse(ours.stdout) as { services: string[]; release: string };
    expect(services.sort()).toEqual(["api", "edge", "postgres", "redis", "storage", "worker"]);
    const plain = await project.pulumi(["preview", "--stack", "production"], production);
    expect([plain.code, plain.output]).toEqual([0, expect.stringContaining(release)]);
    expect(await project.remains("production")).toEqual(nothing);
});

test("`pulumi refresh` and `pulumi destroy` by hand work too, and the data stays", async () => {
    const refreshed = await project.pulumi(["refresh", "--yes", "--expect-no-changes", "--stack", "local"]);
    expectExit(refreshed, 0);
    const ran = await project.pulumi(["destroy", "--yes", "--stack", "local"]);
    expectExit(ran, 0);
    const { containers, networks, volumes } = await project.remains("local");
    expect({ containers, networks }).toEqual({ containers: [], networks: [] });
    for (const key of ["postgres_data", "redis_data", "storage_data"]) {
        expect(volumes).toContain(`${project.place("local").project}_${key}`);
    }
}, 240_000);

test("the data of a stack that was taken down goes with the command that names it", async () => {
    const asked = await project.command(["destroy", "--stack", "local", "--json"]);
    const { deleteCommand } = JSON.parse(asked.stdout) as { deleteCommand: string };
    expect(deleteCommand).toBe("npm run destroy -- --stack local --volumes");
    const [, , name = "", , ...args] = deleteCommand.split(" ");
    const ran = await project.command([name, ...args, "--yes"]);
    expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("local: destroyed")]);
    expect(await project.remains("local")).toEqual(nothing);
}, 240_000);
