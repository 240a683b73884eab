/**
 * The runner: applies steps side by side in the order that they ask for, and takes all of them back when one fails.
 *
 * It knows nothing of containers. What a step does, and whether it is done, only the step knows.
 */
import { describeError } from "../release/errors.ts";
import type { Step } from "./step.ts";
import type { Timeline } from "./timeline.ts";

/** What a run ended in, when it did not end well. */
export class StepsFailed extends Error {
    /** The step that failed first. */
    readonly step: string;
    /** Empty when everything was taken back. */
    readonly undoFailures: readonly { readonly step: string; readonly error: unknown }[];

    constructor(step: string, cause: unknown, undoFailures: readonly { step: string; error: unknown }[]) {
        super(`step "${step}" failed: ${describeError(cause)}`, { cause });
        this.name = "StepsFailed";
        this.step = step;
        this.undoFailures = undoFailures;
    }
}

export interface RunOptions {
    readonly timeline: Pick<Timeline, "record">;
    /** Called before every act; throws when this runner has lost its transaction to another. */
    readonly mayAct: () => Promise<void>;
    /** Called before every step on the way forward, and not on the way back; throws when nothing more may be begun. */
    readonly mayApply?: () => void;
    /** Called once before the first undo, with its cause: what it waits for, as an engine that is away, is there then. */
    readonly beforeUndo?: (cause: unknown) => Promise<void>;
    /** Aborted from outside, as by a signal to the process: counts as a failure of the running steps. */
    readonly signal?: AbortSignal;
}

/**
 * Applies all steps; each begins as soon as the steps it comes after are done.
 *
 * @throws StepsFailed after the first failure: the steps under way were told to stop, and every step that had begun was
 * undone, the last begun first.
 * @throws Error when the steps cannot be ordered (an unknown name, a cycle, a name given twice): nothing was applied.
 */
export async function runSteps(steps: readonly Step[], options: RunOptions): Promise<void> {
    assertOrder(steps);
    const abort = new AbortController();
    const signal = options.signal === undefined ? abort.signal : AbortSignal.any([abort.signal, options.signal]);
    const begun: Step[] = [];
    const finished = new Map<string, Promise<void>>();
    let first: { step: string; error: unknown } | undefined;

    const run = async (step: Step): Promise<void> => {
        await Promise.all(step.after.map((name) => finished.get(name)));
        const about = { step: step.name, ...(step.service === undefined ? {} : { service: step.service }) };
        try {
            signal.throwIfAborted();
            await options.mayAct();
            options.mayApply?.();
            // Another step may have failed while each of these questions was under way.
            signal.throwIfAborted();
            begun.push(step);
            const started = performance.now();
            if (await step.done()) {
                options.timeline.record({
                    event: "step-done",
                    ...about,
                    durationMs: 0,
                    message: `${step.name}: already done`,
                });
                return;
            }
            signal.throwIfAborted();
            options.timeline.record({ event: "step-begin", ...about, message: step.name });
            await step.apply(signal);
            const durationMs = Math.round(performance.now() - started);
            options.timeline.record({ event: "step-done", ...about, durationMs, message: step.name });
        } catch (error) {
            // A step that was told to stop is not the cause of the failure: that is whoever told it.
            if (first === undefined) {
                const cause: unknown = options.signal?.aborted ? options.signal.reason : error;
                first = { step: step.name, error: cause };
                options.timeline.record({ event: "step-failed", ...about, message: describeError(cause) });
            }
            abort.abort();
            throw error;
        }
    };

    for (const step of inOrder(steps)) {
        const result = run(step);
        // Handled at its cause; whoever comes after it awaits the same promise and sees the failure as well.
        result.catch(() => undefined);
        finished.set(step.name, result);
    }
    await Promise.allSettled(finished.values());
    if (first === undefined) return;

    await options.beforeUndo?.(first.error);
    const undoFailures = await undoSteps(begun, options);
    throw new StepsFailed(first.step, first.error, undoFailures);
}

/** Undoes steps, the last first; one that cannot be undone does not keep the others from it. */
export async function undoSteps(
    begun: readonly Step[],
    options: Pick<RunOptions, "timeline" | "mayAct">,
): Promise<{ step: string; error: unknown }[]> {
    const failures: { step: string; error: unknown }[] = [];
    for (const step of [...begun].reverse()) {
        const about = { step: step.name, ...(step.service === undefined ? {} : { service: step.service }) };
        try {
            await options.mayAct();
            options.timeline.record({ event: "undo-begin", ...about, message: `undo ${step.name}` });
            await step.undo();
            options.timeline.record({ event: "undo-done", ...about, message: `undid ${step.name}` });
        } catch (error) {
            failures.push({ step: step.name, error });
            options.timeline.record({ event: "undo-failed", ...about, message: describeError(error) });
        }
    }
    return failures;
}

/** Sorts steps so that each stands after those it comes after, keeping the given order otherwise. */
export function inOrder(steps: readonly Step[]): Step[] {
    const placed = new Set<string>();
    const sorted: Step[] = [];
    let rest = [...steps];
    while (rest.length > 0) {
        const ready = rest.filter((step) => step.after.every((name) => placed.has(name)));
        if (ready.length === 0)
            throw new Error(`steps wait for each other: ${rest.map((step) => step.name).join(", ")}`);
        for (const step of ready) placed.add(step.name);
        sorted.push(...ready);
        rest = rest.filter((step) => !placed.has(step.name));
    }
    return sorted;
}

function assertOrder(steps: readonly Step[]): void {
    const names = new Set<string>();
    for (const step of steps) {
        if (names.has(step.name)) throw new Error(`two steps are called "${step.name}"`);
        names.add(step.name);
    }
    for (const step of steps) {
        const unknown = step.after.find((name) => !names.has(name));
        if (unknown !== undefined)
            throw new Error(`step "${step.name}" comes after "${unknown}", which does not exist`);
    }
    inOrder(steps);
}
