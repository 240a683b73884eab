/** The minimal security gate: each power seeded alone, and nothing said where nothing got worse. */
import { describe, expect, test } from "@jest/globals";
import type { ContainerFacts } from "../../../../engine/docker.ts";
import type { Release } from "../../../../release/types.ts";
import { powersOf, weakenings, widerPublished } from "../../../../validation/checks/security.ts";
import { sampleRelease } from "../../rollout/sample-release.ts";

type Tree = Record<string, unknown>;

interface Raw {
    readonly host?: Tree;
    readonly user?: string;
    readonly mounts?: readonly Tree[];
}

/** What the engine says of a container that is locked down, changed as told. */
function factsOf({ host = {}, user = "10004:10004", mounts = [] }: Raw = {}): Pick<ContainerFacts, "raw"> {
    return {
        raw: {
            Config: { User: user },
            HostConfig: {
                Privileged: false,
                CapAdd: null,
                CapDrop: ["ALL"],
                ReadonlyRootfs: true,
                SecurityOpt: ["no-new-privileges:true"],
                PidMode: "",
                IpcMode: "private",
                NetworkMode: "sample_network",
                UsernsMode: "",
                ...host,
            },
            Mounts: mounts,
        },
    } as unknown as Pick<ContainerFacts, "raw">;
}

const bind = (source: string, writable: boolean) => ({ Type: "bind", Source: source, RW: writable });

const weaker: readonly [string, Raw, string[]][] = [
    ["is privileged", { host: { Privileged: true } }, ["privileged"]],
    ["has no user", { user: "" }, ["runs as root"]],
    ["has the user root", { user: "root:staff" }, ["runs as root"]],
    ["has the user 0", { user: "0:10004" }, ["runs as root"]],
    ["drops nothing", { host: { CapDrop: null } }, ["keeps the default capabilities"]],
    ["drops less", { host: { CapDrop: ["CAP_NET_RAW"] } }, ["keeps the default capabilities"]],
    ["can write its root", { host: { ReadonlyRootfs: false } }, ["a root file system that can be written"]],
    ["may gain privileges", { host: { SecurityOpt: [] } }, ["may gain privileges"]],
    ["says so", { host: { SecurityOpt: ["no-new-privileges:false"] } }, ["may gain privileges"]],
    [
        "has capabilities more",
        { host: { CapAdd: ["CAP_SYS_ADMIN", "CAP_NET_RAW"] } },
        ["capability CAP_NET_RAW", "capability CAP_SYS_ADMIN"],
    ],
    ["sees a path of the host", { mounts: [bind("/var/run/docker.sock", true)] }, ["host path /var/run/docker.sock"]],
    ["reads a path of the host", { mounts: [bind("/etc", false)] }, ["host path /etc:ro"]],
    ["shares the host's processes", { host: { PidMode: "host" } }, ["namespace of the host: pid"]],
    ["shares the host's memory", { host: { IpcMode: "host" } }, ["namespace of the host: ipc"]],
    ["shares the host's network", { host: { NetworkMode: "host" } }, ["namespace of the host: network"]],
    ["shares the host's users", { host: { UsernsMode: "host" } }, ["namespace of the host: user"]],
];

const between = (before: Raw, after: Raw) => weakenings(powersOf(factsOf(before)), powersOf(factsOf(after)));

