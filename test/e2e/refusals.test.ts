/** Deployments that must not happen: a service that dies at boot, an image that cannot be built, settings that are wrong. */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { StackName } from "../../release/settings-schema.ts";
import type { Release } from "../../release/types.ts";
import { expectExit } from "../support/ended.ts";
import { filesBelow, Project } from "../support/project.ts";

let project: Project;

beforeAll(async () => {
    project = await Project.create();
    await project.ownImage("api");
    await project.claim("local");
}, 60_000);

afterAll(() => project.dispose(), 120_000);

describe("the three stacks as they are committed", () => {
    const planned = async (stack: StackName) => {
        // A copy of its own, in which no stack has another name or other ports.
        const untouched = await Project.create();
        try {
            const ran = await untouched.pulumi(["stack", "init", "local"]);
            expectExit(ran, 0);
            // Without an engine: whoever has these names and ports on this machine decides nothing.
            const env = { DOCKER_HOST: "unix:///tmp/no-engine-for-this-plan.sock" };
            const seen = await untouched.pulumi(["preview", "--json", "--stack", stack], { env });
            if (seen.code !== 0) throw new Error(seen.output);
            return JSON.parse(seen.stdout) as {
                steps: { newState: { type: string; inputs: Record<string, unknown> } }[];
            };
        } finally {
            await untouched.dispose();
        }
    };

    test("`local` has exactly the names and ports of the requirements [R01] [R02]", async () => {
        const { steps } = await planned("local");
        const of = (type: string) =>
            steps.filter(({ newState }) => newState.type === type).map(({ newState }) => newState);
        expect(of("docker:index/network:Network").map(({ inputs }) => inputs.name)).toEqual([
            "insurance_navigator_network",
        ]);
        const volumes = of("docker:index/volume:Volume").map(({ inputs }) => String(inputs.name));
        for (const name of ["postgres_data", "redis_data", "storage_data"]) {
            expect(volumes).toContain(`insurance_navigator_${name}`);
        }
        expect(volumes.every((name) => name.startsWith("insurance_navigator_"))).toBe(true);
        const rollout = of("pulumi-nodejs:dynamic:Resource").find(({ inputs }) => typeof inputs.release === "string");
        const release = JSON.parse(String(rollout?.inputs.release)) as Release;
        const published = release.services.map(({ name, ports }) => [name, ...ports.map((port) => port.published)]);
        expect(Object.fromEntries(published.map(([name, ...ports]) => [name, ports]))).toEqual({
            api: [8000],
            postgres: [54322],
            redis: [6379],
            storage: [5000],
            worker: [8001],
        });
        expect(release.edge.gateways.map((gateway) => gateway.published)).toEqual([
            { hostIp: "127.0.0.1", port: 54321 },
        ]);
        expect(release.supabase?.apiUrl).toBe("http://localhost:54321");
    });

    test.each(["staging", "production"] as const)(
        "`preview --from-nothing` plans all of %s, and says what it is",
        async (stack) => {
            const before = await filesBelow(path.join(project.folder, ".plumbline/state"));
            const ran = await project.command(["preview", "--from-nothing", "--stack", stack], {
                env: { PULUMI_CONFIG_PASSPHRASE: undefined },
            });
            expect([ran.code, ran.output]).toEqual([0, expect.stringContaining(`Plan of ${stack} from nothing`)]);
            for (const service of ["api", "postgres", "redis", "storage", "worker", "edge"]) {
                expect(ran.stdout).toMatch(new RegExp(`create\\s+${service}-[0-9a-f]{8}`));
            }
            expect(ran.stdout).toContain(`${stack}: planned, nothing was changed`);
            expect(await filesBelow(path.join(project.folder, ".plumbline/state"))).toEqual(before);
        },
    );
});

