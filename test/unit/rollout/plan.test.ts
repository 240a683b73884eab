/** The order of a rollout: which steps there are, and which comes after which. */
import { describe, expect, test } from "@jest/globals";
import { connectEngine } from "../../../engine/docker.ts";
import { EdgeControl } from "../../../engine/edge/edge.ts";
import type { Dependency, Release, ServiceRelease } from "../../../release/types.ts";
import type { RolloutContext } from "../../../rollout/context.ts";
import { planSteps } from "../../../rollout/plan.ts";
import { inOrder } from "../../../rollout/runner.ts";
import type { Change, Situation } from "../../../rollout/situation.ts";
import type { Step } from "../../../rollout/step.ts";
import {
    declaredAll,
    declaredEdge,
    sampleRelease,
    sampleService,
    sampleServices,
    sampleSmokeStep,
} from "./sample-release.ts";

// Planning only makes the steps, so no call ever goes to this address.
const engine = connectEngine("unix:///nowhere/docker.sock");

const withFrontend = [
    ...sampleServices(),
    sampleService("proxy", "request", [{ service: "api", condition: "service_healthy" }]),
];
const withWeb = [...sampleServices(), sampleService("web", "request")];
const names5 = ["postgres", "redis", "storage", "api", "worker"];

interface Options {
    readonly services?: readonly ServiceRelease[];
    readonly removed?: readonly string[];
    readonly previousEdges?: readonly string[];
    /** Services that the smoke test asks. @default there is none */
    readonly smoke?: readonly string[];
    /** The release that ran before. @default none */
    readonly previous?: Release;
}

/** Plans a change of each service by its name; what is not named is kept. */
function plan(changes: Readonly<Record<string, "start" | "replace" | "join" | "run">>, options: Options = {}) {
    const smoke = (options.smoke ?? []).map((service) => sampleSmokeStep({ name: `ask ${service}`, service }));
    const release = sampleRelease(options.services ?? sampleServices(), { smoke });
    const context = {
        engine,
        edge: new EdgeControl(engine, declaredEdge.name),
        edgeContainer: declaredEdge,
        release,
        containers: declaredAll(release),
        secrets: {},
    } as unknown as RolloutContext;
    const situation: Situation = {
        changes: release.services.map((service): Change => {
            const change = changes[service.name] ?? "keep";
            return change === "replace" ? { change, service, previous: `${service.name}-old` } : { change, service };
        }),
        removed: (options.removed ?? []).map((service) => ({ service, container: `${service}-old` })),
        previousEdges: options.previousEdges ?? [],
    };
    const steps = planSteps(context, situation, options.previous);
    inOrder(steps); // Throws when the steps cannot be ordered.
    const names = steps.map(({ name }) => name);
    return {
        names,
        /** Whether one step is sure to be done before the other begins. */
        precedes: (first: string, second: string) => ancestors(steps, second).has(first),
        /** The steps that are not sure to be done when this one begins. */
        besides: (name: string) => names.filter((other) => other !== name && !ancestors(steps, name).has(other)),
    };
}

/**
 * The whole plan around the steps that change something, in the order of the services: the gate and the edge before, the
 * proof of the rest after. The buckets are compared each time, also where their service is kept.
 */
const around = (steps: readonly string[], kept: readonly string[], before: readonly string[] = []) => [
    "security gate",
    "edge",
    ...before,
    "buckets of storage",
    ...steps,
    "edge without what was removed",
    ...kept.map((name) => `prove ${name}`),
    "smoke test",
    "healthchecks of the engine",
];
const without = (...changed: readonly string[]) => names5.filter((name) => !changed.includes(name));

function ancestors(steps: readonly Step[], name: string): Set<string> {
    const own = steps.find((step) => step.name === name);
    if (own === undefined) throw new Error(`there is no step ${name}`);
    return new Set(own.after.flatMap((other) => [other, ...ancestors(steps, other)]));
}

const startAll = { postgres: "start", redis: "start", storage: "start", api: "start", worker: "start" } as const;
const replaceAll = {
    postgres: "replace",
    redis: "replace",
    storage: "replace",
    api: "replace",
    worker: "replace",
} as const;

