/** The zod schemas of what is written about a rollout, and read back by commands and scripts. */

import { z } from "zod";
import type { RolloutOutcome } from "../../rollout/outcome.ts";

const outcomeName = z.enum(["committed", "rolled-back", "rollback-failed", "refused"]);

const serviceOutcome = z.object({
    name: z.string().min(1),
    kind: z.string(),
    revision: z.string().min(1),
    image: z.string(),
    imageId: z.string(),
    container: z.string(),
    addresses: z.array(z.string()),
    readyAfterMs: z.number().nonnegative(),
    probeMs: z.number().nonnegative(),
    changed: z.boolean(),
});

/** `RolloutOutcome` as it stands in stack outputs and reports. */
export const rolloutOutcomeSchema = z.object({
    transaction: z.string().min(1),
    stack: z.string().min(1),
    release: z.string().min(1),
    previous: z.string().nullable(),
    outcome: outcomeName,
    startedAt: z.string(),
    durationMs: z.number().nonnegative(),
    services: z.array(serviceOutcome),
    gateways: z.record(z.string(), z.string()),
    evidence: z.string(),
    forced: z.boolean().optional(),
    edgeGapMs: z.number().nonnegative().optional(),
    leftVolumes: z.array(z.string()).optional(),
}) satisfies z.ZodType<RolloutOutcome>;

/** `deployment.json`: the deployment report (R70). */
export const deploymentReportSchema = z.object({
    schema: z.literal("plumbline/deployment/1"),
    writtenAt: z.string(),
    outcome: rolloutOutcomeSchema,
    /** Of what was undone: what failed first, with what became of the stack in its message. */
    cause: z
        .object({
            category: z.string(),
            service: z.string().nullable(),
            message: z.string(),
            remedy: z.string().nullable(),
        })
        .optional(),
});

export type DeploymentReport = z.infer<typeof deploymentReportSchema>;

/** `infrastructure/reports/<stack>/outcome.json`: how the newest transaction of the stack ended. */
export const outcomeRecordSchema = z.looseObject({
    transaction: z.string().min(1),
    outcome: outcomeName,
    release: z.string(),
    error: z.string().nullish(),
    evidence: z.string(),
});

export type OutcomeRecord = z.infer<typeof outcomeRecordSchema>;
