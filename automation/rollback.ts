/** `rollback`: brings a stack back to a release that was committed before, and keeps it there. */

import { PlumblineError } from "../release/errors.ts";
import { didYouMean } from "../release/suggest.ts";
import { releaseVariable } from "../rollout/choose.ts";
import type { CommitRecord, LedgerState } from "../rollout/ledger.ts";
import { endOpenTransaction } from "./abandoned.ts";
import { type CommandContext, conclude } from "./context.ts";
import type { CommandOptions } from "./options.ts";
import { openPlace, type Place, wantedRelease } from "./place.ts";
import type { CommandResult } from "./result.ts";
import { nothingDone, type TransactExtra, transact } from "./transact.ts";

export interface RollbackOptions extends CommandOptions {
    /** Id of a committed release, or enough of its beginning. @default the one that ran before the present one */
    readonly release?: string;
}

export interface RollbackResult extends CommandResult, TransactExtra {
    /** The release that holds the stack from now on; null where none is pinned. */
    readonly pinned: string | null;
}

/**
 * Deploys a committed release again, by the same transaction as every change, and pins it, so that the next deploy does
 * not bring the release of the checkout back: until `deploy` with `unpin`. The release of the checkout itself needs no
 * pin.
 *
 * The outcome is as of `deploy`: `committed` (exit code 0) or `unchanged` (0: it runs already) when the named release
 * runs; `rolled-back` (10) when it failed and what ran before runs again; `rollback-failed` or `incomplete` (20);
 * `refused` (30) when there is no such release, or its images are not what was committed.
 */
export async function rollback(options: RollbackOptions = {}): Promise<RollbackResult> {
    return conclude("rollback", options, { ...nothingDone, pinned: null }, async (context) => {
        const place = await openPlace(context, "refuse");
        await endOpenTransaction(context, place);
        const { ledger } = place;
        const state = await ledger.state();
        const target = targetOf(options.release, await ledger.commits(), state);
        if (state.quarantine[target] !== undefined) {
            context.note(`Release ${target} was undone by transaction ${state.quarantine[target]?.transaction} later.`);
        }
        context.note(`${state.lastCommit?.release ?? "nothing"} → ${target}`);
        const ending = await transact(context, place, { refresh: false, variables: { [releaseVariable]: target } });
        const runs = ending.outcome === "committed" || ending.outcome === "unchanged";
        const pinned = runs ? await pin(context, place, target) : ((await ledger.state()).pin?.release ?? null);
        return { ...ending, extra: { ...ending.extra, pinned } };
    });
}

/** Only once it runs: a pin on a release that failed would hold the stack to it. */
async function pin(context: CommandContext, place: Place, target: string): Promise<string | null> {
    const { ledger } = place;
    if (target === (await wantedRelease(place)).id) {
        if ((await ledger.state()).pin !== undefined) await ledger.pin(null);
        return null;
    }
    await ledger.pin(target);
    context.note(`Release ${target} is pinned: deploys keep it until \`npm run deploy -- --unpin\`.`);
    return target;
}

/**
 * The release to go back to. Pure.
 * @param named id or the beginning of one
 * @throws PlumblineError `rollback` when there is none, or the name fits none or several
 */
export function targetOf(
    named: string | undefined,
    commits: readonly CommitRecord[],
    state: Pick<LedgerState, "lastCommit" | "quarantine" | "pin">,
): string {
    return named === undefined ? previousOf(commits, state) : namedOf(named, commits);
}

/**
 * The newest committed release before the present one that was not undone later (F17). Where the present one was itself
 * gone back to, it is the one before its first run: going back twice goes back further, not forth to what was left.
 */
function previousOf(
    commits: readonly CommitRecord[],
    { lastCommit, quarantine, pin }: Pick<LedgerState, "lastCommit" | "quarantine" | "pin">,
): string {
    const present = lastCommit?.release;
    const wasGoneBackTo = present !== undefined && pin?.release === present;
    const own = commits.filter(({ release }) => release === present).map(({ sequence }) => sequence);
    const before = wasGoneBackTo ? Math.min(...own) : Number.POSITIVE_INFINITY;
    const found = commits
        .toSorted((a, b) => b.sequence - a.sequence)
        .find(({ release, sequence }) => sequence < before && release !== present && quarantine[release] === undefined);
    if (found !== undefined) return found.release;
    throw new PlumblineError("rollback", `There is no release before ${present ?? "the first one"} to go back to.`, {
        remedy: "`npm run releases` lists what was committed; name one of them.",
    });
}

function namedOf(named: string, commits: readonly CommitRecord[]): string {
    const known = [...new Set(commits.map(({ release }) => release))];
    const fitting = known.includes(named) ? [named] : known.filter((release) => release.startsWith(named));
    const [only] = fitting;
    if (only !== undefined && fitting.length === 1) return only;
    const what =
        fitting.length > 1
            ? `"${named}" is the beginning of several releases: ${fitting.join(", ")}.`
            : `Release ${named} was never committed here${didYouMean(named, known)}.`;
    throw new PlumblineError("rollback", what, {
        remedy: "`npm run releases` lists what was committed; name one of them.",
    });
}
