/** What runs, against what is wanted: the change that each service needs. */
import { describe, expect, test } from "@jest/globals";
import type { ContainerState } from "../../../engine/docker.ts";
import type { EdgeSlots } from "../../../engine/edge/slots.ts";
import type { Release } from "../../../release/types.ts";
import { type Past, type Seen, situationOf } from "../../../rollout/situation.ts";
import {
    declaredAll,
    declaredEdge,
    declaredOf,
    sampleRelease,
    sampleService,
    sampleServices,
} from "./sample-release.ts";

const seen = (service: string, name: string, state: ContainerState = "running"): Seen => ({
    name,
    labels: { "plumbline.service": service },
    state,
    health: "none",
    exitCode: 0,
});

const serving = (container: string, active: "a" | "b" | null = "a") => ({
    a: container,
    b: null,
    active,
    held: false,
    candidate: null,
});

/** Everything runs as the release declares it, and the edge sends to it. */
function steady(release: Release): { running: Seen[]; slots: EdgeSlots } {
    const containers = Object.entries(declaredAll(release));
    return {
        running: [seen("edge", declaredEdge.name), ...containers.map(([service, { name }]) => seen(service, name))],
        slots: Object.fromEntries(containers.map(([service, { name }]) => [service, serving(name)])),
    };
}

function look(release: Release, running: readonly Seen[], slots: EdgeSlots, past?: Past) {
    const situation = situationOf(release, declaredAll(release), declaredEdge, running, slots, past);
    const changes = situation.changes.map((entry) =>
        entry.change === "replace"
            ? `${entry.service.name}: replace ${entry.previous}`
            : `${entry.service.name}: ${entry.change}`,
    );
    return { ...situation, changes };
}

const release = sampleRelease();
const keepAll = ["postgres: keep", "redis: keep", "storage: keep", "api: keep", "worker: keep"];
const startAll = ["postgres: start", "redis: start", "storage: start", "api: start", "worker: start"];

/** The release with another revision of one service. */
function changed(service: string): Release {
    return sampleRelease(
        sampleServices().map((own) => (own.name === service ? { ...own, revision: "00000002" } : own)),
    );
}

describe("the situation", () => {
    test("on an engine where nothing runs, everything is started", () => {
        const created = steady(release).running.map((entry): Seen => ({ ...entry, state: "created" }));
        expect(look(release, [], {}).changes).toEqual(startAll);
        expect(look(release, created, {}).changes).toEqual(startAll);
    });

    test("where everything runs and the edge sends to it, everything is kept", () => {
        const { running, slots } = steady(release);
        expect(look(release, running, slots)).toEqual({ changes: keepAll, removed: [], previousEdges: [] });
    });

    test.each(["postgres", "api", "worker"])("a new revision of %s replaces the one that runs", (service) => {
        const { running, slots } = steady(release);
        const next = changed(service);
        const created = seen(service, declaredOf(service, "00000002").name, "created");
        const expected = keepAll.map((line) =>
            line === `${service}: keep` ? `${service}: replace ${declaredOf(service).name}` : line,
        );
        expect(look(next, [...running, created], slots).changes).toEqual(expected);
    });

    test.each<ContainerState>(["exited", "created", "dead", "restarting"])(
        "a container that is %s is started again",
        (state) => {
            const { running, slots } = steady(release);
            const name = declaredOf("redis").name;
            const now = running.map((entry) => (entry.name === name ? { ...entry, state } : entry));
            expect(look(release, now, slots).changes).toContain("redis: start");
        },
    );

    test("a container that was removed is started as the one that is declared in its place", () => {
        const { running, slots } = steady(release);
        const now = running.filter(({ name }) => name !== declaredOf("api").name);
        expect(look(release, now, slots).changes).toContain("api: start");
    });

    test("one that runs and to which the edge does not send is started, which routes it", () => {
        const { running, slots } = steady(release);
        expect(look(release, running, {}).changes).toEqual(startAll);
        expect(look(release, running, { ...slots, api: serving(declaredOf("api").name, null) }).changes).toContain(
            "api: start",
        );
    });

    test("one without listeners is kept when it runs", () => {
        const lonely = sampleRelease([sampleService("mailer", "consumer")]);
        expect(look(lonely, [seen("mailer", declaredOf("mailer").name)], {}).changes).toEqual(["mailer: keep"]);
    });

    test("of two containers of a service the one that serves is the previous one", () => {
        const { running, slots } = steady(release);
        const stray = seen("api", "api-stray");
        const next = changed("api");
        expect(look(next, [stray, ...running], slots).changes).toContain(`api: replace ${declaredOf("api").name}`);
        expect(look(next, [stray], {}).changes).toContain("api: replace api-stray");
    });

    test("after a switch the previous container still runs and nothing has to change", () => {
        const next = changed("api");
        const { running, slots } = steady(next);
        expect(look(next, [...running, seen("api", declaredOf("api").name)], slots).changes).toEqual(keepAll);
    });

    test("a container that its healthcheck calls unhealthy is started again; one that is still starting is kept", () => {
        const { running, slots } = steady(release);
        const name = declaredOf("redis").name;
        const withHealth = (health: Seen["health"]) =>
            running.map((entry) => (entry.name === name ? { ...entry, health } : entry));
        expect(look(release, withHealth("unhealthy"), slots).changes).toEqual(
            keepAll.map((line) => (line === "redis: keep" ? "redis: start" : line)),
        );
        for (const health of ["healthy", "starting", "none"] as const)
            expect([health, look(release, withHealth(health), slots).changes]).toEqual([health, keepAll]);
    });

    test("a running service that the release no longer has is removed; a stopped one is left to Pulumi", () => {
        const { running, slots } = steady(release);
        const old = [seen("mailer", "mailer-1"), seen("cron", "cron-1", "exited")];
        expect(look(release, [...running, ...old], slots).removed).toEqual([
            { service: "mailer", container: "mailer-1" },
        ]);
    });

    test("containers of the project that are no service are left alone", () => {
        const { running, slots } = steady(release);
        const helper: Seen = { ...seen("", "sample-ledger"), labels: { "plumbline.role": "ledger" } };
        expect(look(release, [...running, helper], slots).removed).toEqual([]);
    });

    test("a service that ended well by itself is no job: it is started again", () => {
        const { running, slots } = steady(release);
        const { name } = declaredOf("api");
        const now = running.map((entry) => (entry.name === name ? { ...entry, state: "exited" as const } : entry));
        expect(look(release, now, slots).changes).toContain("api: start");
    });

    test("an edge that runs and is not the declared one is a previous edge", () => {
        const running = [
            seen("edge", "edge-old"),
            seen("edge", declaredEdge.name),
            seen("edge", "edge-older", "exited"),
        ];
        expect(look(release, running, {}).previousEdges).toEqual(["edge-old"]);
    });
});

