/** The laws of the runner, as one pure check of what happened: it lists every law that a run has broken. */
import { inOrder, type RunOptions, runSteps, StepsFailed, undoSteps } from "../../../rollout/runner.ts";
import type { Step } from "../../../rollout/step.ts";
import { type Actor, pass, type Scenario, StepWorld } from "./step-world.ts";

/** The runner under judgement: ours, or one with a fault that the laws must see. */
export interface Runner {
    readonly run: (steps: readonly Step[], options: RunOptions) => Promise<void>;
    readonly undo: typeof undoSteps;
}

export const ours: Runner = { run: runSteps, undo: undoSteps };

const interrupted = new Error("interrupted from outside");

/** Runs a scenario and lists the laws that were broken; empty when all held. */
export async function brokenLaws(scenario: Scenario, runner: Runner = ours): Promise<string[]> {
    const world = new StepWorld();
    const steps = world.steps(scenario.steps);
    const outside = new AbortController();
    const taken: Error[] = [];
    let calls = 0;
    const options: RunOptions = {
        timeline: { record: () => undefined },
        signal: outside.signal,
        async mayAct() {
            calls += 1;
            await pass(calls % 2);
            const { atCall, forGood } = scenario.losesPermission ?? {
                atCall: Number.POSITIVE_INFINITY,
                forGood: false,
            };
            const lost = forGood ? calls >= atCall : calls === atCall;
            if (!lost) return;
            const error = new Error("the transaction was taken over");
            taken.push(error);
            throw error;
        },
    };
    const abort = pass(scenario.abortAfter ?? 0).then(() => {
        if (scenario.abortAfter !== undefined) outside.abort(interrupted);
    });
    const failure = await runner.run(steps, options).then(
        () => undefined,
        (error: unknown) => error,
    );
    await abort;

    const broken: string[] = [];
    const law = (holds: boolean, text: string) => {
        if (!holds) broken.push(text);
    };
    const begun = world.those("begin");
    law(beganInOrder(scenario, world), "a step begins only after those that it comes after are done");
    law(new Set(begun).size === begun.length, "a step begins once");
    if (failure === undefined) {
        const names = scenario.steps.map(({ name }) => name);
        law(
            names.every((name) => world.standing.get(name) === true),
            "a run that ends well is all new",
        );
        law(world.those("undo").length === 0, "a run that ends well has undone nothing");
        return broken;
    }
    if (!(failure instanceof StepsFailed)) return [...broken, `a run fails with StepsFailed, not ${String(failure)}`];

    // One that may not act may not undo either: those are reported as left.
    const refused = failure.undoFailures.filter(({ error }) => taken.some((other) => other === error));
    const free = begun.filter((name) => !refused.some(({ step }) => step === name));
    law(same(world.those("undo"), [...free].reverse()), "what had begun is undone once, in exactly the reverse order");
    const stuck = [...begun].reverse().filter((name) => {
        const own = scenario.steps.find((step) => step.name === name);
        return own?.failsInUndo === true || refused.some(({ step }) => step === name);
    });
    law(
        same(
            failure.undoFailures.map(({ step }) => step),
            stuck,
        ),
        "what could not be undone is named, and only that",
    );
    const left = [...world.standing].filter(([, stands]) => stands).map(([name]) => name);
    law(
        left.every((name) => stuck.includes(name)),
        "what fails is all old afterwards, but for what is named as left",
    );
    const causes: unknown[] = [...world.thrown.map(({ error }) => error), ...taken, interrupted];
    law(causes.includes(failure.cause), "a step that was told to stop is never the cause");
    const troubles = [world.thrown.length > 0, taken.length > 0, outside.signal.aborted].filter(Boolean).length;
    if (troubles === 1 && world.thrown[0] !== undefined) {
        law(failure.cause === world.thrown[0].error, "the first failure is the cause");
        law(failure.step === world.thrown[0].step, "the step that failed first is named");
    }

    const before = JSON.stringify([...world.standing]);
    const again = inOrder(steps).filter(({ name }) => free.includes(name));
    await runner.undo(again, { timeline: options.timeline, mayAct: async () => {} });
    law(JSON.stringify([...world.standing]) === before, "undoing twice changes nothing");
    return broken;
}

/**
 * The same where the runner is killed after so many turns, and its steps are undone by somebody who does not know how far it
 * had come: an undo is safe for steps that stand, stand half, or never began. Lists the laws that were broken.
 */
export async function brokenByKill(scenario: Scenario, killAfter: number, runner: Runner = ours): Promise<string[]> {
    const world = new StepWorld();
    const victim: Actor = { isDead: false };
    const options: RunOptions = { timeline: { record: () => undefined }, mayAct: async () => {} };
    const end = runner.run(world.steps(scenario.steps, victim), options).then(
        () => "all new",
        () => "undone",
    );
    const killed = pass(killAfter).then(() => {
        victim.isDead = true;
        return "killed";
    });
    const ended = await Promise.race([end, killed]);
    await killed;
    const standing = () => [...world.standing].filter(([, stands]) => stands).map(([name]) => name);
    if (ended === "all new") {
        const isWhole = scenario.steps.every(({ name }) => world.standing.get(name) === true);
        return isWhole ? [] : ["a run that ended well before the kill is all new"];
    }
    const broken: string[] = [];
    const stuck = scenario.steps.filter(({ failsInUndo }) => failsInUndo).map(({ name }) => name);
    const heir = inOrder(world.steps(scenario.steps));
    const failures = await runner.undo(heir, options);
    if (!standing().every((name) => stuck.includes(name)))
        broken.push("what a killed runner left is all old afterwards");
    if (!same(failures.map(({ step }) => step).sort(), [...stuck].sort()))
        broken.push("what could not be undone is named");
    const before = JSON.stringify([...world.standing]);
    await runner.undo(heir, options);
    if (JSON.stringify([...world.standing]) !== before) broken.push("undoing twice changes nothing");
    return broken;
}

function beganInOrder(scenario: Scenario, world: StepWorld): boolean {
    const done = new Set<string>();
    for (const { step, what } of world.log) {
        if (what === "applied" || what === "already-done") done.add(step);
        if (what !== "begin") continue;
        const after = scenario.steps.find(({ name }) => name === step)?.after ?? [];
        if (!after.every((name) => done.has(name))) return false;
    }
    return true;
}

function same(a: readonly string[], b: readonly string[]): boolean {
    return a.length === b.length && a.every((value, index) => value === b[index]);
}
