import { describe, expect, test } from "@jest/globals";
import {
    defaultEdgePolicy,
    renderEdgeConfig,
    slotsOf,
    structureOf,
    withSlots,
} from "../../../../engine/edge/config.ts";
import { proxyHeader } from "../../../../engine/edge/probe-socket.ts";
import { type EdgeSlots, emptySlots } from "../../../../engine/edge/slots.ts";
import type { EdgeRelease, Listener } from "../../../../release/types.ts";

const listener = (service: string, port: number, kind: Listener["kind"], protocol: Listener["protocol"]): Listener => ({
    service,
    port,
    kind,
    protocol,
});

const edge: EdgeRelease = {
    revision: "r",
    image: { kind: "built", reference: "edge", sourceDigest: "", context: "", dockerfile: "", args: {} },
    listeners: [listener("api", 8000, "request", "http"), listener("my.db-x", 5432, "stateful", "tcp")],
    gateways: [],
    probePort: 19_000,
    probeHostIp: "127.0.0.1",
    networks: [{ network: "n", aliases: [] }],
    configVolume: "v",
};

const slots: EdgeSlots = {
    api: { a: "api-1", b: "api-2", active: "b", held: false, candidate: "api-1" },
    "my.db-x": { a: "db-1", b: null, active: null, held: true, candidate: null },
};

describe("the slots", () => {
    test("are the only difference between two configurations of one structure", () => {
        const text = renderEdgeConfig(edge, {});
        expect(withSlots(text, slots)).toBe(renderEdgeConfig(edge, slots));
        expect(withSlots(renderEdgeConfig(edge, slots), {})).toBe(text);
        expect(structureOf(text)).toBe(structureOf(renderEdgeConfig(edge, slots)));
    });

    test("can be read back from the text", () => {
        expect(slotsOf(renderEdgeConfig(edge, slots))).toEqual(slots);
        expect(slotsOf(renderEdgeConfig(edge, {}))).toEqual({ api: emptySlots, "my.db-x": emptySlots });
    });
});

describe("the structure", () => {
    test("differs when a listener, a number or a kind differs", () => {
        const marks = [
            renderEdgeConfig(edge, {}),
            renderEdgeConfig({ ...edge, listeners: edge.listeners.slice(0, 1) }, {}),
            renderEdgeConfig(edge, {}, { ...defaultEdgePolicy, holdMs: 10_000 }),
            renderEdgeConfig(edge, {}, { ...defaultEdgePolicy, maxConnections: 10 }),
        ].map(structureOf);
        expect(new Set(marks).size).toBe(marks.length);
    });

    test("a held service waits as long as a hold may last, a request as long as a request may", () => {
        const text = renderEdgeConfig(edge, {});
        expect(text).toMatch(/backend my\.db-x_5432 from tcp\n {4}retries 120\n/);
        expect(text).toMatch(/backend api_8000 from http\n {4}retries 20\n/);
    });
});