describe("a container that follows another", () => {
    test.each(weaker)("and %s may do more, in words [R50]", (_, after, words) => {
        expect(between({}, after)).toEqual(words);
    });

    test.each(weaker)("whose predecessor %s already may do no more", (_, raw) => {
        expect(between(raw, raw)).toEqual([]);
    });

    test.each(weaker)("that no longer %s only got better", (_, before) => {
        expect(between(before, {})).toEqual([]);
    });

    test("is told everything at once", () => {
        const raw = { user: "root", host: { Privileged: true, CapDrop: null } };
        expect(between({}, raw)).toEqual(["privileged", "runs as root", "keeps the default capabilities"]);
    });

    test("may do more when it can write a path that could only be read, and less the other way round", () => {
        const [read, written] = [{ mounts: [bind("/etc", false)] }, { mounts: [bind("/etc", true)] }];
        expect(between(read, written)).toEqual(["host path /etc"]);
        expect(between(written, read)).toEqual([]);
    });

    test("may do more when it no longer drops one capability of several", () => {
        const drops = (...names: string[]): Raw => ({ host: { CapDrop: names } });
        expect(between(drops("CAP_NET_RAW", "CAP_MKNOD"), drops("CAP_MKNOD"))).toEqual(["capability CAP_NET_RAW"]);
        expect(between(drops("CAP_NET_RAW"), drops("ALL"))).toEqual([]);
        expect(between(drops("CAP_MKNOD"), drops("CAP_NET_RAW", "CAP_MKNOD"))).toEqual([]);
    });

    test("is not blamed for a volume or a tmpfs", () => {
        const mounts = [
            { Type: "volume", Source: "/var/lib/docker/volumes/x/_data", RW: true },
            { Type: "tmpfs", Source: "", RW: true },
        ];
        expect(between({}, { mounts })).toEqual([]);
    });

    test("writes no-new-privileges as it likes", () => {
        for (const option of ["no-new-privileges", "no-new-privileges=true", "no-new-privileges:true"])
            expect(between({}, { host: { SecurityOpt: [option] } })).toEqual([]);
    });
});

describe("published ports", () => {
    /** A release whose api and gateway are published on these addresses of the host. */
    function published(api: string | undefined, gateway = "127.0.0.1", port = 8000): Release {
        const sample = sampleRelease();
        const listeners = sample.edge.listeners.map((listener) =>
            listener.service === "api" && api !== undefined
                ? { ...listener, published: { hostIp: api, port } }
                : listener,
        );
        const gateways = [{ name: "supabase", port: 54321, published: { hostIp: gateway, port: 54321 }, routes: [] }];
        return sampleRelease(undefined, { edge: { ...sample.edge, listeners, gateways } });
    }

    test.each<[string, Release, Release, string[]]>([
        ["from loopback to every address", published("127.0.0.1"), published("0.0.0.0"), ["0.0.0.0:8000"]],
        ["from nowhere to every address", published(undefined), published("0.0.0.0"), ["0.0.0.0:8000"]],
        ["from nowhere to one address", published(undefined), published("192.0.2.7"), ["192.0.2.7:8000"]],
        ["from one address to every", published("192.0.2.7"), published("0.0.0.0"), ["0.0.0.0:8000"]],
        ["from one address to another", published("192.0.2.7"), published("192.0.2.8"), ["192.0.2.8:8000"]],
        ["of a gateway", published("127.0.0.1"), published("127.0.0.1", "0.0.0.0"), ["0.0.0.0:54321"]],
        ["to another port", published("0.0.0.0"), published("0.0.0.0", "127.0.0.1", 8001), ["0.0.0.0:8001"]],
    ])("moved %s are open to more machines [R50] [R65]", (_, before, after, wider) => {
        expect(widerPublished(before, after)).toEqual(wider);
    });

    test.each<[string, Release, Release]>([
        ["that stay", published("0.0.0.0"), published("0.0.0.0")],
        ["from every address to loopback", published("0.0.0.0"), published("127.0.0.1")],
        ["from every address to one", published("0.0.0.0"), published("192.0.2.7")],
        ["from nowhere to loopback", published(undefined), published("127.0.0.2")],
        ["from nowhere to loopback of the other kind", published(undefined), published("::1")],
        ["that are published no more", published("0.0.0.0"), published(undefined)],
    ])("%s are open to no more machines", (_, before, after) => {
        expect(widerPublished(before, after)).toEqual([]);
    });
});
