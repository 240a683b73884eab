/** Runs one Pulumi operation: its events become progress, and a lock that a killed CLI left is cleared. */

import path from "node:path";
import { ConcurrentUpdateError, type EngineEvent } from "@pulumi/pulumi/automation/index.js";
import type { TimelineEvent } from "../rollout/outcome.ts";
import { timelinePath } from "../rollout/timeline.ts";
import type { CommandContext } from "./context.ts";
import { Diagnostics } from "./diagnostics.ts";
import { areStale, heldError, type ProcessTable, parseLocks, thisMachine } from "./lock.ts";
import type { Place } from "./place.ts";
import { fromEngineEvent, fromTimelineEvent } from "./progress.ts";
import { readState } from "./state.ts";
import { tailTimeline } from "./timeline.ts";
import { removeUnrecorded } from "./unrecorded.ts";

/**
 * Takes Pulumi's events into the context: progress and warnings are told, each warning once, and diagnostics are kept.
 */
export function eventSink(
    context: CommandContext,
    diagnostics: Diagnostics = context.diagnostics,
): (event: EngineEvent) => void {
    return (event) => {
        const warning = diagnostics.add(event);
        if (warning !== undefined) context.note(warning);
        const progress = fromEngineEvent(event);
        if (progress !== null) context.view.event(progress);
    };
}

/**
 * Runs an operation while the rollout's timeline is followed.
 * @param onBegin gets each beginning of a transaction: its id, and the command that it was begun for
 * @param since ISO 8601; older events have been told, or belong to an earlier command
 */
export async function withTimeline<T>(
    context: CommandContext,
    operation: () => Promise<T>,
    onBegin: (begun: Pick<TimelineEvent, "transaction" | "caller">) => void = () => {},
    since: string = context.startedAt,
): Promise<T> {
    const file = path.join(context.projectDir, timelinePath(context.stack));
    const tail = tailTimeline(file, since, (event) => {
        if (event.event === "transaction-begin") onBegin(event);
        context.view.event(fromTimelineEvent(event));
    });
    try {
        return await operation();
    } finally {
        await tail.stop();
    }
}

/**
 * Runs an operation that takes the stack's lock. A lock of a process of this machine that is gone is cleared, with the
 * operations that it left pending, and the operation is run once more.
 * @param onCleared is called when a lock was cleared
 * @throws PlumblineError `engine` when somebody else is at work on the stack
 */
export async function withLock<T>(
    context: CommandContext,
    place: Pick<Place, "stack" | "engine">,
    operation: () => Promise<T>,
    onCleared: () => void = () => {},
    processes: ProcessTable = thisMachine,
): Promise<T> {
    try {
        return await operation();
    } catch (error) {
        if (!(error instanceof ConcurrentUpdateError)) throw error;
        const locks = parseLocks(error.message);
        if (!areStale(locks, processes)) throw heldError(context.stack, locks, error);
        context.note(`A deployer was killed and left its lock on ${context.stack}: the lock is cleared.`);
        await place.stack.cancel();
        onCleared();
        await clearPending(context, place);
        return await operation();
    }
}

/** Like `withTimeline`, for what comes after an update: what the update has told is not told again. */
export async function withLaterTimeline<T>(context: CommandContext, operation: () => Promise<T>): Promise<T> {
    return await withTimeline(context, operation, () => {}, new Date().toISOString());
}

/**
 * Asks the engine what became of operations that a killed CLI has left, and removes what that one had created without
 * writing it down.
 * @returns whether there were any
 */
export async function clearPending(
    context: CommandContext,
    { stack, engine }: Pick<Place, "stack" | "engine">,
): Promise<boolean> {
    const before = await readState(stack);
    const { pendingOperations } = before;
    if (pendingOperations === 0) return false;
    // Said afterwards: a deployer that is at work has operations pending too, and holds the lock.
    await stack.refresh({
        showSecrets: false,
        clearPendingCreates: true,
        onEvent: eventSink(context, new Diagnostics()),
    });
    context.note(
        `A killed deployer left ${pendingOperations} operations pending: the engine was asked what became of them.`,
    );
    await removeUnrecorded(context, engine, before);
    return true;
}