describe("the waits that a release names", () => {
    test("win over the edge's own, and a name is kept for two holds [R91] [R98]", () => {
        const text = renderEdgeConfig({ ...edge, waits: { holdMs: 60_000, requestWaitMs: 2_000 } }, {});
        expect(text).toMatch(/backend my\.db-x_5432 from tcp\n {4}retries 240\n/);
        expect(text).toMatch(/backend api_8000 from http\n {4}retries 8\n/);
        expect(text).toMatch(/^defaults tcp\n[^#]*timeout queue 60000ms$/m);
        expect(text).toMatch(/^resolvers docker_held\n[^#]*hold nx 120000ms$/m);
        expect(structureOf(text)).not.toBe(structureOf(renderEdgeConfig(edge, {})));
    });

    test("are 30 s for a hold and 5 s for a request where it names none [R91] [R98]", () => {
        const usual = { holdMs: 30_000, requestWaitMs: 5_000 };
        expect(renderEdgeConfig({ ...edge, waits: usual }, {})).toBe(renderEdgeConfig(edge, {}));
    });
});

describe("replicas", () => {
    const shared: EdgeRelease = {
        ...edge,
        listeners: [
            { ...listener("web", 8000, "request", "http"), replicas: 2 },
            { ...listener("feed", 7000, "request", "tcp"), replicas: 3 },
        ],
    };
    const serving: EdgeSlots = {
        web: { a: "web-1", b: "web-0", active: "a", held: false, candidate: null },
        "web-2": { a: null, b: "web-2-1", active: "b", held: false, candidate: "web-2-1" },
        feed: { a: "feed-1", b: null, active: null, held: true, candidate: null },
        "feed-2": { ...emptySlots, held: true },
        "feed-3": { ...emptySlots, held: true },
    };

    test("share one backend, requests in turn, connections to whom has fewest", () => {
        const text = renderEdgeConfig(shared, {});
        expect(text).toMatch(/backend web_8000 from http\n {4}retries 20\n {4}balance roundrobin\n/);
        expect(text).toMatch(/backend feed_7000 from tcp\n {4}retries 20\n {4}balance leastconn\n/);
        const servers = [...text.matchAll(/^ {4}server (\w+) none\.invalid:7000/gm)].map(([, name]) => name);
        expect(servers.slice(0, 6)).toEqual(["a", "b", "a2", "b2", "a3", "b3"]);
    });

    test("are left out while they take no connection, but never where a hold is to be waited for", () => {
        const looked = (kind: Listener["kind"], replicas?: number) => {
            const one = { ...listener("web", 8000, kind, "http"), ...(replicas === undefined ? {} : { replicas }) };
            const text = renderEdgeConfig({ ...edge, listeners: [one] }, {});
            return [text.includes(" check inter 500ms "), text.includes("server wait 127.0.0.1:9 backup")];
        };
        expect(looked("request", 2)).toEqual([true, true]);
        expect(looked("request")).toEqual([false, false]);
        expect(looked("consumer", 2)).toEqual([false, false]);
        expect(looked("stateful")).toEqual([false, false]);
    });

    test("are written into the text and read back", () => {
        const text = renderEdgeConfig(shared, serving);
        expect(slotsOf(text)).toEqual(serving);
        expect(withSlots(renderEdgeConfig(shared, {}), serving)).toBe(text);
        expect(structureOf(text)).toBe(structureOf(renderEdgeConfig(shared, {})));
    });

    test("are each asked by name, never one for another", () => {
        const text = renderEdgeConfig(shared, serving);
        expect(text).toContain("use_backend web-2_8000_active if { fc_pp_authority -m str active.web-2.8000 }");
        const own = /backend web-2_8000_active from tcp\n((?: {4}.*\n)+)/.exec(text)?.[1] ?? "";
        expect(own).toMatch(/server b web-2-1:8000 .* init-addr libc,none\n/);
        expect(own).not.toContain("web-1:");
    });

    test("that are one make the same text as no number at all", () => {
        const [first] = edge.listeners;
        if (first === undefined) throw new Error("no listener");
        const listeners = [{ ...first, replicas: 1 }, ...edge.listeners.slice(1)];
        expect(renderEdgeConfig({ ...edge, listeners }, slots)).toBe(renderEdgeConfig(edge, slots));
    });
});

describe("what one edge cannot tell apart", () => {
    const refused = (changed: Partial<EdgeRelease>) => () => renderEdgeConfig({ ...edge, ...changed }, {});

    test("two services on one port are refused with both names", () => {
        const listeners = [listener("one", 80, "request", "http"), listener("two", 80, "request", "http")];
        expect(refused({ listeners })).toThrow("Port 80 is used by service one and by service two");
    });

    test("a service on the probe listener's port is refused", () => {
        expect(refused({ listeners: [listener("one", 19_000, "request", "http")] })).toThrow("probe listener");
    });

    test("a port in HTTP on one network and not on the other is refused", () => {
        const networks = ["front", "back"].map((network) => ({ network, aliases: [] }));
        const listeners = [
            { ...listener("one", 80, "request", "http"), networks: ["front"] },
            { ...listener("two", 80, "request", "tcp"), networks: ["back"] },
        ];
        const ranges = {
            front: { subnets: ["10.1.0.0/16"], gateways: [] },
            back: { subnets: ["10.2.0.0/16"], gateways: [] },
        };
        const render = () => renderEdgeConfig({ ...edge, networks, listeners }, {}, defaultEdgePolicy, ranges);
        expect(render).toThrow("Port 80 is used by service one and by service two");
    });

    test("several networks whose addresses nobody gives are an error of the program", () => {
        const networks = ["front", "back"].map((network) => ({ network, aliases: [] }));
        expect(refused({ networks })).toThrow("addresses of network front are not known");
    });

    test.each([
        ["/storage v1", "no plain path"],
        ["/x", "which api does not have"],
    ])("a gateway's route %s is refused", (prefix, reason) => {
        const routes = [{ prefix, service: "api", port: 9, stripPrefix: true }];
        const gateways = [{ name: "g", port: 1, published: { hostIp: "127.0.0.1", port: 1 }, routes }];
        expect(refused({ gateways })).toThrow(reason);
    });
});

test("the PROXY header names the wanted service in its authority", () => {
    const header = proxyHeader({ role: "candidate", service: "api", servicePort: 8000 });
    expect(header.subarray(0, 12).toString("latin1")).toBe("\r\n\r\n\0\r\nQUIT\n");
    expect(header.readUInt16BE(14)).toBe(header.length - 16);
    expect(header.subarray(-"candidate.api.8000".length).toString()).toBe("candidate.api.8000");
});
