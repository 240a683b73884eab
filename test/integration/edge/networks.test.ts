/** The real edge on several networks: who reaches whom, from inside each network and from the host. */

import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { proxyHeader } from "../../../engine/edge/probe-socket.ts";
import { requestThroughEdge } from "../../../engine/http.ts";
import { type Answer, edgeImage, type Service, Stage } from "./stage.ts";

jest.setTimeout(300_000);

const gateway = 54_321;
const published = { hostIp: "127.0.0.1", port: 0 };
const stage = new Stage({
    networks: ["back", "front", "hidden"],
    internal: ["hidden"],
    listeners: [
        // The same port twice, each published by a port of its own inside the edge.
        {
            service: "api",
            port: 8000,
            protocol: "http",
            kind: "request",
            networks: ["front"],
            published: { ...published, inside: 20_000 },
        },
        {
            service: "web",
            port: 8000,
            protocol: "http",
            kind: "request",
            networks: ["back"],
            published: { ...published, inside: 20_001 },
        },
        { service: "db", port: 5432, protocol: "tcp", kind: "stateful", networks: ["back", "hidden"], published },
        { service: "all", port: 9000, protocol: "http", kind: "request" },
    ],
    gateways: [
        {
            name: "g",
            port: gateway,
            published,
            routes: [{ prefix: "/", service: "web", port: 8000, stripPrefix: false }],
        },
    ],
});

const clients: Record<string, Service> = {};
const networksOf: Readonly<Record<string, readonly string[]>> = {
    inFront: ["front"],
    inBack: ["back"],
    inBoth: ["back", "front"],
    inHidden: ["hidden"],
};
const ports = [8000, 20_000, 20_001, 5432, 9000, gateway];

beforeAll(async () => {
    await stage.open();
    const services = {
        api: await stage.service("api1", 8000, { networks: ["front"] }),
        web: await stage.service("web1", 8000, { networks: ["back"] }),
        db: await stage.service("db1", 5432, { networks: ["hidden"] }),
        all: await stage.service("all1", 9000, { networks: ["back", "front", "hidden"] }),
    };
    expect(await stage.edge.serve(stage.release)).toBe("reloaded");
    await stage.edge.switchTo(Object.entries(services).map(([service, { container }]) => ({ service, container })));
    for (const [name, networks] of Object.entries(networksOf)) {
        clients[name] = await stage.create(name, { image: edgeImage, entrypoint: ["sleep", "3600"] }, networks);
        await stage.engine.start(clients[name].id);
    }
});

afterAll(() => stage.close());

/** What a container gets for a request at an address of the edge: the name that answers, or nothing. */
async function whoAnswersIn(id: string, address: string, port: number, preamble: Uint8Array = Buffer.alloc(0)) {
    const bytes = [...preamble].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
    const said = `printf '${bytes}GET / HTTP/1.0\\r\\n\\r\\n'`;
    // In one piece, as HAProxy wants the PROXY header.
    const script = `exec 3<>/dev/tcp/${address}/${port}; ${said} | dd bs=4096 iflag=fullblock status=none >&3; cat <&3`;
    const { stdout } = await stage.engine.exec(id, ["timeout", "3", "bash", "-c", script]);
    const body = stdout.split("\r\n\r\n")[1];
    return body === undefined || body === "" ? "nobody" : (JSON.parse(body) as Answer).name;
}

const idOf = (client: string) => clients[client]?.id ?? "";

async function edgeAddress(network: string): Promise<string> {
    return (await stage.engine.inspect(stage.edgeId))?.addresses[stage.networkOf(network)] ?? "";
}

/** Who answers a client at each port of the edge, on one of its networks. */
async function seenBy(client: string, network: string): Promise<Record<number, string>> {
    const address = await edgeAddress(network);
    const names = await Promise.all(ports.map((port) => whoAnswersIn(idOf(client), address, port)));
    return Object.fromEntries(ports.map((port, index) => [port, names[index] ?? ""]));
}

const nothing = Object.fromEntries(ports.map((port) => [port, "nobody"]));

describe("from inside", () => {
    test("a network sees its own services, under a port that another network uses too [R04]", async () => {
        expect(await seenBy("inFront", "front")).toEqual({ ...nothing, 8000: "api1", 20000: "api1", 9000: "all1" });
        expect(await seenBy("inBack", "back")).toEqual({
            ...nothing,
            8000: "web1",
            20001: "web1",
            5432: "db1",
            9000: "all1",
            [gateway]: "web1",
        });
        expect(await seenBy("inHidden", "hidden")).toEqual({ ...nothing, 5432: "db1", 9000: "all1" });
    });

    test("a container on two networks sees the services of the one by which it asks", async () => {
        expect(await seenBy("inBoth", "front")).toEqual(await seenBy("inFront", "front"));
        expect(await seenBy("inBoth", "back")).toEqual(await seenBy("inBack", "back"));
    });

    test.each([
        ["inFront", "back"],
        ["inBack", "front"],
        ["inHidden", "front"],
        ["inFront", "hidden"],
    ])("%s does not get to the edge's address on %s", async (client, network) => {
        expect(await seenBy(client, network)).toEqual(nothing);
    });

    test("nobody gets through the probe listener, by words with which the host does", async () => {
        const header = proxyHeader({ role: "active", service: "all", servicePort: 9000 });
        for (const [client, [network = ""]] of Object.entries(networksOf)) {
            expect(await whoAnswersIn(idOf(client), await edgeAddress(network), 19_000, header)).toBe("nobody");
        }
        expect(await whoAnswersIn(stage.edgeId, "127.0.0.1", 19_000, header)).toBe("all1");
    });
});

describe("from the host", () => {
    test.each([
        [20_000, "api1"],
        [20_001, "web1"],
        [5432, "db1"],
        [9000, "all1"],
    ])("the published port of %d leads to %s, whatever its networks", async (port, name) => {
        expect(await stage.whoAnswers(port)).toBe(name);
    });

    test("the gateway routes", async () => {
        expect(JSON.parse((await stage.ask(gateway)).text)).toMatchObject({ name: "web1" });
    });

    test("probes reach each service of a shared port, active and candidate", async () => {
        const ask = { method: "GET", path: "/" } as const;
        const next = await stage.service("api2", 8000, { networks: ["front"] });
        await stage.edge.setCandidate("api", next.container);
        const answers = await Promise.all(
            (
                [
                    ["active", "api"],
                    ["active", "web"],
                    ["candidate", "api"],
                ] as const
            ).map(async ([role, service]) => requestThroughEdge(await stage.probe(role, service, 8000), ask, 5_000)),
        );
        expect(answers.map(({ json }) => (json as Answer).name)).toEqual(["api1", "web1", "api2"]);
    });
});

test("a service that is put on another network is reached from there: the edge closes what it is told to", async () => {
    const listeners = stage.release.listeners.map(({ networks, ...listener }) =>
        networks === undefined || listener.service === "db" ? listener : { ...listener, networks },
    );
    expect(await stage.edge.serve({ ...stage.release, listeners })).toBe("reloaded");
    expect((await seenBy("inFront", "front"))[5432]).toBe("db1");
    expect(await stage.edge.serve(stage.release)).toBe("reloaded");
    expect((await seenBy("inFront", "front"))[5432]).toBe("nobody");
});

test("a network that is gone is named", async () => {
    const networks = [...stage.release.networks, { network: stage.networkOf("never"), aliases: [] }];
    await expect(stage.edge.serve({ ...stage.release, networks })).rejects.toMatchObject({
        category: "engine",
        message: expect.stringContaining(`The network ${stage.networkOf("never")} is gone`),
    });
});
