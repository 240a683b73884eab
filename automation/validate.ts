/** `validate`: every property of the baseline beside what runs, at any time (R30), and the correction of what drifts (R31). */
import path from "node:path";
import { describeError } from "../release/errors.ts";
import { releaseVariable, renewVariable } from "../rollout/choose.ts";
import type { Correction } from "../validation/parity/correction.ts";
import type { Finding } from "../validation/parity/finding.ts";
import { type ParityReport, parityReport, renderFindingsText } from "../validation/report/findings.ts";
import { type WrittenFindings, writeFindings } from "../validation/report/findings-write.ts";
import { reportFolder } from "../validation/report/write.ts";
import { type Comparison, compareCommitted, renewalOf } from "./compare.ts";
import { type CommandContext, conclude, type Ending } from "./context.ts";
import type { CommandOptions } from "./options.ts";
import { openPlace, openToLook, type Place } from "./place.ts";
import { makeReady } from "./ready.ts";
import type { CommandResult } from "./result.ts";
import { nothingDone, type TransactExtra, transact } from "./transact.ts";

export interface ValidateOptions extends CommandOptions {
    /** Make the containers anew that drift, and no others. @default false */
    readonly fix?: boolean;
}

export interface ValidateResult extends CommandResult, TransactExtra {
    /** The findings as they are at the end; null where there is no committed release to compare. */
    readonly report: ParityReport | null;
    /** The same as files, relative to the project folder. */
    readonly files: WrittenFindings | null;
    /** The changes that restore the baseline; with `fix` those that were tried. */
    readonly corrections: readonly Correction[];
    /** Drifts that no new container mends. */
    readonly notFixable: readonly Finding[];
}

type ValidateExtra = TransactExtra & Pick<ValidateResult, "report" | "files" | "corrections" | "notFixable">;

const nothing: ValidateExtra = { ...nothingDone, report: null, files: null, corrections: [], notFixable: [] };

/**
 * Compares what the engine runs with the last committed release, property by property, and writes the findings as text,
 * JSON, JUnit and a page. Names the changes that restore the baseline.
 *
 * Without `fix` it changes nothing that runs. With `fix` each container that drifts is followed by a fresh one of the same
 * revision, by the same transaction as every deploy; nothing else is touched, whatever the checkout says.
 *
 * The outcome is `as-recorded` (exit code 0) when every property is the same or different by a declared rule; `deviates`
 * (30) when one drifts or could not be compared: no data is never a pass (R96); `refused` (30) without a release. With
 * `fix` also `committed` (0) when everything is restored, `rolled-back` (10) when a fresh container did not pass and what
 * ran before runs again, `rollback-failed` or `incomplete` (20) as of `deploy`, and `deviates` where drift is left that no new
 * container mends.
 */
export async function validate(options: ValidateOptions = {}): Promise<ValidateResult> {
    return conclude("validate", options, nothing, async (context): Promise<Ending<ValidateExtra>> => {
        if (options.fix === true) return await correct(context);
        const place = await openToLook(context);
        const seen = await compareCommitted(context, place);
        return seen === undefined ? nothingCommitted(context) : await looked(context, seen);
    });
}

async function correct(context: CommandContext): Promise<Ending<ValidateExtra>> {
    const place = await openPlace(context, "refuse");
    const hindered = await makeReady(context, place);
    if (hindered !== undefined) return { ...hindered, extra: { ...nothing, ...hindered.extra } };
    const seen = await compareCommitted(context, place);
    if (seen === undefined) return nothingCommitted(context);
    const { corrections, notFixable } = seen.corrections;
    for (const { service, property, remedy } of notFixable) {
        context.note(`${service}: ${property} cannot be corrected by a new container. ${remedy}`);
    }
    if (corrections.length === 0) {
        context.note(notFixable.length === 0 ? "Nothing drifts: nothing is corrected." : "Nothing was corrected.");
        return await looked(context, seen);
    }
    for (const { service, container, restores } of corrections) {
        context.note(`${service} is made anew in the place of ${container}: ${restores.join("; ")}`);
    }
    return await makeAnew(context, place, seen);
}

async function makeAnew(context: CommandContext, place: Place, seen: Comparison): Promise<Ending<ValidateExtra>> {
    const { services, refresh } = renewalOf(seen);
    const variables = { [releaseVariable]: seen.last.release, [renewVariable]: services };
    const ending = await transact(context, place, { refresh, variables });
    // The outcome is the rollout's: that nobody can be asked afterwards does not change it.
    const again = await compareCommitted(context, place).catch((error: unknown) => {
        context.note(`What runs could not be compared again: ${describeError(error)}`);
        return undefined;
    });
    const { extra } = again === undefined ? { extra: nothing } : await looked(context, again);
    const all = { ...extra, ...ending.extra, corrections: seen.corrections.corrections };
    const isDone = ending.outcome === "committed" || ending.outcome === "unchanged";
    const stays = isDone && extra.report?.summary.match !== true;
    return { ...ending, outcome: stays ? "deviates" : ending.outcome, extra: all };
}

/** What was found, as files and as an ending. */
async function looked(context: CommandContext, seen: Comparison): Promise<Ending<ValidateExtra>> {
    const { release, found, rates, corrections } = seen;
    const judgedAt = new Date().toISOString();
    const report = parityReport({ stack: context.stack, release: release.id, judgedAt }, found, rates);
    const folder = path.posix.join(reportFolder(context.stack), `validate-${judgedAt.replace(/[-:]|\.\d+/g, "")}`);
    const files = await writeFindings(context.projectDir, folder, report);
    return {
        outcome: report.summary.match ? "as-recorded" : "deviates",
        release: release.id,
        evidence: files.html,
        extra: { ...nothingDone, report, files, ...corrections },
    };
}

function nothingCommitted(context: CommandContext): Ending<ValidateExtra> {
    const message = `The stack ${context.stack} has no committed release on this engine.`;
    const remedy = `Deploy it: npm run deploy -- --stack ${context.stack}`;
    const failure = { category: "settings", message, remedy, service: null } as const;
    return { outcome: "refused", release: null, evidence: null, failure, extra: nothing };
}

/** The findings for reading, and what restores the baseline; the files that hold them in full stand in the last line's folder. */
export function renderValidate(result: ValidateResult): string {
    if (result.report === null) return "";
    // After a correction they have been told as they were made.
    const open = result.summary === null ? result.corrections : [];
    return [renderFindingsText(result.report), ...correctionLines(open, result.notFixable)].join("\n");
}

function correctionLines(corrections: readonly Correction[], notFixable: readonly Finding[]): string[] {
    return [
        ...(corrections.length === 0 ? [] : ["What restores the baseline (npm run validate -- --fix applies it):"]),
        ...corrections.flatMap(({ service, container, restores }) => [
            `  make ${service} anew, in the place of ${container}`,
            ...restores.map((change) => `    ${change}`),
        ]),
        ...(notFixable.length === 0 ? [] : ["What no new container mends:"]),
        ...notFixable.map(({ service, property, remedy }) => `  ${service}: ${property}. ${remedy}`),
        ...(corrections.length + notFixable.length === 0 ? [] : [""]),
    ];
}
