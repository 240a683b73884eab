/** The order of a rollout: which steps there are, and which comes after which. */
import { describe, expect, test } from "@jest/globals";
import { connectEngine } from "../../../engine/docker.ts";
import { EdgeControl } from "../../../engine/edge/edge.ts";
import type { Dependency, ServiceRelease } from "../../../release/types.ts";
import type { RolloutContext } from "../../../rollout/context.ts";
import { planSteps } from "../../../rollout/plan.ts";
import { inOrder } from "../../../rollout/runner.ts";
import type { Change, Situation } from "../../../rollout/situation.ts";
import type { Step } from "../../../rollout/step.ts";
import { declaredAll, declaredEdge, sampleRelease, sampleService, sampleServices } from "./sample-release.ts";

// Planning only makes the steps, so no call ever goes to this address.
const engine = connectEngine("unix:///nowhere/docker.sock");

/** Plans a change of each service by its name; what is not named is kept. */
function plan(
    changes: Readonly<Record<string, "start" | "replace">>,
    options: { services?: readonly ServiceRelease[]; removed?: readonly string[] } = {},
) {
    const release = sampleRelease(options.services ?? sampleServices());
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
        previousEdges: [],
    };
    const steps = planSteps(context, situation, undefined);
    inOrder(steps); // Throws when the steps cannot be ordered.
    return {
        names: steps.map(({ name }) => name),
        /** Whether one step is sure to be done before the other begins. */
        precedes: (first: string, second: string) => ancestors(steps, second).has(first),
    };
}

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
    const { names, precedes } = plan(startAll);

    test("starts and proves each service, makes the buckets, and ends in the smoke test [R07] [R20]", () => {
        expect([...names].sort()).toEqual(
            [
                "edge",
                ...["postgres", "redis", "storage", "api", "worker"].flatMap((name) => [
                    `start ${name}`,
                    `prove ${name}`,
                ]),
                "buckets of storage",
                "smoke test",
            ].sort(),
        );
        expect(names.at(-1)).toBe("smoke test");
    });

    test("has the edge first, since every service is reached through it", () => {
        for (const name of names) if (name !== "edge") expect([name, precedes("edge", name)]).toEqual([name, true]);
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

    test("has the smoke test after everything", () => {
        for (const name of names.slice(0, -1)) expect([name, precedes(name, "smoke test")]).toEqual([name, true]);
    });
});

describe("conditions of compose", () => {
    const pair = (condition: Dependency["condition"]) =>
        plan(
            { one: "start", two: "start" },
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

    test.each(["service_healthy", "service_completed_successfully"] as const)(
        "%s waits for the proof [R07]",
        (condition) => {
            expect(pair(condition).precedes("prove one", "start two")).toBe(true);
        },
    );

    test("what is kept is not waited for", () => {
        expect(plan({ api: "start" }).names).toEqual(["edge", "start api", "prove api", "smoke test"]);
    });
});

describe("a release that changes something", () => {
    test("nothing changed: only the edge's configuration and the smoke test", () => {
        expect(plan({}).names).toEqual(["edge", "smoke test"]);
    });

    test("one request service: a candidate, then the switch", () => {
        const { names, precedes } = plan({ api: "replace" });
        expect(names).toEqual(["edge", "candidate api", "switch", "smoke test"]);
        expect(precedes("candidate api", "switch")).toBe(true);
        expect(precedes("switch", "smoke test")).toBe(true);
    });

    test("one stateful service: a hand-over and no switch", () => {
        const { names, precedes } = plan({ postgres: "replace" });
        expect(names).toEqual(["edge", "hand over postgres", "smoke test"]);
        expect(precedes("edge", "hand over postgres")).toBe(true);
    });

    test("a stateful service with buckets: they are corrected after the hand-over", () => {
        const { names, precedes } = plan({ storage: "replace" });
        expect(names).toEqual(["edge", "hand over storage", "buckets of storage", "smoke test"]);
        expect(precedes("hand over storage", "buckets of storage")).toBe(true);
    });

    test("a consumer alone: handed over, never a candidate beside the old one", () => {
        expect(plan({ worker: "replace" }).names).toEqual(["edge", "hand over worker", "smoke test"]);
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
        const services = [...sampleServices(), sampleService("web", "request")];
        const { names, precedes } = plan({ api: "replace", web: "replace", redis: "replace" }, { services });
        expect(names.filter((name) => name === "switch")).toHaveLength(1);
        for (const name of ["candidate api", "candidate web", "hand over redis"])
            expect(precedes(name, "switch")).toBe(true);
        expect(precedes("candidate api", "candidate web") || precedes("candidate web", "candidate api")).toBe(false);
    });

    test("a removed service is stopped after everything else and before the smoke test", () => {
        const { names, precedes } = plan({ ...replaceAll }, { removed: ["mailer"] });
        expect(names.at(-2)).toBe("remove mailer");
        for (const name of names.slice(0, -2)) expect([name, precedes(name, "remove mailer")]).toEqual([name, true]);
        expect(precedes("remove mailer", "smoke test")).toBe(true);
    });

    test("a service that is started and one that is replaced stand in one plan", () => {
        const { names, precedes } = plan({ redis: "start", api: "replace", worker: "replace" });
        expect(precedes("prove redis", "candidate api")).toBe(true);
        expect(precedes("prove redis", "switch")).toBe(true);
        expect(names.indexOf("hand over worker")).toBeGreaterThan(names.indexOf("switch"));
    });
});
