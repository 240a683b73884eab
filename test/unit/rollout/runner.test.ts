/** The runner: laws over seeded scenarios, the laws against runners with a known fault, and single cases by hand. */
import { describe, expect, test } from "@jest/globals";
import type { TimelineEvent } from "../../../rollout/outcome.ts";
import { inOrder, type RunOptions, runSteps, StepsFailed, undoSteps } from "../../../rollout/runner.ts";
import type { Step } from "../../../rollout/step.ts";
import { brokenByKill, brokenLaws, ours, type Runner } from "./runner-laws.ts";
import { pass, plainStep, randomFrom, type Scenario, scenarioOf } from "./step-world.ts";

const seeds = Array.from({ length: 600 }, (_, index) => index + 1);

/** Options that allow everything, and the events that were recorded. */
function quiet(change: Partial<RunOptions> = {}): {
    options: RunOptions;
    events: Omit<TimelineEvent, "at" | "transaction">[];
} {
    const events: Omit<TimelineEvent, "at" | "transaction">[] = [];
    const options = {
        timeline: { record: (event: (typeof events)[number]) => events.push(event) },
        mayAct: async () => {},
    };
    return { options: { ...options, ...change } as RunOptions, events };
}

async function failureOf(run: Promise<unknown>): Promise<StepsFailed> {
    const error = await run.then(
        () => undefined,
        (reason: unknown) => reason,
    );
    if (error instanceof StepsFailed) return error;
    throw new Error(`expected StepsFailed, got ${String(error)}`);
}

/** The seeds of the scenarios in which the laws do not hold, with the laws. */
async function seedsThatBreak(runner: Runner, calm = false): Promise<string[]> {
    const found: string[] = [];
    for (const seed of seeds) {
        const broken = await brokenLaws(scenarioOf(seed, calm), runner);
        if (broken.length > 0) found.push(`seed ${seed}: ${broken.join("; ")}`);
    }
    return found;
}

describe("the laws of the runner", () => {
    test("hold when steps fail, are done already, cannot be undone, are aborted or may not act [R07]", async () => {
        expect(await seedsThatBreak(ours)).toEqual([]);
    });

    test("hold when nothing goes wrong [R07]", async () => {
        expect(await seedsThatBreak(ours, true)).toEqual([]);
        for (const seed of seeds) {
            const { options } = quiet();
            const scenario = scenarioOf(seed, true);
            const steps = scenario.steps.map(({ name, after }) => plainStep(name, after));
            await expect(runSteps(steps, options)).resolves.toBeUndefined();
        }
    });

    test("hold when the runner is killed at any turn, and everything is undone by somebody who does not know how far it came", async () => {
        const killed = async (runner: Runner) => {
            const found: string[] = [];
            for (const seed of seeds) {
                const broken = await brokenByKill(scenarioOf(seed), 1 + (seed % 17), runner);
                if (broken.length > 0) found.push(`seed ${seed}: ${broken.join("; ")}`);
            }
            return found;
        };
        expect(await killed(ours)).toEqual([]);
        const forgets: Runner = { ...ours, undo: (steps, options) => undoSteps(steps.slice(1), options) };
        expect((await killed(forgets)).length).toBeGreaterThan(50);
    });

    test("every kind of trouble occurs in the seeded scenarios", () => {
        const scenarios = seeds.map((seed) => scenarioOf(seed));
        const steps = scenarios.flatMap((scenario) => scenario.steps);
        const counts = {
            failing: steps.filter(({ failsIn }) => failsIn === "apply").length,
            failingQuestion: steps.filter(({ failsIn }) => failsIn === "done").length,
            failingUndo: steps.filter(({ failsInUndo }) => failsInUndo).length,
            done: steps.filter(({ alreadyDone }) => alreadyDone).length,
            deaf: steps.filter(({ heedsSignal }) => !heedsSignal).length,
            aborted: scenarios.filter(({ abortAfter }) => abortAfter !== undefined).length,
            refused: scenarios.filter(({ losesPermission }) => losesPermission !== undefined).length,
        };
        for (const count of Object.values(counts)) expect(count).toBeGreaterThan(50);
    });

    const faults: readonly [string, Runner][] = [
        ["undoes in the order of beginning", { ...ours, run: faulty({ undoOrder: (begun) => begun }) }],
        [
            "forgets to undo the first step",
            { ...ours, run: faulty({ undoOrder: (begun) => [...begun].reverse().slice(0, -1) }) },
        ],
        ["undoes one step twice", { ...ours, run: faulty({ undoOrder: (begun) => [...begun, ...begun].reverse() }) }],
        [
            "does not wait for what a step comes after",
            {
                ...ours,
                run: (steps, options) =>
                    runSteps(
                        steps.map((step) => ({ ...step, after: [] })),
                        options,
                    ),
            },
        ],
        [
            "swallows a failure",
            { ...ours, run: async (steps, options) => runSteps(steps, options).catch(() => undefined) },
        ],
        ["names another cause", { ...ours, run: faulty({ cause: () => new Error("some other cause") }) }],
        ["keeps silent about what could not be undone", { ...ours, run: faulty({ report: () => [] }) }],
    ];
    test.each(faults)("are broken by a runner that %s", async (_, runner) => {
        expect((await seedsThatBreak(runner)).length).toBeGreaterThan(0);
    });
});

