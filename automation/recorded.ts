/** What is recorded of a stack's last committed rollout: by its Pulumi state, and by the ledger. */

import type { OutputMap } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import type { Ledger } from "../rollout/ledger.ts";
import { publishedAddresses, type RolloutOutcome, type ServiceOutcome } from "../rollout/outcome.ts";
import { parityOutputSchema } from "../validation/parity/summary.ts";
import { rateSchema } from "../validation/rates.ts";
import { rolloutOutcomeSchema } from "../validation/report/schema.ts";
import type { Validated } from "../validation/report/summary.ts";

/** What is to run, as far as it can be compared with what does. */
export interface Recorded {
    readonly transaction: string;
    readonly release: string;
    /** Null where it lies with another deployer. */
    readonly evidence: string | null;
    readonly services: readonly RecordedService[];
}

export interface RecordedService extends Pick<ServiceOutcome, "name" | "kind" | "revision" | "imageId" | "addresses"> {
    /** Of the container that was committed; absent where no ledger tells. */
    readonly containerId?: string | undefined;
}

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

/**
 * The last commit. The ledger decides, which is the same for every clone; the outputs of a state may be older, as after
 * a kill, or those of another clone.
 */
export async function recordOf(
    ledger: Pick<Ledger, "lastCommit" | "release">,
    outputs: OutputMap,
): Promise<Recorded | null> {
    const summary = summaryOf(outputs);
    const last = await ledger.lastCommit();
    if (last === undefined) return summary;
    const containerId = (service: string) => last.containers[service]?.id;
    if (summary !== null && last.transaction === summary.transaction) {
        return {
            ...summary,
            services: summary.services.map((service) => ({ ...service, containerId: containerId(service.name) })),
        };
    }
    const release = await ledger.release(last.release);
    if (release === undefined) return summary;
    return {
        transaction: last.transaction,
        release: last.release,
        evidence: null,
        services: release.services.map((service) => ({
            name: service.name,
            kind: service.kind,
            revision: service.revision,
            imageId: last.images[service.name] ?? "",
            containerId: containerId(service.name),
            addresses: publishedAddresses(service),
        })),
    };
}
