/** Which host ports move when somebody else has them, and what follows from a move. */
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type HostPort, hostPorts, movedPortNotes, movePorts, withMovedPorts } from "../../../release/ports.ts";
import type { MovedPort, Release } from "../../../release/types.ts";
import { makeProject, port, releaseOf, service } from "./fixture.ts";

let project: string;

beforeAll(async () => {
    project = await makeProject();
});

afterAll(() => rm(project, { recursive: true }));

const use = (user: string, at: number): HostPort => ({ user, target: at, hostIp: "127.0.0.1", port: at });
const wanted = [use("api", 8000), use("worker", 8001), { ...use("gateway supabase", 54321) }];
const taken =
    (...ports: readonly number[]) =>
    (_: string, port: number) =>
        ports.includes(port);
const places = (moved: readonly MovedPort[]) => Object.fromEntries(moved.map((it) => [it.user, it.published]));

describe("ports that are looked for [R12]", () => {
    test("stay as the baseline wants them while nobody else has them", () => {
        expect(movePorts(wanted, [], taken())).toEqual([]);
        expect(movePorts(wanted, [], taken(8002, 54322))).toEqual([]);
    });

    test("move to the next free one above, past those that another user wants or somebody has", () => {
        expect(movePorts(wanted, [], taken(8000, 8002))).toEqual([
            { user: "api", target: 8000, wanted: 8000, published: 8003 },
        ]);
        expect(places(movePorts(wanted, [], taken(8000, 8001)))).toEqual({ api: 8002, worker: 8003 });
    });

    test("stay where they went, also when the wanted one is free again", () => {
        const moved = movePorts(wanted, [], taken(8000));
        expect(places(moved)).toEqual({ api: 8002 });
        expect(movePorts(wanted, moved, taken())).toEqual(moved);
        expect(movePorts(wanted, moved, taken(8000))).toEqual(moved);
    });

    test("move on when somebody else has come to where they went", () => {
        const moved = movePorts(wanted, [], taken(8000));
        expect(places(movePorts(wanted, moved, taken(8000, 8002)))).toEqual({ api: 8003 });
        // And go home when that is free.
        expect(movePorts(wanted, moved, taken(8002))).toEqual([]);
    });

    test("forget a move when the baseline wants another port, or another user wants where it went", () => {
        const moved = movePorts(wanted, [], taken(8000));
        expect(movePorts([use("api", 9000)], moved, taken(8000))).toEqual([]);
        const joined = [...wanted, use("billing", 8002)];
        expect(places(movePorts(joined, moved, taken(8000)))).toEqual({ api: 8003 });
    });

    test("stay as wanted, for preflight to refuse, when nothing above is free", () => {
        const all = (_: string, port: number) => port >= 65_000;
        expect(movePorts([use("api", 65_000)], [], all)).toEqual([]);
    });

    test("are asked for by their own address", () => {
        const elsewhere = (hostIp: string, port: number) => hostIp === "10.0.0.5" && port === 8000;
        expect(movePorts([use("api", 8000)], [], elsewhere)).toEqual([]);
        expect(places(movePorts([{ ...use("api", 8000), hostIp: "10.0.0.5" }], [], elsewhere))).toEqual({ api: 8001 });
    });
});

describe("a release with moved ports [R12]", () => {
    const extension = {
        secrets: {
            JWT: { generate: 48 },
            ANON: { jwt: { role: "anon" }, signedWith: "JWT" },
            SERVICE: { jwt: { role: "service_role" }, signedWith: "JWT" },
        },
        gateways: [
            {
                name: "supabase",
                port: 54321,
                routes: [{ prefix: "/storage/v1", service: "web", port: 80, stripPrefix: true }],
            },
        ],
        supabase: { projectId: "demo", gateway: "supabase", anonKey: "ANON", serviceRoleKey: "SERVICE" },
    };
    const frozen = async () =>
        releaseOf(
            project,
            { web: service({ ports: [port(8000, 80)] }), cache: service({ ports: [port(6379, 6379)] }) },
            { "x-plumbline": { ...extension } },
        );
    const moved: MovedPort[] = [
        { user: "web", target: 80, wanted: 8000, published: 8002 },
        { user: "gateway supabase", target: 54321, wanted: 54321, published: 54323 },
        { user: "probes", target: 0, wanted: 54390, published: 54391 },
    ];

    test("is the same release when nothing moved", async () => {
        const release = await frozen();
        expect(withMovedPorts(release, [])).toBe(release);
        expect(hostPorts(release).map(({ user, port }) => [user, port])).toEqual([
            ["cache", 6379],
            ["web", 8000],
            ["gateway supabase", 54321],
            ["probes", 54390],
        ]);
    });

    test("publishes there, and says so wherever an address stands", async () => {
        const release = await frozen();
        const other = withMovedPorts(release, moved);
        expect(hostPorts(other).map(({ user, port }) => [user, port])).toEqual([
            ["cache", 6379],
            ["web", 8002],
            ["gateway supabase", 54323],
            ["probes", 54391],
        ]);
        expect(other.edge.listeners.find(({ service }) => service === "web")?.published?.port).toBe(8002);
        expect(other.supabase?.apiUrl).toBe("http://localhost:54323");
        expect(other.movedPorts).toEqual(moved);
        expect(release.supabase?.apiUrl).toBe("http://localhost:54321");
    });

    test("has an edge and an id of its own, the same each time, and starts no service anew", async () => {
        const release = await frozen();
        const [one, two] = [withMovedPorts(release, moved), withMovedPorts(await frozen(), moved)];
        expect([one.id, one.edge.revision]).toEqual([two.id, two.edge.revision]);
        expect(one.id).not.toBe(release.id);
        expect(one.edge.revision).not.toBe(release.edge.revision);
        const revisions = ({ services }: Release) => services.map(({ revision }) => revision);
        expect(revisions(one)).toEqual(revisions(release));
    });

    test("has the edge that a baseline with those ports would have", async () => {
        const moves = [{ user: "web", target: 80, wanted: 8000, published: 8002 }];
        const written = await releaseOf(
            project,
            { web: service({ ports: [port(8002, 80)] }), cache: service({ ports: [port(6379, 6379)] }) },
            { "x-plumbline": { ...extension } },
        );
        expect(withMovedPorts(await frozen(), moves).edge).toEqual(written.edge);
    });

    test("moves a service with all of its replicas, which share the port", async () => {
        const release = await frozen();
        const web = release.services.filter(({ name }) => name === "web");
        const twins = web.map((it) => ({ ...it, name: "web-2", replicaOf: "web" }));
        const both = { ...release, services: [...release.services, ...twins] };
        expect(hostPorts(both)).toEqual(hostPorts(release));
        const published = withMovedPorts(both, moved).services.flatMap(({ ports }) => ports.map((it) => it.published));
        expect(published).toEqual([6379, 8002, 8002]);
    });

    test("tells each move in words", () => {
        expect(movedPortNotes(moved.slice(0, 1))).toEqual([
            "web is published on port 8002 in the place of 8000, which somebody else had (plumbline:ports.auto)",
        ]);
    });
});