/** A small serial runner with one fault put in; without a fault it keeps the laws, which the next test shows. */
function faulty(fault: {
    undoOrder?: (begun: readonly Step[]) => readonly Step[];
    cause?: (error: unknown) => unknown;
    report?: (failures: StepsFailed["undoFailures"]) => StepsFailed["undoFailures"];
}): Runner["run"] {
    return async (steps, options) => {
        const begun: Step[] = [];
        for (const step of inOrder(steps)) {
            try {
                options.signal?.throwIfAborted();
                await options.mayAct();
                begun.push(step);
                if (!(await step.done())) await step.apply(options.signal ?? new AbortController().signal);
            } catch (error) {
                const cause = options.signal?.aborted ? options.signal.reason : error;
                const failures: { step: string; error: unknown }[] = [];
                for (const undone of (fault.undoOrder ?? ((all) => [...all].reverse()))(begun)) {
                    failures.push(...(await undoSteps([undone], options)));
                }
                throw new StepsFailed(
                    step.name,
                    (fault.cause ?? ((it) => it))(cause),
                    (fault.report ?? ((it) => it))(failures),
                );
            }
        }
    };
}

test("the small runner of the fault tests keeps the laws as long as no fault is put in", async () => {
    expect(await seedsThatBreak({ ...ours, run: faulty({}) })).toEqual([]);
});

describe("side by side", () => {
    /** Two steps of a scenario of which neither waits for the other, by a seed; nothing when there are none. */
    function pairOf(scenario: Scenario, random: () => number): readonly [string, string] | undefined {
        const ancestors = (name: string): Set<string> => {
            const own = scenario.steps.find((step) => step.name === name)?.after ?? [];
            return new Set(own.flatMap((other) => [other, ...ancestors(other)]));
        };
        const names = scenario.steps.map(({ name }) => name);
        const pairs = names.flatMap((a) =>
            names.filter((b) => a < b && !ancestors(a).has(b) && !ancestors(b).has(a)).map((b) => [a, b] as const),
        );
        return pairs[Math.floor(random() * pairs.length)];
    }

    /** Two steps that each wait, boundedly, until the other has begun. */
    async function meet(scenario: Scenario, pair: readonly [string, string], run: Runner["run"]): Promise<boolean> {
        const begun = new Set<string>();
        const steps = scenario.steps.map(({ name, after }) =>
            plainStep(name, after, {
                async apply() {
                    begun.add(name);
                    if (!pair.includes(name)) return;
                    for (let turn = 0; turn < 50; turn += 1) {
                        if (pair.every((other) => begun.has(other))) return;
                        await pass(1);
                    }
                    throw new Error(`${name} ran alone`);
                },
            }),
        );
        const { options } = quiet();
        return run(steps, options).then(
            () => true,
            () => false,
        );
    }

    test("any two steps of which neither comes after the other run at the same time", async () => {
        let pairs = 0;
        for (const seed of seeds) {
            const scenario = scenarioOf(seed, true);
            const pair = pairOf(scenario, randomFrom(seed));
            if (pair === undefined) continue;
            pairs += 1;
            expect([seed, await meet(scenario, pair, runSteps)]).toEqual([seed, true]);
        }
        expect(pairs).toBeGreaterThan(300);
    });

    test("a runner that takes one step after the other is seen", async () => {
        const scenario = {
            steps: scenarioOf(1, true)
                .steps.slice(0, 2)
                .map((step, index) => ({ ...step, name: `p${index}`, after: [] })),
        };
        expect(await meet(scenario, ["p0", "p1"], runSteps)).toBe(true);
        expect(await meet(scenario, ["p0", "p1"], faulty({}))).toBe(false);
    });
});

