/** What is recorded of a stack's last committed rollout: by its Pulumi state, and by the ledger. */

import type { OutputMap } from "@pulumi/pulumi/automation/index.js";
import type { Ledger } from "../rollout/ledger.ts";
import type { RolloutOutcome, ServiceOutcome } from "../rollout/outcome.ts";
import { rolloutOutcomeSchema } from "../validation/report/schema.ts";

/** What is to run, as far as it can be compared with what does. */
export interface Recorded {
    readonly transaction: string;
    readonly release: string;
    /** Null where it lies with another deployer. */
    readonly evidence: string | null;
    readonly services: readonly RecordedService[];
}

export type RecordedService = Pick<ServiceOutcome, "name" | "revision" | "imageId" | "addresses">;

/** The rollout's outcome in a stack's outputs; null where there is none yet. */
export function summaryOf(outputs: OutputMap): RolloutOutcome | null {
    const parsed = rolloutOutcomeSchema.safeParse(outputs.summary?.value);
    return parsed.success ? parsed.data : null;
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
    if (last === undefined || last.transaction === summary?.transaction) return summary;
    const release = await ledger.release(last.release);
    if (release === undefined) return summary;
    return {
        transaction: last.transaction,
        release: last.release,
        evidence: null,
        services: release.services.map(({ name, revision, ports }) => ({
            name,
            revision,
            imageId: last.images[name] ?? "",
            addresses: publishedAddresses(ports),
        })),
    };
}

function publishedAddresses(ports: readonly { readonly hostIp: string; readonly published: number }[]): string[] {
    return ports.filter(({ published }) => published > 0).map(({ hostIp, published }) => `${hostIp}:${published}`);
}
