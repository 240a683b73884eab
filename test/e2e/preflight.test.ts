/** What stands against a deploy, through every door; `ports: auto`; a volume that compose has left; a plan without an engine. */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { preview } from "../../automation/preview.ts";
import { findCompose } from "../../release/load.ts";
import { expectExit } from "../support/ended.ts";
import { Project } from "../support/project.ts";

let project: Project;
/** Somebody else, who has the port of the api: this process. */
let stranger: Server;

beforeAll(async () => {
    project = await Project.create();
    await project.claim("local");
    stranger = createServer((connection) => connection.destroy());
    stranger.listen(project.port("local", "api"), "127.0.0.1");
    await once(stranger, "listening");
}, 60_000);

afterAll(async () => {
    await new Promise((resolve) => stranger.close(resolve));
    await project.dispose();
}, 120_000);

describe("a port that somebody has", () => {
    test("is refused in the same words by `pulumi preview`, `pulumi up`, `deploy` and its function, and nothing is changed [R12] [R00d]", async () => {
        expect((await project.pulumi(["stack", "init", "local"])).code).toBe(0);
        const port = project.port("local", "api");
        const words = `api needs the port 127.0.0.1:${port}, which the process ${process.pid} (node`;
        const cure = "Stop it, or use other ports: plumbline:ports.offset, or plumbline:ports.auto";
        const plan = await project.pulumi(["preview", "--stack", "local"]);
        const up = await project.pulumi(["up", "--yes", "--skip-preview", "--stack", "local"]);
        const ours = await project.command(["deploy"]);
        for (const ran of [plan, up, ours]) {
            expect(ran.output).toContain(words);
            expect(ran.output).toContain(cure);
        }
        expect([plan.code === 0, up.code === 0, ours.code]).toEqual([false, false, 30]);
        const asFunction = await preview({ projectDir: project.folder, env: project.environment() });
        expect(asFunction).toMatchObject({
            outcome: "refused",
            exitCode: 30,
            failure: { category: "port-conflict", service: "api", message: expect.stringContaining(words) },
        });
        expect(asFunction.failure?.remedy).toContain(cure);
        expect(await project.remains("local")).toEqual({ containers: [], networks: [], volumes: [] });
    }, 300_000);
});

describe("a machine without an engine", () => {
    const env = { DOCKER_HOST: "unix:///tmp/no-engine-of-this-test.sock" };
    // Nobody will come: asking again would only take time.
    beforeAll(() => project.configure("local", { "plumbline:network": { retries: 0 } }));
    afterAll(() => project.configure("local", { "plumbline:network": undefined }));

    test("still shows the plan, with one warning of what nobody could judge; an update is refused [R10]", async () => {
        const plan = await project.pulumi(["preview", "--json", "--stack", "local"], { env });
        expectExit(plan, 0);
        const { steps } = JSON.parse(plan.stdout) as { steps: { op: string; urn: string }[] };
        expect(steps.filter(({ op }) => op === "create").length).toBeGreaterThan(20);
        const ours = await project.command(["preview"], { env });
        expect([ours.code, ours.output]).toEqual([0, expect.stringMatching(/create\s+api-[0-9a-f]{8}/)]);
        expect(ours.output.match(/The plan is made without it/g)).toHaveLength(1);
        const up = await project.pulumi(["up", "--yes", "--skip-preview", "--stack", "local"], { env });
        const deployed = await project.command(["deploy"], { env });
        for (const ran of [ours, up, deployed]) {
            expect(ran.output).toContain(`The Docker engine at ${env.DOCKER_HOST} does not answer`);
        }
        expect([up.code === 0, deployed.code]).toEqual([false, 30]);
    }, 300_000);
});

