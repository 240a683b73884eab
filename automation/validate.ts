/** `validate`: every property of the baseline beside what runs, at any time (R30). */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { comparePlacement } from "../validation/parity/placement.ts";
import { type ParityReport, parityReport, renderFindingsText } from "../validation/report/findings.ts";
import { type WrittenFindings, writeFindings } from "../validation/report/findings-write.ts";
import { reportFolder } from "../validation/report/write.ts";
import { conclude, type Ending } from "./context.ts";
import type { CommandOptions } from "./options.ts";
import { openToLook } from "./place.ts";
import type { CommandResult } from "./result.ts";
import { readSecretValues } from "./state.ts";

export interface ValidateResult extends CommandResult {
    /** The findings; null where there is no committed release to compare. */
    readonly report: ParityReport | null;
    /** The same as files, relative to the project folder. */
    readonly files: WrittenFindings | null;
}

type ValidateExtra = Pick<ValidateResult, "report" | "files">;

/**
 * Compares what the engine runs with the last committed release, property by property, and writes the findings as text,
 * JSON, JUnit and a page. Changes nothing that runs.
 *
 * The outcome is `as-recorded` (exit code 0) when every property is the same or different by a declared rule; `deviates`
 * (30) when one drifts or could not be compared: no data is never a pass (R96); `refused` (30) without a release.
 */
export async function validate(options: CommandOptions = {}): Promise<ValidateResult> {
    const nothing: ValidateExtra = { report: null, files: null };
    return conclude("validate", options, nothing, async (context): Promise<Ending<ValidateExtra>> => {
        const { stack, settings, engine, ledger } = await openToLook(context);
        const last = await ledger.lastCommit();
        const release = last === undefined ? undefined : await ledger.release(last.release);
        if (last === undefined || release === undefined) {
            const message = `The stack ${context.stack} has no committed release on this engine.`;
            const remedy = `Deploy it: npm run deploy -- --stack ${context.stack}`;
            const failure = { category: "settings", message, remedy, service: null } as const;
            return { outcome: "refused", release: null, evidence: null, failure, extra: nothing };
        }
        const { committed } = await readSecretValues(stack);
        const text = await readFile(path.join(context.projectDir, settings.composeFile), "utf8");
        const found = await comparePlacement(
            engine,
            release,
            { ...last.containers, edge: last.edge },
            { secrets: committed, committedImages: last.images, composeFile: { file: settings.composeFile, text } },
        );
        const judgedAt = new Date().toISOString();
        const report = parityReport({ stack: context.stack, release: release.id, judgedAt }, found);
        const folder = path.posix.join(reportFolder(context.stack), `validate-${judgedAt.replace(/[-:]|\.\d+/g, "")}`);
        const files = await writeFindings(context.projectDir, folder, report);
        return {
            outcome: report.summary.match ? "as-recorded" : "deviates",
            release: release.id,
            evidence: files.html,
            extra: { report, files },
        };
    });
}

/** The findings for reading; the files that hold them in full stand in the last line's folder. */
export function renderValidate(result: ValidateResult): string {
    return result.report === null ? "" : renderFindingsText(result.report);
}
