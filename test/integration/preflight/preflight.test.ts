/** Preflight against the real engine: each thing that may stand against a deploy is put there, and refused by name. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { sampleService } from "../../unit/rollout/sample-release.ts";
import { PreflightStage } from "./stage.ts";

const exec = promisify(execFile);

let stage: PreflightStage;
beforeEach(async () => {
    stage = await PreflightStage.open();
});
afterEach(() => stage.clear());

test("a machine with nothing in the way passes, and every check has said so [R10] [R11] [R12]", async () => {
    const { findings, notes, buildTokens, isItsEngine } = await stage.judge();
    expect(isItsEngine).toBe(true);
    expect(findings.filter(({ result }) => result !== "pass")).toEqual([]);
    expect([...new Set(findings.map(({ check }) => check))].sort()).toEqual(
        ["disk", "engine", "images", "memory", "networks", "ports", "project", "volumes"].sort(),
    );
    expect(notes).toEqual([]);
    expect(Object.keys(buildTokens ?? {})).toEqual(["plumbline/edge:000000000001"]);
});

describe("ports [R12]", () => {
    test("that a process has are refused with its number and command, in a preview too", async () => {
        const child = await stage.listen();
        for (const isPreview of [false, true]) {
            expect(await stage.refusal({ isPreview })).toMatch(
                new RegExp(
                    `^web needs the port 127\\.0\\.0\\.1:${stage.port}, which the process ${child.pid} \\(node\\S*\\) has \\[port-conflict, web\\]`,
                ),
            );
        }
    });

    test("that a container has are refused with its name, and those of the stack's own are not", async () => {
        const published = {
            ExposedPorts: { "80/tcp": {} },
            HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: String(stage.port) }] } },
        };
        const stranger = await stage.container({ name: `${stage.project}-stranger`, ...published });
        expect(await stage.refusal()).toContain(`which the container ${stage.project}-stranger has`);
        await stranger.stop();
        await stage.container({ Labels: { ...stage.own, "plumbline.service": "edge" }, ...published });
        const { findings } = await stage.judge();
        expect(findings.filter(({ result }) => result !== "pass")).toEqual([]);
    });

    test("of an address that this machine does not have are refused", async () => {
        const web = sampleService("web", "request", [], {
            image: { kind: "pulled", reference: "debian:bookworm-slim" },
            ports: [{ target: 80, published: stage.port, hostIp: "203.0.113.7" }],
        });
        expect(await stage.refusal({ change: { services: [web] } })).toContain(
            "203.0.113.7 is no address of this machine",
        );
    });
});

describe("strangers [R11]", () => {
    test("among networks are refused; what compose has left is recognised", async () => {
        await stage.makeNetwork({});
        expect(await stage.refusal()).toContain(`the network ${stage.network} is there, and is not this stack's`);
        await stage.makeNetwork({ "com.docker.compose.project": stage.project });
        expect(await stage.refusal()).toContain(`was left by \`docker compose up\` of the project ${stage.project}`);
    });

    test("that answer to a service's name on the stack's own network are refused", async () => {
        await stage.makeNetwork(stage.own);
        expect((await stage.judge()).findings.filter(({ result }) => result !== "pass")).toEqual([]);
        await stage.container({
            name: `${stage.project}-guest`,
            NetworkingConfig: { EndpointsConfig: { [stage.network]: { Aliases: ["web"] } } },
        });
        expect(await stage.refusal()).toContain(`the container ${stage.project}-guest answers to the name web`);
    });

    test("among volumes are refused, taken over on purpose, and never while somebody runs on them", async () => {
        await stage.makeVolume({ "com.docker.compose.project": stage.project, "com.docker.compose.volume": "data" });
        const refused = await stage.refusal();
        expect(refused).toContain(`the volume ${stage.volume} was left by \`docker compose up\``);
        expect(refused).toContain("plumbline:adoptVolumes: [data]");
        const settings = { adoptVolumes: '["data"]' };
        expect((await stage.judge({ settings })).notes).toEqual([
            `the volume ${stage.volume} is taken over with its data, as plumbline:adoptVolumes says`,
        ]);
        const user = await stage.container({
            name: `${stage.project}-user`,
            HostConfig: { Binds: [`${stage.volume}:/data`] },
        });
        expect(await stage.refusal({ settings })).toContain(`the container ${stage.project}-user runs on it`);
        await user.stop();
        expect((await stage.judge({ settings })).notes).toHaveLength(1);
    });

    test("are not what a destroy has kept: it carries the stack's labels", async () => {
        await stage.makeVolume(stage.own);
        expect((await stage.judge()).notes).toEqual([]);
    });

    test("include another stack under the same project name", async () => {
        await stage.container({ Labels: { ...stage.own, "plumbline.stack": "staging" } });
        expect(await stage.refusal()).toContain(`the project name ${stage.project} is in use by the stack staging`);
    });
});

test("a network that would be replaced is refused, with what differs [R11]", async () => {
    await stage.makeNetwork(stage.own, { Internal: true });
    expect(await stage.refusal()).toContain("internal is true, the baseline says false");
});

describe("the machine [R10]", () => {
    test.each([
        ["disk", { preflight: '{"diskFreeGb":1000000}' }, "plumbline:preflight.diskFreeGb asks for 1000000"],
        ["memory that is left", { preflight: '{"memoryFreeMb":100000000}' }, "MB of memory are left on the machine"],
        ["an engine of that age", { preflight: '{"engineApi":"1.999"}' }, "is too old: it has API 1."],
    ])("without enough %s is refused, by a limit of the stack", async (_, settings, expected) => {
        expect(await stage.refusal({ settings })).toContain(expected);
    });

    test("of smaller memory than the limits promise is refused", async () => {
        const web = stage.release().services[0] ?? sampleService("web", "request");
        const greedy = { ...web, spec: { ...web.spec, memoryBytes: 2 ** 50 } };
        expect(await stage.refusal({ change: { services: [greedy] } })).toContain("of memory by their limits");
    });

    test("is told with everything at once, and by notes alone where a plan is made from nothing", async () => {
        await stage.listen();
        await stage.makeNetwork({});
        const settings = { preflight: '{"diskFreeGb":1000000}' };
        const text = await stage.refusal({ settings });
        expect(text).toMatch(/^3 things stand against this deploy:\n/);
        for (const part of ["needs the port", "the network", "on the disk"]) expect(text).toContain(part);
        const env = { PLUMBLINE_FROM_NOTHING: "1" };
        const { notes, isItsEngine } = await stage.judge({ settings, env, isPreview: true });
        expect(isItsEngine).toBe(false);
        expect(notes.filter((note) => note.startsWith("would be refused: "))).toHaveLength(3);
        // An update has no such way round.
        expect(await stage.refusal({ settings, env })).toContain("3 things");
    });
});

describe("images that the engine lacks [R11] [R21]", () => {
    let registry: Server;
    let asked = 0;
    let answer: (count: number) => { status: number; body: string } | undefined = () => undefined;
    let address = "";

    beforeEach(async () => {
        asked = 0;
        answer = () => undefined;
        registry = createHttpServer((request, response) => {
            if (request.url === "/v2/") return void response.end("{}");
            asked += 1;
            const said = answer(asked);
            if (said === undefined) return void request.socket.destroy();
            response.writeHead(said.status, { "content-type": "application/json" });
            response.end(said.body);
        });
        registry.listen(0, "127.0.0.1");
        await once(registry, "listening");
        address = `127.0.0.1:${(registry.address() as { port: number }).port}`;
    });
    afterEach(async () => {
        registry.closeAllConnections();
        await new Promise((resolve) => registry.close(resolve));
    });

    const needing = (reference: string) => ({
        services: [sampleService("web", "request", [], { image: { kind: "pulled" as const, reference } })],
    });
    const error = (code: string) => JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] });

    test("are refused when the registry does not have them", async () => {
        answer = () => ({ status: 404, body: error("MANIFEST_UNKNOWN") });
        expect(await stage.refusal({ change: needing(`${address}/nothing:1`) })).toMatch(
            /its registry does not have it \[image, web\]/,
        );
    });

    test("are refused when the registry does not answer, after it was asked again", async () => {
        const settings = { preflight: '{"registrySeconds":2}' };
        expect(await stage.refusal({ settings, change: needing(`${address}/nothing:1`) })).toContain(
            "its registry does not answer: ",
        );
        expect(asked).toBeGreaterThan(1);
    });

    test("are refused when nobody listens there", async () => {
        const settings = { preflight: '{"registrySeconds":1}' };
        expect(await stage.refusal({ settings, change: needing("127.0.0.1:9/nothing:1") })).toContain(
            "its registry does not answer: ",
        );
    });

    test("pass when the registry has them", async () => {
        const digest = `sha256:${"0".repeat(64)}`;
        const type = "application/vnd.docker.distribution.manifest.v2+json";
        const manifest = {
            schemaVersion: 2,
            mediaType: type,
            config: { mediaType: "application/vnd.docker.container.image.v1+json", size: 2, digest },
            layers: [],
        };
        registry.removeAllListeners("request");
        registry.on("request", (request, response) => {
            if (request.url?.includes("/blobs/")) {
                response.writeHead(200, { "content-type": "application/octet-stream" });
                return response.end(JSON.stringify({ os: "linux", architecture: "amd64" }));
            }
            const body = JSON.stringify(manifest);
            response.writeHead(200, {
                "content-type": type,
                "content-length": Buffer.byteLength(body),
                "docker-content-digest": digest,
            });
            return response.end(request.method === "HEAD" ? undefined : body);
        });
        const { findings } = await stage.judge({ change: needing(`${address}/there:1`) });
        expect(findings.filter(({ check }) => check === "images")).toMatchObject([{ result: "pass" }]);
    });
});

describe("an engine that cannot be asked [R10]", () => {
    test("is told by a preview in one note, and refuses an update with the same words", async () => {
        const engineHost = "unix:///tmp/no-engine-of-preflight.sock";
        const { notes, buildTokens, isItsEngine } = await stage.judge({ engineHost, isPreview: true });
        expect([notes.length, buildTokens, isItsEngine]).toEqual([1, undefined, false]);
        expect(notes[0]).toContain(`The Docker engine at ${engineHost} does not answer`);
        expect(notes[0]).toContain("The plan is made without it");
        expect(await stage.refusal({ engineHost })).toContain(`The Docker engine at ${engineHost} does not answer`);
    });

    test("since nobody gave the permission is another error, with another cure", async () => {
        const folder = await mkdtemp(path.join(tmpdir(), "plumbline-socket-"));
        const socket = path.join(folder, "engine.sock");
        const server = createServer((connection) => connection.destroy());
        server.listen(socket);
        await once(server, "listening");
        try {
            await chmod(folder, 0o755);
            await chmod(socket, 0);
            const script = path.join(import.meta.dirname, "ask-as-nobody.ts");
            const { stdout } = await exec(process.execPath, [script, `unix://${socket}`]);
            expect(stdout).toContain(`No permission to use the Docker engine at unix://${socket} [engine]`);
            expect(stdout).toContain("Next: Add your user to the group docker");
        } finally {
            await new Promise((resolve) => server.close(resolve));
            await rm(folder, { recursive: true });
        }
    });
});
