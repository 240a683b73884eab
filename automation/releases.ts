/** `releases`: what was committed, what runs, what is pinned, and what is quarantined. */

import type { CommitRecord, LedgerState, QuarantineRecord } from "../rollout/ledger.ts";
import { renderTable } from "../validation/report/summary.ts";
import { conclude } from "./context.ts";
import type { CommandOptions } from "./options.ts";
import { openToLook } from "./place.ts";
import type { CommandResult } from "./result.ts";

/** One commit. */
export interface ReleaseRow {
    /** Counts up from 1; the newest first. */
    readonly sequence: number;
    readonly release: string;
    readonly at: string;
    readonly transaction: string;
    /** Deployed although it had been undone before. */
    readonly forced: boolean;
    /** Whether this commit is the one that runs. */
    readonly isRunning: boolean;
    readonly isPinned: boolean;
    readonly isQuarantined: boolean;
}

export interface ReleasesResult extends CommandResult {
    readonly commits: readonly ReleaseRow[];
    /** Releases that are refused until they are forced, the newest first. */
    readonly quarantined: readonly QuarantineRecord[];
    /** Id of the pinned release; null where none is. */
    readonly pinned: string | null;
}

type ReleasesExtra = Pick<ReleasesResult, "commits" | "quarantined" | "pinned">;

/**
 * The releases that the ledger knows, so the same for every deployer of the stack. The outcome is `listed` (exit code
 * 0) or `refused` (30) when it cannot be told. Changes nothing that runs; a stack that this clone's backend does not
 * know is created there, empty.
 */
export async function releases(options: CommandOptions = {}): Promise<ReleasesResult> {
    const nothing: ReleasesExtra = { commits: [], quarantined: [], pinned: null };
    return conclude("releases", options, nothing, async (context) => {
        const { ledger } = await openToLook(context, { whenMissing: "create" });
        const state = await ledger.state();
        const extra = releasesOf(state, await ledger.commits());
        return { outcome: "listed", release: state.lastCommit?.release ?? null, evidence: null, extra };
    });
}

/** The rows of the list. Pure. */
export function releasesOf(
    { lastCommit, pin, quarantine }: Pick<LedgerState, "lastCommit" | "pin" | "quarantine">,
    commits: readonly CommitRecord[],
): ReleasesExtra {
    return {
        commits: commits.map(({ sequence, release, at, transaction, forced }) => ({
            sequence,
            release,
            at,
            transaction,
            forced,
            isRunning: sequence === lastCommit?.sequence,
            isPinned: release === pin?.release,
            isQuarantined: quarantine[release] !== undefined,
        })),
        quarantined: Object.values(quarantine).sort((a, b) => (a.at < b.at ? 1 : -1)),
        pinned: pin?.release ?? null,
    };
}

/** The list as text for people. */
export function renderReleases({ stack, commits, quarantined }: ReleasesResult): string {
    if (commits.length === 0 && quarantined.length === 0) return `${stack}: no release was ever committed\n`;
    const rows = commits.map((commit) => [
        String(commit.sequence),
        commit.release,
        commit.at,
        commit.transaction,
        marksOf(commit).join(", "),
    ]);
    const committed = renderTable([["#", "RELEASE", "COMMITTED AT", "TRANSACTION", ""], ...rows]);
    if (quarantined.length === 0) return `${committed.join("\n")}\n`;
    const refused = quarantined.map(({ release, at, transaction, reason }) => [
        release,
        at,
        transaction,
        reason.split("\n", 1)[0] ?? "",
    ]);
    return [
        ...(commits.length === 0 ? [] : [...committed, ""]),
        "Quarantined: refused until `npm run deploy -- --force`",
        ...renderTable([["RELEASE", "UNDONE AT", "TRANSACTION", "BECAUSE"], ...refused]),
        "",
    ].join("\n");
}

function marksOf(commit: ReleaseRow): string[] {
    return [
        ...(commit.isRunning ? ["runs now"] : []),
        ...(commit.isPinned ? ["pinned"] : []),
        ...(commit.forced ? ["forced"] : []),
        ...(commit.isQuarantined ? ["quarantined"] : []),
    ];
}