describe("`ports: auto`, beside a volume of compose that is taken over", () => {
    const name = () => project.place("local").project;
    const volume = () => `${name()}_redis_data`;

    /** Compose on the same file, under the stack's own project name. */
    async function compose(...args: string[]): Promise<void> {
        const [command = "", ...first] = await findCompose(project.folder);
        const ran = await project.exec(command, [...first, "-p", name(), ...args], {
            env: { DOCKER_BUILDKIT: "0", COMPOSE_PROGRESS: "plain" },
            timeoutMs: 300_000,
        });
        if (ran.code !== 0) throw new Error(ran.output);
    }

    test("what compose has left is recognised, and refused with the way out [R11]", async () => {
        await compose("up", "--no-start", "redis");
        // A trace of what somebody has kept there, readable to the service's user.
        const trace = "touch /data/kept && chown -R 10002:10002 /data";
        await project.docker(["run", "--rm", "-v", `${volume()}:/data`, "debian:bookworm-slim", "sh", "-c", trace]);
        await project.configure("local", {
            "plumbline:ports": { offset: project.place("local").offset, auto: true },
        });
        const refused = await project.command(["deploy"]);
        expect([refused.code, refused.output]).toEqual([30, expect.stringContaining("2 things stand against")]);
        for (const what of [`network ${name()}_network`, `volume ${volume()}`]) {
            expect(refused.output).toContain(`the ${what} was left by \`docker compose up\` of the project ${name()}`);
        }
        expect(refused.output).toContain("plumbline:adoptVolumes: [redis_data]");
        await compose("down", "--rmi", "local");
    }, 360_000);

    test("brings the stack up on a free port, and the volume's data with it [R12] [R11]", async () => {
        await project.configure("local", { "plumbline:adoptVolumes": ["redis_data"] });
        const ran = await project.command(["deploy"], { timeoutMs: 600_000 });
        expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("local: committed")]);
        expect(ran.output).toContain(`the volume ${volume()} is taken over with its data`);
        const { services } = await project.summary("local");
        const [address = ""] = services.find(({ name }) => name === "api")?.addresses ?? [];
        const wanted = project.port("local", "api");
        expect(ran.output).toContain(`api is published on port ${address.split(":")[1]} in the place of ${wanted}`);
        expect(Number(address.split(":")[1])).toBeGreaterThan(wanted);
        expect((await fetch(`http://${address}/health`)).status).toBe(200);
        const redis = await project.container("local", "redis");
        expect(await project.docker(["exec", redis, "ls", "/var/lib/redis"])).toContain("kept");
    }, 660_000);

    test("keeps the port: a second deploy changes nothing, also when the wanted one is free again", async () => {
        const before = await project.summary("local");
        await project.configure("local", { "plumbline:adoptVolumes": undefined });
        const again = await project.command(["deploy"]);
        expect([again.code, again.output]).toEqual([0, expect.stringContaining("local: nothing to do")]);
        const status = await project.command(["status"]);
        expect(status.output).toMatch(/Moved: api is published on port \d+ in the place of/);
        await new Promise((resolve) => stranger.close(resolve));
        const free = await project.pulumi(["preview", "--stack", "local", "--expect-no-changes"]);
        expectExit(free, 0);
        expect((await project.summary("local")).release).toBe(before.release);
    }, 300_000);

    test.each([
        ["an engine", [], { DOCKER_HOST: "unix:///tmp/no-engine-of-this-test.sock" }],
        ["a question to this machine's engine", ["--without-engine"], {}],
    ])(
        "is planned without %s as well as can be: no image shows as changed, but where a port went nobody knows [R10] [R00d]",
        async (_, options, env) => {
            const ran = await project.command(["preview", "--json", ...options], { env });
            expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("The plan is made without it")]);
            const { plan, services } = JSON.parse(ran.stdout) as { plan: { type: string }[]; services: string[] };
            expect(plan.map(({ type }) => type)).not.toContain("command:local:Command");
            expect(services).toEqual(["edge"]);
        },
        120_000,
    );

    test("is no obstacle to mending: what was stopped is started again on its own port", async () => {
        const before = await project.summary("local");
        for (const service of ["edge", "api"]) {
            await project.docker(["stop", "--time", "5", await project.container("local", service)]);
        }
        const ran = await project.command(["deploy"], { timeoutMs: 300_000 });
        expect([ran.code, ran.output]).toEqual([0, expect.stringMatching(/local: committed/)]);
        expect((await project.summary("local")).release).toBe(before.release);
        const [address = ""] = before.services.find(({ name }) => name === "api")?.addresses ?? [];
        expect((await fetch(`http://${address}/health`)).status).toBe(200);
    }, 360_000);
});
