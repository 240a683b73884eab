/** The engine's door against the real engine, also over a connection that breaks. */

import { randomBytes } from "node:crypto";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type CreateOptions, connectEngine, type LogLine } from "../../../engine/docker.ts";
import { PlumblineError } from "../../../release/errors.ts";
import { buildImage, edgeImage } from "../edge/stage.ts";

const engine = connectEngine();
const mark = randomBytes(4).toString("hex");
const labels = { "plumbline.test": mark };
const volume = `engine-test-${mark}`;
const containers: string[] = [];

async function create(options: Partial<CreateOptions> = {}, through = engine): Promise<string> {
    const id = await through.create({ image: edgeImage, labels, ...options });
    containers.push(id);
    return id;
}

beforeAll(async () => {
    await buildImage("edge");
}, 300_000);

afterAll(async () => {
    for (const { id } of await engine.list(labels)) await engine.remove(id);
    await engine.removeVolume(volume);
});

const sleeping: Partial<CreateOptions> = { entrypoint: ["sleep", "600"], init: true };

describe("a container", () => {
    test("is created, started, inspected, stopped, removed, and saying it twice does no harm", async () => {
        const id = await create({ ...sleeping, environment: { A: "b=c" } });
        expect(await engine.inspect(id)).toMatchObject({ state: "created", running: false, startedAt: 0, labels });
        await engine.start(id);
        await engine.start(id);
        const running = await engine.inspect(id);
        expect(running).toMatchObject({ state: "running", running: true, imageReference: edgeImage });
        expect(running?.environment).toMatchObject({ A: "b=c" });
        expect(running?.health).toBe("starting");
        expect((await engine.list(labels)).map((one) => [one.id, one.state])).toEqual([[id, "running"]]);
        await engine.stop(id, 2);
        await engine.stop(id, 2);
        expect(await engine.inspect(id)).toMatchObject({ state: "exited", running: false });
        await engine.remove(id);
        await engine.remove(id);
        await engine.stop(id, 2);
        expect(await engine.inspect(id)).toBeUndefined();
    });

    test("runs commands: input, both outputs, exit code", async () => {
        const id = await create(sleeping);
        await engine.start(id);
        const script = "cat; echo wrong >&2; exit 3";
        const large = "x".repeat(1_000_000);
        expect(await engine.exec(id, ["sh", "-c", script], { stdin: "in" })).toEqual({
            exitCode: 3,
            stdout: "in",
            stderr: "wrong\n",
        });
        expect((await engine.exec(id, ["cat"], { stdin: large })).stdout).toHaveLength(large.length);
        expect((await engine.exec(id, ["true"])).exitCode).toBe(0);
        const hanging = engine.exec(id, ["sleep", "60"], { timeoutMs: 300 });
        await expect(hanging).rejects.toMatchObject({ category: "engine", message: expect.stringContaining("300 ms") });
    });

    test("gives its logs, followed until it ends or until nobody listens", async () => {
        const id = await create({ entrypoint: ["sh", "-c", "echo one; echo two >&2; sleep 1; echo three"] });
        await engine.start(id);
        const followed: LogLine[] = [];
        await engine.followLogs(id, (line) => followed.push(line), new AbortController().signal);
        // The engine keeps the order within a stream; the two streams reach it by ways of their own.
        expect(followed.map(({ line }) => line).sort()).toEqual(["one", "three", "two"]);
        expect(followed.flatMap(({ stream, line }) => (stream === "stdout" ? [line] : []))).toEqual(["one", "three"]);
        expect((await engine.logs(id, { tail: 1 })).map(({ line }) => line)).toEqual(["three"]);
        expect(await engine.logs(id)).toContainEqual({ stream: "stderr", line: "two" });

        const endless = await create({ entrypoint: ["sh", "-c", "while :; do echo on; sleep 0.1; done"], init: true });
        await engine.start(endless);
        const stop = new AbortController();
        let seen = 0;
        const onLine = () => {
            seen++;
            if (seen === 3) stop.abort();
        };
        await engine.followLogs(endless, onLine, stop.signal);
        expect(seen).toBe(3);
    });

    test("that is not there is said so by name", async () => {
        await expect(engine.start(`nobody-${mark}`)).rejects.toMatchObject({
            category: "engine",
            message: expect.stringContaining(`nobody-${mark}`),
        });
    });
});

describe("files", () => {
    test("are kept on a volume by containers that never ran", async () => {
        await engine.createVolume(volume, labels);
        await engine.createVolume(volume, labels);
        expect(await engine.volumes(labels)).toEqual([{ name: volume, labels, driver: "local" }]);
        const writer = await create({ mounts: [{ volume, target: "/ledger" }] });
        const bytes = randomBytes(100_000);
        await engine.putFiles(writer, "/ledger", [
            { name: "a.json", content: '{"ü":1}', mode: 0o600 },
            { name: "deep/b.bin", content: bytes },
        ]);
        await engine.remove(writer);

        const reader = await create({ mounts: [{ volume, target: "/ledger" }] });
        expect((await engine.getFile(reader, "/ledger/a.json"))?.toString()).toBe('{"ü":1}');
        expect(await engine.getFile(reader, "/ledger/deep/b.bin")).toEqual(bytes);
        expect(await engine.getFile(reader, "/ledger/none")).toBeUndefined();
        expect(await engine.readFiles(reader, "/ledger")).toEqual(
            new Map([
                ["a.json", Buffer.from('{"ü":1}')],
                ["deep/b.bin", bytes],
            ]),
        );
        expect(await engine.readFiles(reader, "/ledger/none")).toEqual(new Map());
        await expect(engine.getFile(`nobody-${mark}`, "/x")).rejects.toThrow(PlumblineError);
        await engine.remove(reader);
        await engine.removeVolume(volume);
        await engine.removeVolume(volume);
        expect(await engine.volume(volume)).toBeUndefined();
    });
});

