/** The edge's own steps: it runs, with a configuration that serves both releases until the new one is committed to. */
import { EdgeControl } from "../../engine/edge/edge.ts";
import { canonicalJson } from "../../release/revision.ts";
import type { Release } from "../../release/types.ts";
import type { RolloutContext } from "../context.ts";
import { startEdge } from "../put-back.ts";
import { lentPortMs } from "../start-on-ports.ts";
import type { Step } from "../step.ts";
import { joinPreviousNetworks } from "./edge-networks.ts";
import { mergeEdges, withoutOld } from "./merge-edges.ts";

/** Name of the step that everything but the security gate comes after. */
export const edgeReady = "edge";

/** Longest wait for a lent port while the previous edge is stopped. */
const lentPortInGapMs = 5_000;

/** Seconds that an edge gets to end its connections when another one takes its ports. */
const stopSeconds = 5;

/**
 * The edge runs and serves the release, and what the previous one had besides.
 *
 * Another set of ports or names needs another container, and the two cannot hold the ports at once: then this is the one
 * step with a gap. It is measured and noted (R91).
 *
 * @param previousEdges running containers of the edge that this one replaces
 * @param previous the release that runs now, whose configuration an undo puts back
 */
export function edgeStep(
    context: RolloutContext,
    previousEdges: readonly string[],
    previous: Release | undefined,
    after: readonly string[],
): Step {
    const { engine, edge, edgeContainer, release } = context;
    const note = (message: string) => context.timeline.record({ event: "note", service: "edge", message });
    let startedHere = false;
    /** Since when nobody serves. */
    let downSince: number | undefined;
    return {
        name: edgeReady,
        service: "edge",
        after,
        // Applying an unchanged configuration does nothing, so there is no cheaper question than applying it.
        done: async () => false,
        async apply() {
            downSince = performance.now();
            for (const other of previousEdges) await engine.stop(other, stopSeconds);
            startedHere = (await engine.inspect(edgeContainer.name))?.running !== true;
            await joinPreviousNetworks(context, previous);
            // While nobody serves, a port that is lent to a connection is not worth a long wait: the old edge has its own.
            await startEdge(context, previousEdges.length > 0 ? lentPortInGapMs : lentPortMs);
            await edge.serve(mergeEdges(release.edge, previous?.edge));
            const gap = Math.round(performance.now() - downSince);
            downSince = undefined;
            if (startedHere) context.measured.edgeGapMs = gap;
            if (previousEdges.length > 0) note(`the edge was replaced; nobody served for ${gap} ms`);
        },
        async undo() {
            downSince ??= performance.now();
            if (startedHere) await engine.stop(edgeContainer.name, stopSeconds);
            for (const other of previousEdges) await engine.start(other);
            if (previous === undefined) return;
            const serving = previousEdges[0] === undefined ? edge : new EdgeControl(engine, previousEdges[0]);
            await serving.ready();
            await serving.serve(previous.edge);
            if (previousEdges.length === 0) return;
            note(`the edge of before was put back; nobody served for ${Math.round(performance.now() - downSince)} ms`);
        },
    };
}

/** Takes out of the edge what only the previous release had. */
export function trimEdgeStep(context: RolloutContext, previous: Release | undefined, after: readonly string[]): Step {
    const { edge, release } = context;
    const merged = mergeEdges(release.edge, previous?.edge);
    const own = withoutOld(release.edge, previous?.edge);
    return {
        name: "edge without what was removed",
        service: "edge",
        after,
        done: async () => canonicalJson(merged) === canonicalJson(own),
        async apply() {
            await edge.serve(own);
        },
        async undo() {
            await edge.serve(merged);
        },
    };
}