describe("a job", () => {
    const withJob = sampleRelease([sampleService("migrate", "job")]);
    const { name } = declaredOf("migrate");
    const past: Past = { finishedJobs: new Set(["migrate"]), containers: { migrate: declaredOf("migrate") } };
    const first: Past = { finishedJobs: new Set(), containers: {} };

    test("of a revision that no committed release had is run, whatever an undone rollout has left of it", () => {
        for (const state of ["created", "exited", "dead"] as const)
            expect(look(withJob, [seen("migrate", name, state)], {}, first).changes).toEqual(["migrate: run"]);
    });

    test("that has run for a committed release is not run again, also where its container was made anew", () => {
        for (const state of ["created", "exited"] as const)
            expect(look(withJob, [seen("migrate", name, state)], {}, past).changes).toEqual(["migrate: keep"]);
    });

    test("that somebody has run since and that failed, or that runs at this moment, is brought to its end", () => {
        const failed = { ...seen("migrate", name, "exited"), exitCode: 1 };
        expect(look(withJob, [failed], {}, past).changes).toEqual(["migrate: run"]);
        expect(look(withJob, [seen("migrate", name)], {}, past).changes).toEqual(["migrate: run"]);
    });

    test("of a new revision is run, after the one that was committed", () => {
        const next = sampleRelease([sampleService("migrate", "job", [], { revision: "00000002" })]);
        const containers = [
            seen("migrate", name, "exited"),
            seen("migrate", "migrate-stray", "exited"),
            seen("migrate", declaredOf("migrate", "00000002").name, "created"),
        ];
        const { changes } = situationOf(
            next,
            declaredAll(next),
            declaredEdge,
            containers,
            {},
            {
                ...past,
                finishedJobs: new Set(),
            },
        );
        expect(changes).toEqual([{ change: "run", service: next.services[0], follows: name }]);
    });
});

describe("a replica", () => {
    const web = sampleService("web", "request");
    const two = sampleRelease([web, { ...web, name: "web-2", replicaOf: "web" }]);
    const withEdge: Release = {
        ...two,
        edge: {
            ...two.edge,
            listeners: [{ service: "web", port: 80, protocol: "http", kind: "request", replicas: 2 }],
        },
    };
    const [first, second] = [declaredOf("web").name, declaredOf("web-2").name];
    const slots: EdgeSlots = { web: serving(first), "web-2": serving(second) };

    test("that is new joins the one that serves; where none serves, both are started", () => {
        const running = [seen("web", first), seen("web-2", second, "created")];
        expect(look(withEdge, running, { web: serving(first) }).changes).toEqual(["web: keep", "web-2: join"]);
        const created = running.map((one): Seen => ({ ...one, state: "created" }));
        expect(look(withEdge, created, {}).changes).toEqual(["web: start", "web-2: start"]);
    });

    test("that was stopped behind our back joins again, the first as well", () => {
        const stopped = (which: string) =>
            [seen("web", first), seen("web-2", second)].map(
                (one): Seen => (one.name === which ? { ...one, state: "exited" } : one),
            );
        expect(look(withEdge, stopped(second), slots).changes).toEqual(["web: keep", "web-2: join"]);
        expect(look(withEdge, stopped(first), slots).changes).toEqual(["web: join", "web-2: keep"]);
    });

    test("of another revision is replaced by itself, and one that the release no longer has is removed", () => {
        const running = [seen("web", first), seen("web-2", "web-2-old"), seen("web-3", "web-3-old")];
        const now = look(withEdge, running, { ...slots, "web-2": serving("web-2-old") });
        expect(now.changes).toEqual(["web: keep", "web-2: replace web-2-old"]);
        expect(now.removed).toEqual([{ service: "web-3", container: "web-3-old" }]);
    });
});
