/**
 * Bringing Pulumi's state to agree with what runs: an `up` of the last committed release, or the removal of everything.
 */

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { releaseVariable, renewVariable } from "../rollout/choose.ts";
import type { CommandContext } from "./context.ts";
import { Diagnostics } from "./diagnostics.ts";
import { foreignStateOf } from "./foreign.ts";
import { clearPending, eventSink, withLaterTimeline, withLock } from "./operation.ts";
import type { Place } from "./place.ts";
import { pulumiFailure } from "./pulumi-error.ts";
import { type Failure, failureOf } from "./result.ts";
import { readState } from "./state.ts";

/** What it took. */
export interface Agreement {
    /** Whether anything of the state was changed, or a lock cleared. */
    readonly changed: boolean;
    /** Why it does not agree; null when it does. */
    readonly failure: Failure | null;
}

/**
 * Brings the state to agree with the last committed release: containers that are declared and do not belong to it are
 * deleted. Where nothing is committed, everything but data volumes is removed. A state from which what runs was not
 * deployed is left alone: to agree it would have to replace everything.
 */
export async function agree(context: CommandContext, place: Place): Promise<Agreement> {
    const diagnostics = new Diagnostics();
    let changed = false;
    const onCleared = () => {
        changed = true;
    };
    try {
        const last = await place.ledger.lastCommit();
        const { stack } = place;
        const state = await readState(stack);
        const foreign = await foreignStateOf(place, state);
        if (foreign !== undefined) return { changed, failure: failureOf(foreign) };
        if (state.pendingOperations > 0) {
            const cleared = await withLock(context, place, () => clearPending(context, place), onCleared);
            if (cleared) changed = true;
        }
        const operation =
            last === undefined
                ? () => removeAll(context, place, diagnostics)
                : () => upOf(context, stack, last.release, diagnostics);
        if (await withLaterTimeline(context, () => withLock(context, place, operation, onCleared))) changed = true;
        if (last === undefined && (await place.ledger.current()) === undefined) await place.ledger.close();
        return { changed, failure: null };
    } catch (error) {
        return { changed, failure: pulumiFailure(error, diagnostics) };
    }
}

/** @returns whether a resource was changed */
async function upOf(
    context: CommandContext,
    stack: Stack,
    release: string,
    diagnostics: Diagnostics,
): Promise<boolean> {
    // What a person has asked to be made anew is not what runs.
    return await withVariables(stack, { [releaseVariable]: release, [renewVariable]: "" }, async () => {
        const { summary } = await stack.up({ showSecrets: false, onEvent: eventSink(context, diagnostics) });
        return Object.keys(summary.resourceChanges ?? {}).some((op) => op !== "same" && op !== "read");
    });
}

async function removeAll(context: CommandContext, place: Place, diagnostics: Diagnostics): Promise<boolean> {
    const { resources } = await readState(place.stack);
    if (resources > 0) {
        context.note("There is no release to go back to: everything but data volumes is removed.");
        await place.stack.destroy({ showSecrets: false, onEvent: eventSink(context, diagnostics) });
    }
    return resources > 0;
}

/** Runs an operation with variables in the environment of Pulumi and its program. */
export async function withVariables<T>(
    stack: Stack,
    variables: Readonly<Record<string, string>>,
    operation: () => Promise<T>,
): Promise<T> {
    const { envVars } = stack.workspace;
    stack.workspace.envVars = { ...envVars, ...variables };
    try {
        return await operation();
    } finally {
        stack.workspace.envVars = envVars;
    }
}