describe("single cases", () => {
    test("a failing step and a step that is told to stop: the failing one is named, both are undone", async () => {
        const undone: string[] = [];
        const { options, events } = quiet();
        const broken = new Error("no such image");
        const steps = [
            plainStep("slow", [], {
                apply: (signal) =>
                    new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped")))),
                undo: async () => void undone.push("slow"),
            }),
            plainStep("bad", [], {
                apply: async () => {
                    await pass(2);
                    throw broken;
                },
                undo: async () => void undone.push("bad"),
            }),
            plainStep("later", ["slow"], { undo: async () => void undone.push("later") }),
        ];
        const failure = await failureOf(runSteps(steps, options));
        expect(failure.step).toBe("bad");
        expect(failure.cause).toBe(broken);
        expect(failure.message).toContain("no such image");
        expect(undone).toEqual(["bad", "slow"]);
        expect(events.filter(({ event }) => event === "step-failed").map(({ step }) => step)).toEqual(["bad"]);
    });

    test("what undoing has to wait for is waited for once, after the last step has ended and before the first undo", async () => {
        const order: string[] = [];
        const step = (name: string, after: readonly string[] = [], fails = false) =>
            plainStep(name, after, {
                apply: async () => {
                    await pass(2);
                    order.push(`applied ${name}`);
                    if (fails) throw new Error("broken");
                },
                undo: async () => void order.push(`undid ${name}`),
            });
        const { options } = quiet({
            beforeUndo: async (cause) => {
                await pass(2);
                order.push(`waited: ${String(cause)}`);
            },
        });
        await failureOf(runSteps([step("one"), step("two", ["one"]), step("three", ["two"], true)], options));
        const applied = ["applied one", "applied two", "applied three"];
        expect(order).toEqual([...applied, "waited: Error: broken", "undid three", "undid two", "undid one"]);
    });

    test("nothing is waited for where nothing is undone", async () => {
        let waits = 0;
        const { options } = quiet({
            beforeUndo: async () => {
                waits += 1;
            },
        });
        await runSteps([plainStep("one"), plainStep("two", ["one"])], options);
        expect(waits).toBe(0);
    });

    test("a question that fails is recorded as a failed step", async () => {
        const { options, events } = quiet();
        const steps = [plainStep("asks", [], { done: () => Promise.reject(new Error("the engine is away")) })];
        const failure = await failureOf(runSteps(steps, options));
        expect(failure.step).toBe("asks");
        expect(events.map(({ event }) => event)).toEqual(["step-failed", "undo-begin", "undo-done"]);
    });

    test("an abort from outside between two steps is reported with its own reason", async () => {
        const outside = new AbortController();
        const reason = new Error("the process got SIGTERM");
        const { options } = quiet({ signal: outside.signal });
        const steps = [
            plainStep("deaf", [], { apply: async () => outside.abort(reason) }),
            plainStep("next", ["deaf"]),
        ];
        const failure = await failureOf(runSteps(steps, options));
        expect(failure.cause).toBe(reason);
        expect(failure.step).toBe("next");
    });

    test("a runner that lost its transaction does not act, and says that it could not undo", async () => {
        const acts: string[] = [];
        const lost = new Error("taken over");
        const { options } = quiet({ mayAct: async () => (acts.length > 0 ? Promise.reject(lost) : undefined) });
        const undone: string[] = [];
        const steps = [
            plainStep("first", [], {
                apply: async () => void acts.push("act"),
                undo: async () => void undone.push("first"),
            }),
            plainStep("second", ["first"], { apply: async () => void acts.push("act") }),
        ];
        const failure = await failureOf(runSteps(steps, options));
        expect(failure.cause).toBe(lost);
        expect(acts).toHaveLength(1);
        expect(undone).toEqual([]);
        expect(failure.undoFailures.map(({ step }) => step)).toEqual(["first"]);
    });

    test("what forbids to begin anything more does not forbid the way back [R95]", async () => {
        const acts: string[] = [];
        const full = new Error("the disk is full");
        const { options } = quiet({
            mayApply: () => {
                if (acts.length > 0) throw full;
            },
        });
        const steps = ["first", "second"].map((name, index, all) =>
            plainStep(name, all.slice(0, index), {
                apply: async () => void acts.push(`do ${name}`),
                undo: async () => void acts.push(`undo ${name}`),
            }),
        );
        const failure = await failureOf(runSteps(steps, options));
        expect([failure.step, failure.cause, failure.undoFailures]).toEqual(["second", full, []]);
        expect(acts).toEqual(["do first", "undo first"]);
    });

    test("a step does not act when another one failed while it was asked whether it is done", async () => {
        const { options } = quiet();
        const acted: string[] = [];
        const steps = [
            plainStep("asked", [], {
                done: async () => {
                    await pass(5);
                    return false;
                },
                apply: async () => void acted.push("act"),
            }),
            plainStep("bad", [], { apply: () => Promise.reject(new Error("no")) }),
        ];
        expect((await failureOf(runSteps(steps, options))).step).toBe("bad");
        expect(acted).toEqual([]);
    });

    test("a step that is done already is not applied", async () => {
        const acted: string[] = [];
        const { options, events } = quiet();
        await runSteps(
            [plainStep("done", [], { done: async () => true, apply: async () => void acted.push("act") })],
            options,
        );
        expect(acted).toEqual([]);
        expect(events).toEqual([{ event: "step-done", step: "done", durationMs: 0, message: "done: already done" }]);
    });

    test("events carry the service of a step", async () => {
        const { options, events } = quiet();
        await runSteps([plainStep("start api", [], { service: "api" })], options);
        expect(events.map(({ event, service }) => [event, service])).toEqual([
            ["step-begin", "api"],
            ["step-done", "api"],
        ]);
    });

    const disorders: readonly [string, readonly Step[], RegExp][] = [
        ["a name given twice", [plainStep("a"), plainStep("a")], /two steps are called "a"/],
        ["an unknown name", [plainStep("a", ["b"])], /"a" comes after "b", which does not exist/],
        ["a circle", [plainStep("a", ["b"]), plainStep("b", ["a"]), plainStep("c")], /wait for each other: a, b/],
    ];
    test.each(disorders)("%s is refused before anything is applied", async (_, steps, message) => {
        const acts: string[] = [];
        const { options } = quiet({ mayAct: async () => void acts.push("act") });
        await expect(runSteps(steps, options)).rejects.toThrow(message);
        expect(acts).toEqual([]);
    });

    test("steps keep their given order where nothing else orders them", () => {
        const order = inOrder([plainStep("c", ["a"]), plainStep("b"), plainStep("a")]).map(({ name }) => name);
        expect(order).toEqual(["b", "a", "c"]);
    });
});
