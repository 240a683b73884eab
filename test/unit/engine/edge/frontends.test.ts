/** Who may ask at which port of the edge, as its configuration says it. What HAProxy makes of it: test/integration/edge/networks.test.ts. */
import { describe, expect, test } from "@jest/globals";
import {
    defaultEdgePolicy,
    renderEdgeConfig,
    slotsOf,
    structureOf,
    withSlots,
} from "../../../../engine/edge/config.ts";
import type { NetworkRanges } from "../../../../engine/edge/ranges.ts";
import type { EdgeRelease, Gateway, Listener } from "../../../../release/types.ts";

const ranges: NetworkRanges = {
    front: { subnets: ["10.1.0.0/16"], gateways: ["10.1.0.1"] },
    back: { subnets: ["10.2.0.0/16"], gateways: ["10.2.0.1"] },
    hidden: { subnets: ["10.3.0.0/16"], gateways: [] },
};

const on = (
    networks: readonly string[] | undefined,
    service: string,
    port: number,
    inside?: number | null,
): Listener => ({
    service,
    port,
    protocol: "http",
    kind: "request",
    ...(networks === undefined ? {} : { networks }),
    ...(inside === undefined
        ? {}
        : { published: { hostIp: "127.0.0.1", port: 1, ...(inside === null ? {} : { inside }) } }),
});

const edgeOf = (
    listeners: readonly Listener[],
    networks: readonly string[],
    gateways: readonly Gateway[] = [],
): EdgeRelease => ({
    revision: "r",
    image: { kind: "built", reference: "edge", sourceDigest: "", context: "", dockerfile: "", args: {} },
    listeners,
    gateways,
    probePort: 19_000,
    probeHostIp: "127.0.0.1",
    networks: networks.map((network) => ({ network, aliases: [] })),
    configVolume: "v",
});

const render = (edge: EdgeRelease) => renderEdgeConfig(edge, {}, defaultEdgePolicy, ranges);

/** The lines below a heading. */
function section(edge: EdgeRelease, heading: string): string[] {
    const lines = render(edge).split("\n");
    const from = lines.findIndex((line) => line.startsWith(`${heading} `) || line === heading);
    if (from < 0) throw new Error(`no ${heading}`);
    const rest = lines.slice(from + 1);
    const to = rest.findIndex((line) => !line.startsWith(" "));
    return rest.slice(0, to).map((line) => line.trim());
}

describe("a port of one service", () => {
    test("is open to everybody where the service is on all networks of the edge", () => {
        const edge = edgeOf([on(undefined, "api", 80)], ["front", "back"]);
        expect(section(edge, "frontend in_api_80")).toEqual(["bind :80", "default_backend api_80"]);
    });

    test("is closed to the other networks, but not to the host's address there", () => {
        const edge = edgeOf([on(["front"], "api", 80), on(undefined, "all", 81)], ["front", "back", "hidden"]);
        expect(section(edge, "frontend in_api_80")).toEqual([
            "bind :80",
            "acl foreign src 10.2.0.0/16 10.3.0.0/16",
            "acl host src 10.2.0.1",
            "tcp-request connection reject if foreign !host",
            "default_backend api_80",
        ]);
    });

    test("is closed without exception where the host has no address", () => {
        const edge = edgeOf([on(["front"], "api", 80), on(["hidden"], "db", 81)], ["front", "hidden"]);
        expect(section(edge, "frontend in_api_80")).toContain("tcp-request connection reject if foreign");
    });
});