describe("the first deployment", () => {
    const { names, precedes, besides } = plan(startAll);

    test("starts and proves each service, makes the buckets, and ends in the smoke test [R07] [R20]", () => {
        const started = names5.flatMap((name) => [`start ${name}`, `prove ${name}`]);
        expect([...names].sort()).toEqual(around(started, []).sort());
        expect(names.slice(-2)).toEqual(["smoke test", "healthchecks of the engine"]);
    });

    test("has the security gate first, then the edge, since every service is reached through it", () => {
        expect(precedes("security gate", "edge")).toBe(true);
        for (const name of names.slice(2)) expect([name, precedes("edge", name)]).toEqual([name, true]);
    });

    test("has no bake and no drain: there is nothing to go back to", () => {
        expect(names).not.toContain("bake");
        expect(names).not.toContain("drain");
    });

    test("starts a service when what it depends on is proven [R07]", () => {
        expect(precedes("prove postgres", "start storage")).toBe(true);
        for (const dependency of ["prove postgres", "prove redis", "prove storage", "buckets of storage"]) {
            expect(precedes(dependency, "start api")).toBe(true);
            expect(precedes(dependency, "start worker")).toBe(true);
        }
    });

    test("starts services side by side that do not depend on each other [R07]", () => {
        const apart = (a: string, b: string) => !precedes(a, b) && !precedes(b, a);
        expect(apart("start postgres", "start redis")).toBe(true);
        expect(apart("prove redis", "start storage")).toBe(true);
        expect(apart("start api", "start worker")).toBe(true);
        expect(apart("prove api", "start worker")).toBe(true);
    });

    test("has the smoke test after everything, and the engine's own healthchecks after that", () => {
        expect(besides("smoke test")).toEqual(["healthchecks of the engine"]);
        expect(besides("healthchecks of the engine")).toEqual([]);
    });
});

describe("conditions of compose", () => {
    const pair = (condition: Dependency["condition"]) =>
        plan(
            { one: condition === "service_completed_successfully" ? "run" : "start", two: "start" },
            {
                services: [
                    sampleService("one", condition === "service_completed_successfully" ? "job" : "stateful"),
                    sampleService("two", "request", [{ service: "one", condition }]),
                ],
            },
        );

    test("service_started waits for the start and not for the proof [R07]", () => {
        const { precedes } = pair("service_started");
        expect(precedes("start one", "start two")).toBe(true);
        expect(precedes("prove one", "start two")).toBe(false);
    });

    test("service_healthy waits for the proof [R07]", () => {
        expect(pair("service_healthy").precedes("prove one", "start two")).toBe(true);
    });

    test("service_completed_successfully waits for the end of the job, which is its proof [R07]", () => {
        const { names, precedes } = pair("service_completed_successfully");
        expect(precedes("run one", "start two")).toBe(true);
        expect(names).not.toContain("prove one");
    });

    test("what is kept is not waited for", () => {
        const { names, precedes } = plan({ api: "start" });
        expect(names).toEqual(around(["start api", "prove api"], without("api")));
        expect(precedes("prove postgres", "start api")).toBe(false);
    });
});

