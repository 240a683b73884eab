/** Writes the deployment report of one transaction, and removes reports that are past their time. */

import { chmod, mkdir, readdir, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import type { RolloutOutcome } from "../../rollout/outcome.ts";
import { defaultRetention, expiredReports, type ReportFile, type ReportRetention } from "./prune.ts";
import { type DeploymentReport, deploymentReportSchema } from "./schema.ts";
import { renderSummary, type Validated } from "./summary.ts";

/** Where a deployment report was written, relative to the project folder. */
export interface WrittenReport {
    readonly json: string;
    readonly text: string;
    /** Reports that were past their time and are gone, relative to the project folder. */
    readonly pruned: readonly string[];
}

/** What a report says beside the outcome, and how long reports stay. */
export interface ReportDetails {
    readonly retention?: ReportRetention;
    readonly now?: () => number;
    /** What the validation has found, for the text. */
    readonly validated?: Validated;
    /** What failed first, where it was undone. */
    readonly cause?: DeploymentReport["cause"];
}

/** Folder of a stack's reports, relative to the project folder. */
export function reportFolder(stack: string): string {
    return path.posix.join("infrastructure", "reports", stack);
}

/**
 * Writes `deployment.json` and `deployment.txt` of a transaction (`rollback.*` of one that was undone) below `infrastructure/reports/<stack>/<transaction>/`,
 * readable by their owner only (R65), then removes what is older than `retention` allows (R70).
 * @param projectDir folder with `Pulumi.yaml`
 * @throws ZodError when the outcome is not complete; the file system's errors as they are
 */
export async function writeDeploymentReport(
    projectDir: string,
    outcome: RolloutOutcome,
    { retention = defaultRetention, now = Date.now, validated, cause }: ReportDetails = {},
): Promise<WrittenReport> {
    const stackFolder = reportFolder(outcome.stack);
    const folder = path.posix.join(stackFolder, outcome.transaction);
    const report: DeploymentReport = deploymentReportSchema.parse({
        schema: "plumbline/deployment/1",
        writtenAt: new Date(now()).toISOString(),
        outcome,
        ...(cause === undefined ? {} : { cause }),
    });
    const undone = outcome.outcome === "rolled-back" || outcome.outcome === "rollback-failed";
    const json = path.posix.join(folder, undone ? "rollback.json" : "deployment.json");
    const text = path.posix.join(folder, undone ? "rollback.txt" : "deployment.txt");
    await makePrivateFolder(path.join(projectDir, folder));
    await writePrivateFile(path.join(projectDir, json), `${JSON.stringify(report, null, 4)}\n`);
    await writePrivateFile(
        path.join(projectDir, text),
        `${renderSummary(outcome, [json, text], validated)}${causeText(cause)}`,
    );
    const pruned = await pruneReports(path.join(projectDir, stackFolder), retention, now());
    return { json, text, pruned: pruned.map((file) => path.posix.join(stackFolder, file)) };
}

function causeText(cause: DeploymentReport["cause"]): string {
    if (cause === undefined) return "";
    const { category, service, message, remedy } = cause;
    const about = [category, service].filter((part) => part !== null).join(", ");
    return `\nThe first cause: ${message} [${about}]\n${remedy === null ? "" : `  Next: ${remedy}\n`}`;
}

/** Creates a folder and its parents, open to their owner only. */
export async function makePrivateFolder(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
}

/** Writes a file readable by its owner only, in one move, so that a reader never sees half of it. */
export async function writePrivateFile(file: string, content: string): Promise<void> {
    const draft = `${file}.${process.pid}.tmp`;
    await writeFile(draft, content, { mode: 0o600 });
    await rename(draft, file);
}

/** Removes what is past its time from a stack's report folder, then folders left empty; returns the removed files. */
export async function pruneReports(folder: string, retention: ReportRetention, now: number): Promise<string[]> {
    const expired = expiredReports(await listReports(folder), now, retention);
    for (const file of expired) await rm(path.join(folder, file), { force: true });
    for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (entry.isDirectory()) await removeEmpty(path.join(folder, entry.name));
    }
    return expired;
}

async function listReports(folder: string): Promise<ReportFile[]> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
    return Promise.all(
        files.map(async (file) => ({
            path: path.relative(folder, file).split(path.sep).join("/"),
            modifiedAt: (await stat(file)).mtimeMs,
        })),
    );
}

async function removeEmpty(folder: string): Promise<void> {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (entry.isDirectory()) await removeEmpty(path.join(folder, entry.name));
    }
    if ((await readdir(folder)).length === 0) await rmdir(folder);
}
