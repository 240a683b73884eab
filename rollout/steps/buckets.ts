/** The storage buckets of the baseline: made where they are missing, corrected where they differ (R05). */
import type { ServiceRelease } from "../../release/types.ts";
import { compareBucket, mendBucket } from "../buckets.ts";
import type { RolloutContext } from "../context.ts";
import { nothingToUndo, type Step } from "../step.ts";

export function bucketsStep(context: RolloutContext, service: ServiceRelease, after: readonly string[]): Step {
    const list = service.buckets?.list ?? [];
    return {
        name: `buckets of ${service.name}`,
        service: service.name,
        after,
        async done() {
            const states = await Promise.all(list.map((bucket) => compareBucket(context, service, bucket)));
            return states.every((state) => state === "same");
        },
        async apply() {
            for (const bucket of list) await mendBucket(context, service, bucket);
        },
        // A bucket that is there too early harms nobody, and it may hold documents by now.
        undo: nothingToUndo,
    };
}
