/**
 * One `pulumi up` as a transaction: run, then judged by the ledger, and Pulumi's state brought to agree. For `deploy`
 * and `rollback`.
 */

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { UpResult } from "@pulumi/pulumi/automation/index.js";
import { describeError } from "../release/errors.ts";
import { callerVariable } from "../rollout/caller.ts";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import { timelinePath } from "../rollout/timeline.ts";
import { type OutcomeRecord, outcomeRecordSchema, rolloutOutcomeSchema } from "../validation/report/schema.ts";
import type { Validated } from "../validation/report/summary.ts";
import { reportFolder, writeDeploymentReport } from "../validation/report/write.ts";
import { endOpenTransaction } from "./abandoned.ts";
import { type Agreement, agree, withVariables } from "./agree.ts";
import type { CommandContext, Ending } from "./context.ts";
import { eventSink, withLock, withTimeline } from "./operation.ts";
import type { Place } from "./place.ts";
import { pulumiFailure } from "./pulumi-error.ts";
import { summaryOf, validatedOf } from "./recorded.ts";
import { recordedFailure } from "./recorded-failure.ts";
import type { Failure } from "./result.ts";

/** What `deploy` and `rollback` report besides the outcome. */
export interface TransactExtra {
    /** The rollout that this command ran, or else the one that the stack's outputs record; null when there was none. */
    readonly summary: RolloutOutcome | null;
    /** Resources by what was done with them, as in `{ create: 12, same: 3 }`. */
    readonly changes: Readonly<Record<string, number>>;
    /** What the validation after it has found: parity with the baseline, and success rates; null when there was none. */
    readonly validated: Validated | null;
}

export const nothingDone: TransactExtra = { summary: null, changes: {}, validated: null };

export interface TransactOptions {
    readonly refresh: boolean;
    /** Variables that the program reads: which release is wanted, and whether it is forced. */
    readonly variables: Readonly<Record<string, string>>;
}

interface Attempt {
    /** What Pulumi answered; undefined when it failed. */
    readonly result: UpResult | undefined;
    readonly error: unknown;
    /** Name of this attempt: a transaction of another deployer bears another one. */
    readonly caller: string;
    /** The transaction that began for it; undefined when none did. */
    readonly transaction: string | undefined;
    /** Whether any resource was changed. */
    readonly acted: boolean;
}

/**
 * Runs the update and tells how it ended. What decides is the ledger's commit record for the transaction, not how
 * Pulumi ended.
 * @throws what Pulumi threw when no transaction began; what it had declared by then is deleted again
 */
export async function transact(
    context: CommandContext,
    place: Place,
    options: TransactOptions,
): Promise<Ending<TransactExtra>> {
    const attempt = await attemptUp(context, place, options);
    const transaction = attempt.transaction ?? (await openedBy(attempt, place));
    if (transaction === undefined) {
        if (attempt.result !== undefined) return unchanged(context, attempt.result);
        if (attempt.acted) tellDisagreement(context, await agree(context, place));
        throw attempt.error;
    }
    try {
        const ended = await endOpenTransaction(context, place, { own: transaction });
        const { committed, last } = await verdictOf(place, transaction);
        if (committed) return await forward(context, place, attempt, transaction);
        const record = await readOutcome(context, transaction);
        // Where the disk was full there is no record here: then the ledger tells whether all was put back.
        const isPutBack =
            record === undefined ? await place.ledger.wasPutBack(transaction) : record.outcome !== "rollback-failed";
        if (ended?.outcome === "rollback-failed" || !isPutBack) {
            return await failedEnding(context, place, attempt, record, ended?.error ?? null);
        }
        return await backward(context, place, attempt, record, last);
    } catch (error) {
        const failure = pulumiFailure(error, context.diagnostics);
        const remedy = `Run: npm run recover -- --stack ${context.stack}`;
        const evidence = timelinePath(context.stack);
        return { outcome: "incomplete", release: null, evidence, failure: { ...failure, remedy }, extra: nothingDone };
    }
}

async function attemptUp(
    context: CommandContext,
    place: Place,
    { refresh, variables }: TransactOptions,
): Promise<Attempt> {
    const caller = randomUUID();
    let transaction: string | undefined;
    let acted = false;
    const sink = eventSink(context);
    try {
        const up = () =>
            place.stack.up({
                refresh,
                showSecrets: false,
                signal: context.signal,
                onEvent(event) {
                    const { op, type } = event.resOutputsEvent?.metadata ?? {};
                    if (op !== undefined && op !== "same" && !/^(pulumi|plumbline):/.test(type ?? "")) acted = true;
                    sink(event);
                },
            });
        const result = await withVariables(place.stack, { ...variables, [callerVariable]: caller }, () =>
            withTimeline(
                context,
                () => withLock(context, place, up),
                (begun) => {
                    // In one folder two deployers write into one timeline.
                    if (begun.caller === caller) transaction = begun.transaction;
                },
            ),
        );
        return { result, error: undefined, caller, transaction, acted };
    } catch (error) {
        return { result: undefined, error, caller, transaction, acted };
    }
}

/** A transaction of this attempt that was killed before its timeline began. */
async function openedBy({ caller }: Attempt, { ledger }: Place): Promise<string | undefined> {
    const open = await ledger.current().catch(() => undefined);
    return open?.caller === caller ? open.transaction : undefined;
}

