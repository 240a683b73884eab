/** What a stack records of its last committed rollout. */

import type { OutputMap } from "@pulumi/pulumi/automation/index.js";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import { rolloutOutcomeSchema } from "../validation/report/schema.ts";

/** The rollout's outcome in a stack's outputs; null where there is none yet. */
export function summaryOf(outputs: OutputMap): RolloutOutcome | null {
    const parsed = rolloutOutcomeSchema.safeParse(outputs.summary?.value);
    return parsed.success ? parsed.data : null;
}
