/** How long the edge lets somebody wait: the defaults of `plumbline:edge`, and what a release holds of other numbers. */
import type { EdgeWaits } from "./types.ts";

/** In seconds, as in the settings: R98 for a hold, R91 for a request. */
export const defaultEdgeWaits = { holdSeconds: 30, requestWaitSeconds: 5 } as const;

/** What the settings say, in milliseconds. */
export function edgeWaits(
    wanted: Readonly<Record<keyof typeof defaultEdgeWaits, number>> = defaultEdgeWaits,
): EdgeWaits {
    return {
        holdMs: Math.round(wanted.holdSeconds * 1000),
        requestWaitMs: Math.round(wanted.requestWaitSeconds * 1000),
    };
}

/** What a release holds of them: nothing where they are the defaults, so that its id stays what it was before one could set them. */
export function frozenWaits(wanted: Parameters<typeof edgeWaits>[0]): { readonly waits?: EdgeWaits } {
    const [waits, usual] = [edgeWaits(wanted), edgeWaits()];
    return waits.holdMs === usual.holdMs && waits.requestWaitMs === usual.requestWaitMs ? {} : { waits };
}