async function verdictOf(
    { ledger }: Place,
    transaction: string,
): Promise<{ readonly committed: boolean; readonly last: string | undefined }> {
    const commits = await ledger.commits();
    const committed = commits.some((commit) => commit.transaction === transaction);
    return { committed, last: (await ledger.lastCommit())?.release };
}

function unchanged(context: CommandContext, result: UpResult): Ending<TransactExtra> {
    const summary = summaryOf(result.outputs);
    if (summary === null) context.note("The stack's output `summary` is missing or not complete.");
    return {
        outcome: "unchanged",
        release: summary?.release ?? null,
        evidence: summary?.evidence ?? null,
        extra: { summary, changes: result.summary.resourceChanges ?? {}, validated: validatedOf(result.outputs) },
    };
}

/** The release is committed: the outcome is good, whatever became of Pulumi afterwards (F16). */
async function forward(
    context: CommandContext,
    place: Place,
    attempt: Attempt,
    transaction: string,
): Promise<Ending<TransactExtra>> {
    const record = await readOutcome(context, transaction);
    const recorded = rolloutOutcomeSchema.safeParse(record).data ?? null;
    if (attempt.result === undefined) {
        const failure = pulumiFailure(attempt.error, context.diagnostics);
        context.note(`The release is committed, but Pulumi failed afterwards: ${failure.message}`);
        tellDisagreement(context, await agree(context, place));
    }
    const summary = (attempt.result === undefined ? null : summaryOf(attempt.result.outputs)) ?? recorded;
    if (recorded !== null && attempt.result === undefined) await writeReport(context, place, recorded);
    return {
        outcome: "committed",
        release: summary?.release ?? (await place.ledger.lastCommit())?.release ?? null,
        evidence: summary?.evidence ?? null,
        extra: {
            summary,
            changes: attempt.result?.summary.resourceChanges ?? {},
            validated: attempt.result === undefined ? null : validatedOf(attempt.result.outputs),
        },
    };
}

/** Everything was put back, proven: now the plan becomes empty too. */
async function backward(
    context: CommandContext,
    place: Place,
    attempt: Attempt,
    record: OutcomeRecord | undefined,
    last: string | undefined,
): Promise<Ending<TransactExtra>> {
    const summary = rolloutOutcomeSchema.safeParse(record).data ?? null;
    const failure = recordedFailure(record?.error) ?? failureOf(context, attempt);
    if (summary !== null) await writeReport(context, place, summary, failure);
    const evidence = record?.evidence ?? timelinePath(context.stack);
    const ending = { release: last ?? null, evidence, extra: { ...nothingDone, summary } };
    const agreement = await agree(context, place);
    tellDisagreement(context, agreement);
    const { category } = agreement.failure ?? {};
    // Somebody else who is at work by now is no reason to doubt what was proven.
    if ((category === "image" || category === "rollback") && (await place.ledger.current()) === undefined) {
        // The release to which the stack was put back cannot be run again as it was committed: no one may rely on it (F2).
        return { ...ending, outcome: "rollback-failed", failure: agreement.failure ?? failure };
    }
    const reason = last === undefined ? ({ reason: "no-previous" } as const) : {};
    return { ...ending, outcome: "rolled-back", failure, ...reason };
}

/** The report of what has happened; one that cannot be written changes nothing of it. */
async function writeReport(
    context: CommandContext,
    place: Place,
    summary: RolloutOutcome,
    failure?: Failure,
): Promise<void> {
    const cause = failure === undefined ? {} : { cause: failure };
    try {
        await writeDeploymentReport(context.projectDir, summary, { retention: place.settings.reports, ...cause });
    } catch (error) {
        context.note(`The report of ${summary.transaction} could not be written: ${describeError(error)}`);
    }
}

async function failedEnding(
    context: CommandContext,
    place: Place,
    attempt: Attempt,
    record: OutcomeRecord | undefined,
    error: string | null,
): Promise<Ending<TransactExtra>> {
    const failure = recordedFailure(record?.error ?? error) ?? failureOf(context, attempt);
    const summary = rolloutOutcomeSchema.safeParse(record).data ?? null;
    if (summary !== null) await writeReport(context, place, summary, failure);
    return {
        outcome: "rollback-failed",
        release: record?.release ?? null,
        evidence: record?.evidence ?? timelinePath(context.stack),
        failure: { ...failure, remedy: failure.remedy ?? `Run: npm run recover -- --stack ${context.stack}` },
        extra: { ...nothingDone, summary },
    };
}

function failureOf(context: CommandContext, attempt: Attempt): Failure {
    const message = "The rollout ended without a commit, although Pulumi says that all went well.";
    return attempt.error === undefined
        ? { category: "rollback", message, remedy: null, service: null }
        : pulumiFailure(attempt.error, context.diagnostics);
}

function tellDisagreement(context: CommandContext, { failure }: Agreement): void {
    if (failure === null) return;
    context.note(
        `Pulumi's state does not agree with what runs: ${failure.message} Mend it with: npm run recover -- --stack ${context.stack}`,
    );
}

/** How a transaction ended, as its evidence on this machine tells; undefined where there is none. */
async function readOutcome(context: CommandContext, transaction: string): Promise<OutcomeRecord | undefined> {
    const file = path.join(context.projectDir, reportFolder(context.stack), "outcome.json");
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
    });
    const record = text === undefined ? undefined : outcomeRecordSchema.parse(JSON.parse(text));
    return record?.transaction === transaction ? record : undefined;
}