describe("a release that changes something", () => {
    test("nothing changed: the edge's configuration, and everything is proven as it stands", () => {
        expect(plan({}).names).toEqual(around([], names5));
    });

    test("what is kept is proven after every change, and before the smoke test", () => {
        const { names, precedes } = plan({ api: "replace", worker: "replace" }, { removed: ["mailer"] });
        for (const kept of without("api", "worker")) {
            for (const change of ["switch", "hand over worker", "remove mailer", "edge without what was removed"])
                expect([change, kept, precedes(change, `prove ${kept}`)]).toEqual([change, kept, true]);
            expect(precedes(`prove ${kept}`, "smoke test")).toBe(true);
        }
        expect(names).not.toContain("prove api");
    });

    test("the security gate comes before everything else, the edge included", () => {
        const { names, precedes } = plan(replaceAll, { removed: ["mailer"], previousEdges: ["edge-old"] });
        for (const name of names.slice(1)) expect([name, precedes("security gate", name)]).toEqual([name, true]);
    });

    test("with a release before it: the bake after everything, the drain after the bake, and nothing follows", () => {
        const { names, besides } = plan(replaceAll, { previous: sampleRelease(), removed: ["mailer"] });
        expect(names.slice(-2)).toEqual(["bake", "drain"]);
        expect(besides("bake")).toEqual(["drain"]);
        expect(besides("drain")).toEqual([]);
    });

    test("with a release before it and nothing to switch: a bake and no drain", () => {
        const previous = sampleRelease();
        for (const changes of [{}, { postgres: "replace" }, { worker: "replace" }, { api: "start" }] as const) {
            const { names } = plan(changes, { previous });
            expect([changes, names.at(-1), names.includes("drain")]).toEqual([changes, "bake", false]);
        }
    });

    test("one request service: a candidate, a load on it, then the switch [R33]", () => {
        const { names, precedes } = plan({ api: "replace" });
        expect(names).toEqual(around(["candidate api", "load on api", "switch"], without("api")));
        expect(precedes("candidate api", "load on api")).toBe(true);
        expect(precedes("load on api", "switch")).toBe(true);
        expect(precedes("switch", "smoke test")).toBe(true);
    });

    test.each<[string, Parameters<typeof plan>[0], Options, boolean]>([
        ["one request service", { api: "replace" }, { smoke: ["api"] }, true],
        ["one beside a database", { api: "replace", postgres: "replace" }, { smoke: ["redis", "api"] }, true],
        ["one beside a new consumer", { api: "replace", worker: "start" }, { smoke: ["api"] }, true],
        ["one on which another one depends", { api: "replace" }, { smoke: ["api"], services: withFrontend }, false],
        [
            "one beside a replica that joins",
            { api: "replace", web: "join" },
            { smoke: ["api"], services: withWeb },
            false,
        ],
        ["a replica that joins alone", { api: "join" }, { smoke: ["api"] }, false],
        ["one that it does not ask", { api: "replace" }, { smoke: ["postgres"] }, false],
        ["no smoke test", { api: "replace" }, {}, false],
        ["a consumer that follows", { api: "replace", worker: "replace" }, { smoke: ["api"] }, false],
        ["a hand-over alone", { postgres: "replace" }, { smoke: ["api", "postgres"] }, false],
        ["two request services", { api: "replace", web: "replace" }, { smoke: ["api"], services: withWeb }, false],
    ])("the smoke test before the switch: %s", (_, changes, options, isThere) => {
        const { names, precedes } = plan(changes, options);
        expect(names.includes("smoke test before the switch")).toBe(isThere);
        expect(names).toContain("smoke test");
        if (!isThere) return;
        for (const earlier of ["candidate api", "load on api", "edge"])
            expect(precedes(earlier, "smoke test before the switch")).toBe(true);
        expect(precedes("smoke test before the switch", "switch")).toBe(true);
    });

    test("one stateful service: a hand-over and no switch", () => {
        const { names, precedes } = plan({ postgres: "replace" });
        expect(names).toEqual(around([], without("postgres"), ["hand over postgres"]));
        expect(precedes("edge", "hand over postgres")).toBe(true);
    });

    test("a stateful service with buckets: they are corrected after the hand-over", () => {
        const { names, precedes } = plan({ storage: "replace" });
        expect(names).toEqual(around([], without("storage"), ["hand over storage"]));
        expect(precedes("hand over storage", "buckets of storage")).toBe(true);
    });

    test("a consumer alone: handed over, never a candidate beside the old one", () => {
        expect(plan({ worker: "replace" }).names).toEqual(around(["hand over worker"], without("worker")));
    });

    test("everything: stateful in dependency order, candidates, one switch, then the consumer [R07]", () => {
        const { names, precedes } = plan(replaceAll);
        expect(names.filter((name) => name === "switch")).toHaveLength(1);
        expect(precedes("hand over postgres", "hand over storage")).toBe(true);
        expect(precedes("hand over storage", "candidate api")).toBe(true);
        expect(precedes("hand over redis", "candidate api")).toBe(true);
        expect(precedes("candidate api", "switch")).toBe(true);
        expect(precedes("switch", "hand over worker")).toBe(true);
        expect(precedes("hand over worker", "smoke test")).toBe(true);
    });

    test("two request services are switched in one call, after both candidates and every hand-over", () => {
        const { names, precedes } = plan({ api: "replace", web: "replace", redis: "replace" }, { services: withWeb });
        expect(names.filter((name) => name === "switch")).toHaveLength(1);
        for (const name of ["candidate api", "candidate web", "load on api", "load on web", "hand over redis"])
            expect(precedes(name, "switch")).toBe(true);
        expect(precedes("candidate api", "candidate web") || precedes("candidate web", "candidate api")).toBe(false);
    });

    test("a removed service is stopped after everything else and before the smoke test", () => {
        const { names, precedes, besides } = plan({ ...replaceAll }, { removed: ["mailer"] });
        const after = ["edge without what was removed", "smoke test", "healthchecks of the engine"];
        expect(besides("remove mailer")).toEqual(after);
        expect(names.slice(-4)).toEqual(["remove mailer", ...after]);
        expect(precedes("remove mailer", "edge without what was removed")).toBe(true);
        expect(precedes("edge without what was removed", "smoke test")).toBe(true);
    });

    test("a service that is started and one that is replaced stand in one plan", () => {
        const { names, precedes } = plan({ redis: "start", api: "replace", worker: "replace" });
        expect(precedes("prove redis", "candidate api")).toBe(true);
        expect(precedes("prove redis", "switch")).toBe(true);
        expect(names.indexOf("hand over worker")).toBeGreaterThan(names.indexOf("switch"));
        expect(names).not.toContain("prove api");
        expect(names.filter((name) => name === "prove redis")).toHaveLength(1);
    });

    test("a consumer changes only when everything is switched that others are asked for", () => {
        const services = [...sampleServices(), sampleService("web", "request")];
        const { precedes } = plan({ api: "replace", web: "replace", worker: "replace", redis: "start" }, { services });
        for (const name of ["switch", "load on api", "load on web", "prove redis"])
            expect([name, precedes(name, "hand over worker")]).toEqual([name, true]);
    });
});

