/** `deploy`: brings a stack to the release of this checkout, or leaves it as it was. */

import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { connectEngine } from "../engine/docker.ts";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import { timelinePath } from "../rollout/timeline.ts";
import { type OutcomeRecord, outcomeRecordSchema, rolloutOutcomeSchema } from "../validation/report/schema.ts";
import { renderSummary } from "../validation/report/summary.ts";
import { reportFolder, writeDeploymentReport } from "../validation/report/write.ts";
import { type CommandContext, conclude, type Ending } from "./context.ts";
import { judgeStatus, observe } from "./observed.ts";
import { eventSink, withLock, withTimeline } from "./operation.ts";
import type { CommandOptions } from "./options.ts";
import { ownFailure, pulumiFailure } from "./pulumi-error.ts";
import { summaryOf } from "./recorded.ts";
import type { CommandResult } from "./result.ts";
import { readStackSettings } from "./stack-settings.ts";
import { openStack } from "./workspace.ts";

export interface DeployOptions extends CommandOptions {
    /** Ask the engine first what became of everything. @default when a service does not run as recorded */
    readonly refresh?: boolean;
}

export interface DeployResult extends CommandResult {
    /** The rollout that this command ran, or else the one that the stack's outputs record; null when there was none. */
    readonly summary: RolloutOutcome | null;
    /** Resources by what was done with them, as in `{ create: 12, same: 3 }`. */
    readonly changes: Readonly<Record<string, number>>;
}

type DeployExtra = Pick<DeployResult, "summary" | "changes">;

/**
 * Deploys a stack: `pulumi up`, which declares the new release beside the running one and then runs the rollout.
 *
 * The outcome is `committed` (exit code 0: the new release runs, proven), `unchanged` (0: it already ran), `rolled-back`
 * (10: the previous release runs, proven), `rollback-failed` (20: a person is needed), `incomplete` (20: the
 * rollout was killed on its way) or `refused` (30: no rollout began, what runs was not touched). Nothing is thrown for these; `failure` and `diagnostics` tell the reason.
 */
export async function deploy(options: DeployOptions = {}): Promise<DeployResult> {
    const nothing: DeployExtra = { summary: null, changes: {} };
    return conclude("deploy", options, nothing, async (context) => {
        const stack = await openStack(context, "create");
        const before = await readOutcome(context);
        const refresh = options.refresh || (await hasDrifted(context, stack));
        let begun = false;
        try {
            const result = await withTimeline(
                context,
                () =>
                    withLock(context, stack, () =>
                        stack.up({
                            onEvent: eventSink(context),
                            refresh,
                            signal: context.signal,
                        }),
                    ),
                () => {
                    begun = true;
                },
            );
            const summary = summaryOf(result.outputs);
            if (summary === null) context.note("The stack's output `summary` is missing or not complete.");
            return endingOf(context, summary, result.summary.resourceChanges ?? {});
        } catch (error) {
            const after = await readOutcome(context);
            if (after !== null && after.transaction !== before?.transaction) {
                const summary = rolloutOutcomeSchema.safeParse(after).data ?? null;
                if (summary !== null) await writeDeploymentReport(context.projectDir, summary);
                return failedEnding(context, after, error, { ...nothing, summary });
            }
            if (!begun) throw error;
            return interruptedEnding(context, error, nothing);
        }
    });
}

/** Whether something that is recorded does not run as recorded. Pulumi sees that only when it asks the engine. */
async function hasDrifted(context: CommandContext, stack: Stack): Promise<boolean> {
    const recorded = summaryOf(await stack.outputs());
    if (recorded === null) return false;
    const { settings, engineHost } = await readStackSettings(stack);
    const services = judgeStatus(recorded, await observe(connectEngine(engineHost), settings.project));
    const drifted = services.filter((service) => service.deviations.length > 0);
    for (const { name, deviations } of drifted)
        context.note(`${name} has drifted and is mended: ${deviations.join("; ")}`);
    return drifted.length > 0;
}

function endingOf(
    context: CommandContext,
    summary: RolloutOutcome | null,
    changes: Readonly<Record<string, number>>,
): Ending<DeployExtra> {
    const ours = summary !== null && summary.startedAt >= context.startedAt;
    return {
        outcome: ours ? "committed" : "unchanged",
        release: summary?.release ?? null,
        evidence: summary?.evidence ?? null,
        extra: { summary, changes },
    };
}

/** A rollout began, and Pulumi failed. The commit record alone decides: after a commit the outcome is good, with a warning. */
function failedEnding(
    context: CommandContext,
    record: OutcomeRecord,
    error: unknown,
    extra: DeployExtra,
): Ending<DeployExtra> {
    const failure = pulumiFailure(error, context.diagnostics);
    const ending = { outcome: record.outcome, release: record.release, evidence: record.evidence, extra };
    if (record.outcome !== "committed") {
        return { ...ending, failure: ownFailure(record.error ?? "") ?? failure };
    }
    context.note(`The release is committed, but Pulumi failed afterwards: ${failure.message}`);
    return ending;
}

/** A rollout began and left no outcome: its process was killed. */
function interruptedEnding(context: CommandContext, error: unknown, extra: DeployExtra): Ending<DeployExtra> {
    const failure = pulumiFailure(error, context.diagnostics);
    return {
        outcome: "incomplete",
        release: null,
        evidence: timelinePath(context.stack),
        failure: { ...failure, remedy: `Run it again: npm run deploy -- --stack ${context.stack}` },
        extra,
    };
}

/** The summary of the rollout, as text for people; empty where there is none. */
export function renderDeploy(result: DeployResult): string {
    if (result.summary === null) return "";
    const { stack, transaction, outcome } = result.summary;
    const name = outcome === "committed" || outcome === "refused" ? "deployment" : "rollback";
    const heading = result.outcome === "unchanged" ? "Nothing was changed. The rollout that made what runs:\n\n" : "";
    const report = path.posix.join(reportFolder(stack), transaction, `${name}.json`);
    return `${heading}${renderSummary(result.summary, [report])}`;
}

/** How the newest transaction of the stack ended; null where there was none. */
async function readOutcome(context: CommandContext): Promise<OutcomeRecord | null> {
    const file = path.join(context.projectDir, reportFolder(context.stack), "outcome.json");
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return null;
        throw error;
    });
    return text === null ? null : outcomeRecordSchema.parse(JSON.parse(text));
}
