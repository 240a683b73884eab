/** Which ports the edge has, for whom, and which it refuses. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { portlessDependencies } from "../../../release/portless.ts";
import type { EdgeRelease } from "../../../release/types.ts";
import { makeProject, port, refusalOf, releaseOf, service, type Tree } from "./fixture.ts";

let project = "";
beforeAll(async () => {
    project = await makeProject();
    await writeFile(join(project, "services/web/Dockerfile"), "FROM debian:bookworm-slim\nEXPOSE 8000\n");
});
afterAll(() => rm(project, { recursive: true }));

const twoNetworks = { networks: { front: { name: "demo_front" }, back: { name: "demo_back" } } };
const on = (...networks: string[]) => ({ networks: Object.fromEntries(networks.map((name) => [name, null])) });

const edgeOf = async (services: Tree, rest: Tree = twoNetworks): Promise<EdgeRelease> =>
    (await releaseOf(project, services, rest)).edge;

const listeners = async (services: Tree, rest?: Tree) =>
    (await edgeOf(services, rest)).listeners.map(({ service, port, networks }) => [service, port, networks]);

/** Built from `services/web`, whose Dockerfile exposes 8000. */
const built = (over: Tree = {}): Tree => {
    const { image: _, ...rest } = service(over);
    return { ...rest, build: { context: join(project, "services/web"), dockerfile: "Dockerfile" } };
};

describe("several networks", () => {
    test("each listener is for the networks of its service, and that is said where it is not for all", async () => {
        expect(
            await listeners({
                a: service({ ...on("front"), expose: ["1"] }),
                b: service({ ...on("back", "front"), expose: ["2"] }),
                c: service({ ...on("back"), expose: ["3"] }),
            }),
        ).toEqual([
            ["a", 1, ["demo_front"]],
            ["b", 2, undefined],
            ["c", 3, ["demo_back"]],
        ]);
    });

    test("two services may have one port on networks of their own, each published by itself", async () => {
        const { listeners, revision } = await edgeOf({
            a: service({ ...on("front"), ports: [port(8001, 80)] }),
            b: service({ ...on("back"), ports: [port(8000, 80), port(20_000, 20_000)] }),
        });
        expect(listeners.map(({ service, port, published }) => [service, port, published])).toEqual([
            ["a", 80, { hostIp: "127.0.0.1", port: 8001, inside: 20_002 }],
            ["b", 80, { hostIp: "127.0.0.1", port: 8000, inside: 20_001 }],
            ["b", 20_000, { hostIp: "127.0.0.1", port: 20_000 }],
        ]);
        const alone = await edgeOf({
            a: service({ ...on("front"), ports: [port(8001, 80)] }),
            b: service({ ...on("back"), ports: [port(8000, 81), port(20_000, 20_000)] }),
        });
        expect(alone.listeners.every(({ published }) => published?.inside === undefined)).toBe(true);
        expect(alone.revision).not.toBe(revision);
    });

    test("two services that share a network may not, and the remedy says what helps", async () => {
        const refused = await refusalOf(() =>
            edgeOf({
                a: service({ ...on("front"), expose: ["80"] }),
                b: service({ ...on("front", "back"), expose: ["80"] }),
            }),
        );
        expect(refused.message).toBe("a and b both listen on 80: the edge cannot tell them apart.");
        expect(refused.remedy).toContain("networks of their own");
    });

    test("two services of one port must speak alike", async () => {
        const refused = await refusalOf(() =>
            edgeOf({
                a: service({ ...on("front"), ports: [{ ...port(8000, 80), app_protocol: "http" }] }),
                b: service({ ...on("back"), expose: ["80"] }),
            }),
        );
        expect(refused.message).toContain("a and b both listen on 80, one in HTTP and one not");
        expect(refused.remedy).toContain("app_protocol: http");
    });

    test("a stack whose networks are all internal has one more, for the edge alone", async () => {
        const internal = { networks: { back: { name: "demo_back", internal: true } } };
        const { edge, networks } = await releaseOf(project, { a: service({ ...on("back"), expose: ["1"] }) }, internal);
        expect(edge.networks.map(({ network }) => network)).toEqual(["demo_back", "demo_plumbline_edge"]);
        expect(networks.map(({ name, internal }) => [name, internal])).toEqual([
            ["demo_back", true],
            ["demo_plumbline_edge", false],
        ]);
        expect(edge.listeners[0]?.networks).toBeUndefined();
    });

    test("what compose would not publish is refused", async () => {
        const refused = await refusalOf(() =>
            edgeOf(
                { a: service({ ...on("front") }), db: service({ ...on("back"), ports: [port(5432, 5432)] }) },
                { networks: { front: { name: "demo_front" }, back: { name: "demo_back", internal: true } } },
            ),
        );
        expect(refused.message).toContain("db publishes 5432, but its networks are internal");
        expect(refused.service).toBe("db");
    });
});

describe("what a Dockerfile exposes", () => {
    const release = async (services: Tree) => {
        const { edge } = await releaseOf(project, services);
        return edge.listeners.map(({ service, port, kind }) => [service, port, kind]);
    };

    test("is a listener, but makes neither a probe nor a kind", async () => {
        expect(await release({ web: built() })).toEqual([["web", 8000, "consumer"]]);
    });

    test("does not count where the file names the ports, and none of a job", async () => {
        expect(await release({ web: built({ "x-plumbline": { ports: [] } }) })).toEqual([]);
        expect(await release({ web: built({ "x-plumbline": { ports: [9] } }) })).toEqual([["web", 9, "consumer"]]);
        expect(await release({ web: built({ "x-plumbline": { kind: "job" } }) })).toEqual([]);
    });

    test("belongs to the service of that image which names it", async () => {
        expect(await release({ site: built({ expose: ["8000"] }), work: built() })).toEqual([
            ["site", 8000, "request"],
        ]);
    });

    test("gives way to the one that names it, where its own service names others", async () => {
        const other = service({ expose: ["8000"] });
        expect(await release({ other, web: built({ expose: ["8001"] }) })).toEqual([
            ["other", 8000, "request"],
            ["web", 8001, "request"],
        ]);
    });

    test("and where two may mean it, the file must say which", async () => {
        const refused = await refusalOf(() => release({ other: service({ expose: ["8000"] }), web: built() }));
        expect(refused.message).toBe("other and web both listen on 8000: the edge cannot tell them apart.");
        expect(refused.remedy).toContain("If web does not listen there");
        expect(refused.remedy).toContain("x-plumbline: { ports: [] }");
    });
});

test("a dependency of which no port is known is said, one that completes or is known is not", async () => {
    const waits = (name: string, condition: string) => ({ depends_on: { [name]: { condition, required: true } } });
    const release = await releaseOf(project, {
        api: service({ expose: ["1"], ...waits("db", "service_started") }),
        web: service({ expose: ["2"], ...waits("api", "service_healthy") }),
        db: service(waits("migrate", "service_completed_successfully")),
        migrate: service({ restart: "no" }),
    });
    const notes = portlessDependencies(release);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/^api may depend on a port of db, but none is known \(the ports of a pulled image/);
});