describe("networks that are left behind", () => {
    test("are left by the edge last of all, and only where there are any", () => {
        const release = sampleRelease();
        const other = [{ network: "other_network", aliases: ["api"] }];
        const moved = { ...release, edge: { ...release.edge, networks: [...release.edge.networks, ...other] } };
        const { names, besides } = plan({ api: "replace" }, { previous: moved });
        expect(names.at(-1)).toBe("edge off the networks of before");
        expect(besides("edge off the networks of before")).toEqual([]);
        expect(plan({ api: "replace" }, { previous: release }).names).not.toContain("edge off the networks of before");
    });
});

describe("a job", () => {
    const completed: Dependency = { service: "migrate", condition: "service_completed_successfully" };
    const services = [
        sampleService("db", "stateful"),
        sampleService("migrate", "job", [{ service: "db", condition: "service_healthy" }]),
        sampleService("web", "request", [completed]),
        sampleService("worker", "consumer", [completed]),
    ];

    test("runs after what it depends on has changed, and before the candidates and consumers that wait for it [R07]", () => {
        const { precedes } = plan({ db: "replace", migrate: "run", web: "replace", worker: "replace" }, { services });
        for (const [first, second] of [
            ["hand over db", "run migrate"],
            ["run migrate", "candidate web"],
            ["run migrate", "switch"],
            ["run migrate", "hand over worker"],
        ] as const)
            expect([first, second, precedes(first, second)]).toEqual([first, second, true]);
    });

    test("that has run is not asked for anything", () => {
        const { names } = plan({ web: "replace" }, { services, previous: sampleRelease(services) });
        expect(names.filter((name) => name.endsWith("migrate"))).toEqual([]);
    });
});

describe("replicas", () => {
    const web = sampleService("web", "request");
    const replica = (ordinal: number) => ({ ...web, name: `web-${ordinal}`, replicaOf: "web" });
    const services = [web, replica(2)];

    test("are proven one by one and switched in one call [R91]", () => {
        const { names, precedes } = plan({ web: "replace", "web-2": "replace" }, { services });
        expect(names.filter((name) => name === "switch")).toHaveLength(1);
        for (const name of ["candidate web", "candidate web-2", "load on web", "load on web-2"])
            expect([name, precedes(name, "switch")]).toEqual([name, true]);
    });

    test("that join others are candidates: they get nothing before they are proven", () => {
        const { names, precedes } = plan({ "web-2": "join" }, { services });
        expect(names.filter((name) => name.startsWith("start"))).toEqual([]);
        expect(precedes("load on web-2", "switch")).toBe(true);
    });

    test("that the release no longer has are removed after the switch", () => {
        const { names, precedes } = plan({ web: "replace" }, { services: [web], removed: ["web-2", "web-3"] });
        expect(names).toEqual(expect.arrayContaining(["switch", "remove web-2", "remove web-3"]));
        expect(precedes("switch", "remove web-2")).toBe(true);
    });

    test("where fewer are wanted and nothing else has changed, nothing is switched", () => {
        const { names } = plan({}, { services: [web], removed: ["web-2"] });
        expect(names).toContain("remove web-2");
        expect(names).not.toContain("switch");
    });
});
