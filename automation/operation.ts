/** Runs one Pulumi operation: its events become progress, and a lock that a killed CLI left is cleared. */

import path from "node:path";
import { ConcurrentUpdateError, type EngineEvent, type Stack } from "@pulumi/pulumi/automation/index.js";
import { timelinePath } from "../rollout/timeline.ts";
import type { CommandContext } from "./context.ts";
import { areStale, heldError, type ProcessTable, parseLocks, thisMachine } from "./lock.ts";
import { fromEngineEvent, fromTimelineEvent } from "./progress.ts";
import { tailTimeline } from "./timeline.ts";

/** Takes Pulumi's events into the context: diagnostics are kept, progress is shown. */
export function eventSink(context: CommandContext): (event: EngineEvent) => void {
    return (event) => {
        context.diagnostics.add(event);
        const progress = fromEngineEvent(event);
        if (progress !== null) context.view.event(progress);
    };
}

/** Runs an operation while the rollout's timeline is followed. `onBegin` is called when a transaction begins. */
export async function withTimeline<T>(
    context: CommandContext,
    operation: () => Promise<T>,
    onBegin: () => void = () => {},
): Promise<T> {
    const file = path.join(context.projectDir, timelinePath(context.stack));
    const tail = tailTimeline(file, context.startedAt, (event) => {
        if (event.event === "transaction-begin") onBegin();
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
 * @throws PlumblineError `engine` when somebody else is at work on the stack
 */
export async function withLock<T>(
    context: CommandContext,
    stack: Stack,
    operation: () => Promise<T>,
    processes: ProcessTable = thisMachine,
): Promise<T> {
    try {
        return await operation();
    } catch (error) {
        if (!(error instanceof ConcurrentUpdateError)) throw error;
        const locks = parseLocks(error.message);
        if (!areStale(locks, processes)) throw heldError(context.stack, locks, error);
        await clearLock(context, stack);
        return await operation();
    }
}

async function clearLock(context: CommandContext, stack: Stack): Promise<void> {
    context.note(`A deployer was killed and left its lock on ${context.stack}: the lock is cleared.`);
    await stack.cancel();
    const { deployment } = (await stack.exportStack()) as { deployment?: { pending_operations?: unknown[] } };
    const pending = deployment?.pending_operations?.length ?? 0;
    if (pending === 0) return;
    context.note(`It left ${pending} operations pending: the engine is asked what became of them.`);
    await stack.refresh({ clearPendingCreates: true, onEvent: eventSink(context), signal: context.signal });
}