describe("settings that are wrong", () => {
    test("are named with key, value and what was expected, alike by `pulumi preview` and by our command [R06] [R00d]", async () => {
        await project.configure("local", { "plumbline:helth": { retries: 3 }, "plumbline:drainSeconds": "soon" });
        try {
            const ours = await project.command(["preview"]);
            // Ours has made no stack of settings that are wrong.
            expect((await project.pulumi(["stack", "init", "local"])).code).toBe(0);
            const plain = await project.pulumi(["preview", "--stack", "local"]);
            expectExit(ours, 30);
            expectExit(plain, "failing");
            for (const text of [
                "Pulumi.local.yaml is not valid:",
                "plumbline:helth is not a setting",
                "health",
                'plumbline:drainSeconds is "soon": expected number',
            ]) {
                expect(ours.output).toContain(text);
                expect(plain.output).toContain(text);
            }
        } finally {
            await project.configure("local", { "plumbline:helth": undefined, "plumbline:drainSeconds": undefined });
        }
        expect((await project.command(["preview"])).code).toBe(0);
    });

    test("as a stack that does not exist, or an option that goes past gates, are refused before any change", async () => {
        const unknown = await project.command(["deploy", "--stack", "stagging"]);
        expect([unknown.code, unknown.output]).toEqual([30, expect.stringContaining("Did you mean --stack staging?")]);
        const target = await project.command(["deploy", "--target", "urn:x"]);
        expect([target.code, target.output]).toEqual([
            30,
            expect.stringContaining("A release goes out whole or not at all"),
        ]);
        expect((await project.command(["deploi"])).code).toBe(64);
        expect(await project.remains("local")).toEqual({ containers: [], networks: [], volumes: [] });
    });
});

describe("a first deployment that cannot succeed", () => {
    test("as an image that cannot be built ends in 30, with the line that failed, and nothing was started", async () => {
        await project.edit(
            "services/api/Dockerfile",
            "USER 10004:10004",
            "RUN echo no-such-package && exit 7\nUSER 10004:10004",
        );
        const ran = await project.command(["deploy"], { timeoutMs: 600_000 });
        await project.edit("services/api/Dockerfile", "RUN echo no-such-package && exit 7\n", "");
        expect([ran.code, ran.output]).toEqual([30, expect.stringContaining("refused before any change")]);
        expect(ran.output).toContain("the image could not be built");
        expect(ran.output).toContain("echo no-such-package && exit 7");
        for (const ids of Object.values(await project.containers("local"))) {
            for (const id of ids) {
                expect(await project.docker(["inspect", "--format", "{{.State.Status}}", id])).toBe("created");
            }
        }
    }, 660_000);

    test("as a service that dies at boot ends in 10, with its last words in the error, and leaves nothing but volumes [R50] [R95]", async () => {
        await project.edit(
            "docker-compose.yml",
            '    user: "10004:10004"\n',
            '    user: "10004:10004"\n    command: ["sh", "-c", "echo the tank is empty >&2; exit 3"]\n',
        );
        const ran = await project.command(["deploy", "--json"], { timeoutMs: 600_000 });
        expect([ran.code, ran.output]).toEqual([10, expect.stringContaining("the tank is empty")]);
        expect(JSON.parse(ran.stdout)).toMatchObject({ outcome: "rolled-back", reason: "no-previous", exitCode: 10 });
        expect(ran.output).toMatch(/\[startup, api\]/);
        expect(ran.stderr.trimEnd().split("\n").at(-1)).toMatch(
            /^local: rolled back.*nothing runs.* · evidence: infrastructure\/reports\//,
        );
        const { containers, networks, volumes } = await project.remains("local");
        expect([containers, networks]).toEqual([[], []]);
        const kept = ["ledger", "postgres_data", "redis_data", "storage_data"];
        expect(volumes).toEqual(kept.map((name) => `${project.place("local").project}_${name}`));
    }, 660_000);

    test("and leaves its evidence: logs, inspection and a rollback report that names the first cause [R52]", async () => {
        const record = JSON.parse(await project.read("infrastructure/reports/local/outcome.json"));
        expect(record.outcome).toBe("rolled-back");
        const files = (await filesBelow(path.join(project.folder, record.evidence))).map((file) => path.basename(file));
        for (const name of ["api.inspect.json", "api.last.log", "rollback.json", "timeline.jsonl", "release.json"]) {
            expect(files).toContain(name);
        }
        expect(await project.read(path.join(record.evidence, "api.last.log"))).toContain("the tank is empty");
        const inspection = JSON.parse(await project.read(path.join(record.evidence, "api.inspect.json")));
        expect(inspection.State.ExitCode).toBe(3);
        const { cause } = JSON.parse(await project.read(path.join(record.evidence, "rollback.json")));
        expect(cause).toMatchObject({ category: "startup", service: "api" });
        expect(cause.message).toMatch(/api stopped by itself[\s\S]*the tank is empty/);
    });

    test("and once mended it comes up", async () => {
        await project.edit("docker-compose.yml", /^.*the tank is empty.*\n/m, "");
        const ran = await project.command(["deploy"], { timeoutMs: 600_000 });
        expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("local: committed")]);
    }, 660_000);
});