describe("a port of two services", () => {
    const shared = [on(["front"], "api", 80), on(["back"], "web", 80)];

    test("leads to the one of the network that asks, and nowhere else", () => {
        expect(section(edgeOf(shared, ["front", "back", "hidden"]), "frontend in_80")).toEqual([
            "bind :80",
            "acl asks_api src 10.1.0.0/16",
            "acl asks_api dst 127.0.1.1",
            "acl asks_web src 10.2.0.0/16",
            "acl asks_web dst 127.0.1.2",
            "tcp-request connection reject unless asks_api || asks_web",
            "use_backend api_80 if asks_api",
            "use_backend web_80 if asks_web",
        ]);
    });

    test("has a loopback address for each, where a probe of the active one asks", () => {
        const edge = edgeOf(shared, ["front", "back"]);
        expect(section(edge, "backend api_80_active")).toContain("server edge 127.0.1.1:80");
        expect(section(edge, "backend web_80_active")).toContain("server edge 127.0.1.2:80");
        const alone = edgeOf([on(undefined, "api", 80)], ["front"]);
        expect(section(alone, "backend api_80_active")).toContain("server edge 127.0.0.1:80");
    });

    test("is published by a port of its own, closed to the other networks", () => {
        const edge = edgeOf([on(["front"], "api", 80, 20_000), on(["back"], "web", 80, 20_001)], ["front", "back"]);
        expect(section(edge, "frontend published_web_80")).toEqual([
            "bind :20001",
            "acl foreign src 10.1.0.0/16",
            "acl host src 10.1.0.1",
            "tcp-request connection reject if foreign !host",
            "default_backend web_80",
        ]);
    });

    test("where one was published alone before, the host's address leads to that one", () => {
        const edge = edgeOf([on(["front"], "api", 80, null), on(["back"], "old", 80)], ["front", "back", "hidden"]);
        expect(section(edge, "frontend in_80")).toEqual([
            "bind :80",
            "acl asks_old src 10.2.0.0/16",
            "acl asks_old dst 127.0.1.2",
            "acl foreign src 10.3.0.0/16",
            "tcp-request connection reject if foreign",
            "use_backend old_80 if asks_old !{ src 10.1.0.1 10.2.0.1 }",
            "default_backend api_80",
        ]);
    });
});

test("a gateway is for those who may reach everything that it leads to", () => {
    const routes = ["api", "web"].map((service) => ({ prefix: `/${service}`, service, port: 80, stripPrefix: false }));
    const gateway = { name: "g", port: 90, published: { hostIp: "127.0.0.1", port: 90 }, routes };
    const listeners = [on(["front", "back"], "api", 80), { ...on(["front"], "web", 81) }];
    const to = (port: number) =>
        ({
            ...gateway,
            routes: [
                { ...routes[0], port: 80 },
                { ...routes[1], port },
            ],
        }) as Gateway;
    const lines = section(edgeOf(listeners, ["front", "back", "hidden"], [to(81)]), "frontend gateway_g");
    expect(lines.slice(0, 4)).toEqual([
        "bind :90",
        "acl foreign src 10.2.0.0/16 10.3.0.0/16",
        "acl host src 10.2.0.1",
        "tcp-request connection reject if foreign !host",
    ]);
});

test("of a gateway's route for everything nothing is cut off", () => {
    const routes = ["/", "/a"].map((prefix) => ({ prefix, service: "api", port: 80, stripPrefix: true }));
    const gateway = { name: "g", port: 90, published: { hostIp: "127.0.0.1", port: 90 }, routes };
    const edge = edgeOf([on(undefined, "api", 80)], ["front"], [gateway]);
    const cut = section(edge, "frontend gateway_g").filter((line) => line.includes("replace-path"));
    expect(cut).toEqual([expect.stringContaining("^/a/?(.*)")]);
});

test("probes are for the host, on one network as on several", () => {
    expect(section(edgeOf([on(undefined, "api", 80)], ["front"]), "frontend probe").slice(0, 4)).toEqual([
        "bind :19000 accept-proxy",
        "acl foreign src 10.1.0.0/16",
        "acl host src 10.1.0.1",
        "tcp-request connection reject if foreign !host",
    ]);
});

test("other addresses are another structure, and the slots stay what they are", () => {
    const edge = edgeOf([on(["front"], "api", 80), on(["back"], "web", 80)], ["front", "back"]);
    const moved = { ...ranges, back: { subnets: ["10.9.0.0/16"], gateways: ["10.9.0.1"] } };
    const other = renderEdgeConfig(edge, {}, defaultEdgePolicy, moved);
    expect(structureOf(other)).not.toBe(structureOf(render(edge)));
    const slots = { api: { a: "api-1", b: null, active: "a" as const, held: false, candidate: null } };
    expect(slotsOf(withSlots(render(edge), slots))).toMatchObject(slots);
});
