/** What a stack records of its last committed rollout. */

import type { OutputMap } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import { parityOutputSchema } from "../validation/parity/summary.ts";
import { rateSchema } from "../validation/rates.ts";
import { rolloutOutcomeSchema } from "../validation/report/schema.ts";
import type { Validated } from "../validation/report/summary.ts";

/** The rollout's outcome in a stack's outputs; null where there is none yet. */
export function summaryOf(outputs: OutputMap): RolloutOutcome | null {
    const parsed = rolloutOutcomeSchema.safeParse(outputs.summary?.value);
    return parsed.success ? parsed.data : null;
}

/** What the validation of that rollout has found; null where there was none yet, as in a stack from before there was one. */
export function validatedOf(outputs: OutputMap): Validated | null {
    const parity = parityOutputSchema.safeParse(outputs.parity?.value);
    const rates = z.array(rateSchema).safeParse(outputs.successRates?.value);
    return parity.success && rates.success ? { parity: parity.data, rates: rates.data } : null;
}
