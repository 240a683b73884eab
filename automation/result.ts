/** What every command hands back, which exit code stands for it, and the last line that says it. */

import { describeError, type ErrorCategory, PlumblineError } from "../release/errors.ts";
import { exitCodes, type Outcome } from "../rollout/outcome.ts";

/**
 * How a command ended. The first four are a rollout's own outcomes; `unchanged`: there was nothing to do; `planned`:
 * the preview was shown; `as-recorded` and `deviates`: what `status` found; `listed`, `destroyed`, `secrets-set`: done;
 * `agreed`: no transaction was open, and Pulumi's state agrees with what runs again; `incomplete`: stopped half way,
 * neither as before nor as asked.
 */
export type CommandOutcome =
    | Outcome
    | "unchanged"
    | "planned"
    | "as-recorded"
    | "deviates"
    | "destroyed"
    | "listed"
    | "agreed"
    | "incomplete"
    | "secrets-set";

/**
 * Why an outcome is what it is, for scripts. `no-previous`: there was no release to go back to, so that nothing runs
 * now.
 */
export type Reason = "no-previous";

/** A failure in the words that a person needs, without stack traces. */
export interface Failure {
    readonly category: ErrorCategory | "pulumi";
    readonly message: string;
    /** The next step, where one is known. */
    readonly remedy: string | null;
    readonly service: string | null;
}

/** What all commands report; each command adds its own. */
export interface CommandResult {
    readonly command: string;
    readonly stack: string;
    readonly outcome: CommandOutcome;
    /** What a script may want to know besides; null where there is nothing. */
    readonly reason: Reason | null;
    /** One of `exitCodes`. */
    readonly exitCode: number;
    /** Id of the release that it was about, where one is known. */
    readonly release: string | null;
    readonly startedAt: string;
    readonly durationMs: number;
    /** Folder or file with the evidence, relative to the project folder. */
    readonly evidence: string | null;
    /** Things that a person should know although the command went on: a cleared lock, a stack that was created. */
    readonly notes: readonly string[];
    readonly failure: Failure | null;
    /** Pulumi's error diagnostics, cleaned of colours and stack frames. */
    readonly diagnostics: readonly string[];
}

/**
 * The exit code of an outcome (R95).
 *
 * `deviates` is 30: `status` changes nothing, and refuses to confirm the stack. There is no code of its own, so that
 * the five codes mean the same for every command. `incomplete` is 20: a person must look.
 */
export function exitCodeOf(outcome: CommandOutcome): number {
    switch (outcome) {
        case "rolled-back":
            return exitCodes.rolledBack;
        case "rollback-failed":
        case "incomplete":
            return exitCodes.rollbackFailed;
        case "refused":
        case "deviates":
            return exitCodes.refused;
        default:
            return exitCodes.committed;
    }
}

const words: Readonly<Record<CommandOutcome, string>> = {
    committed: "committed",
    "rolled-back": "rolled back: as it was before",
    "rollback-failed": "ROLLBACK FAILED: the stack needs a person",
    refused: "refused before any change",
    unchanged: "nothing to do",
    planned: "planned, nothing was changed",
    "as-recorded": "runs as recorded",
    deviates: "does not run as recorded",
    destroyed: "destroyed",
    incomplete: "STOPPED HALF WAY: run it again, or look at the evidence",
    "secrets-set": "secrets are set",
    listed: "listed",
    agreed: "what runs is the last committed release, and Pulumi's state agrees",
};

/** The last line of every command: outcome, release id, duration, where the evidence is. */
export function lastLine(result: CommandResult): string {
    return [
        `${result.stack}: ${sentence(result)}`,
        `release ${result.release ?? "none"}`,
        formatDuration(result.durationMs),
        `evidence: ${result.evidence ?? "none"}`,
    ].join(" · ");
}

function sentence({ outcome, reason }: CommandResult): string {
    const isEmpty = outcome === "rolled-back" && reason === "no-previous";
    return isEmpty ? "rolled back: there was no previous release, so nothing runs" : words[outcome];
}

/** A duration as a person says it: `850 ms`, `12.3 s`, `3 min 05 s`. */
export function formatDuration(ms: number): string {
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
    const seconds = Math.round(ms / 1000);
    return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** The failure that a thrown value tells of. */
export function failureOf(error: unknown): Failure {
    if (!(error instanceof PlumblineError)) {
        return { category: "pulumi", message: describeError(error), remedy: null, service: null };
    }
    const cause = error.cause === undefined ? "" : `\n  because: ${describeError(error.cause)}`;
    return {
        category: error.category,
        message: `${error.message}${cause}`,
        remedy: error.remedy,
        service: error.service ?? null,
    };
}