describe("networks and images", () => {
    test("are made and found, and missing ones are undefined", async () => {
        const name = `engine-test-${mark}`;
        await engine.createNetwork(name, labels);
        await engine.createNetwork(name, labels);
        expect(await engine.networks(labels)).toMatchObject([{ name, labels, driver: "bridge", internal: false }]);
        expect(await engine.network(name)).toMatchObject({ name });
        await engine.removeNetwork(name);
        await engine.removeNetwork(name);
        expect(await engine.network(name)).toBeUndefined();
        expect(await engine.image(edgeImage)).toMatchObject({ id: expect.stringMatching(/^sha256:/) });
        expect(await engine.image(`plumbline-test/none:${mark}`)).toBeUndefined();
        await engine.removeImage(`plumbline-test/none:${mark}`);
    });
});

describe("the networks of a container", () => {
    test("are joined and left, said once or twice, and each tells its addresses", async () => {
        const [one, two] = [`engine-test-${mark}-one`, `engine-test-${mark}-two`];
        await engine.createNetwork(one, labels);
        await engine.createNetwork(two, labels);
        const id = await create({ networks: [{ network: one }] });
        const joined = async () => Object.keys((await engine.inspect(id))?.addresses ?? {}).sort();
        await engine.connect(id, two, ["other"]);
        await engine.connect(id, two, ["other"]);
        expect(await joined()).toEqual([one, two]);
        const { raw } = (await engine.inspect(id)) ?? {};
        expect(raw?.NetworkSettings.Networks[two]?.Aliases).toContain("other");
        await engine.disconnect(id, two);
        await engine.disconnect(id, two);
        expect(await joined()).toEqual([one]);
        const { subnets, gateways } = (await engine.network(two)) ?? {};
        expect(subnets).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+\.\d+\/\d+$/)]);
        expect(gateways).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/)]);
        await engine.remove(id);
        for (const network of [one, two]) await engine.removeNetwork(network);
    });
});

describe("the connection", () => {
    const proxies: Server[] = [];
    const clients: Socket[] = [];

    afterEach(() => {
        for (const proxy of proxies.splice(0)) proxy.close();
        for (const client of clients.splice(0)) client.destroy();
    });

    /** A proxy before the engine that treats each connection as `treat` says; gives its address. */
    async function proxy(treat: (client: Socket, engineSide: Socket, count: number) => void): Promise<string> {
        let count = 0;
        const server = createServer((client) => {
            clients.push(client);
            const engineSide = connect(engine.address.replace("unix://", ""));
            client.on("error", () => engineSide.destroy());
            client.on("close", () => engineSide.destroy());
            engineSide.on("error", () => client.destroy());
            treat(client, engineSide, ++count);
        });
        proxies.push(server);
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        return `tcp://127.0.0.1:${(server.address() as { port: number }).port}`;
    }

    const retry = { attempts: 4, firstDelayMs: 5, factor: 1, maxDelayMs: 5, jitter: 0 };

    test("tells what the engine is", async () => {
        const info = await engine.info();
        expect(info).toMatchObject({ os: "linux", serverVersion: expect.stringMatching(/^\d+\./) });
        expect(Math.min(info.cpus, info.memoryBytes)).toBeGreaterThan(0);
    });

    test("that breaks is tried again for what may be said twice [R21]", async () => {
        const address = await proxy((client, engineSide, count) => {
            if (count <= 2) client.destroy();
            else client.pipe(engineSide).pipe(client);
        });
        const { serverVersion } = await connectEngine(address, { retry }).info();
        expect(serverVersion).toBe((await engine.info()).serverVersion);
    });

    test("that stays broken is an error that says so", async () => {
        const address = await proxy((client) => client.destroy());
        await expect(connectEngine(address, { retry }).info()).rejects.toThrow("The Docker engine");
    });

    test("that breaks after a create was sent does not create twice", async () => {
        const before = await engine.list(labels);
        const address = await proxy((client, engineSide) => {
            client.pipe(engineSide);
            engineSide.once("data", () => client.destroy());
        });
        await expect(create(sleeping, connectEngine(address, { retry }))).rejects.toThrow("could not create");
        expect(await engine.list(labels)).toHaveLength(before.length + 1);
    });

    test("to an engine that is down names the address and the next step", async () => {
        const address = `unix:///tmp/no-engine-${mark}.sock`;
        const error = await connectEngine(address, { retry })
            .info()
            .then(
                () => undefined,
                (thrown: unknown) => thrown as PlumblineError,
            );
        expect(error).toBeInstanceOf(PlumblineError);
        expect(error?.format()).toMatch(new RegExp(`${address} does not answer[\\s\\S]*Next: Start the engine`));
    });
});
