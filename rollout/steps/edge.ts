/** The edge's own steps: it runs, with a configuration that serves both releases until the new one is committed to. */
import { isDeepStrictEqual } from "node:util";
import { renderEdgeConfig } from "../../engine/edge/config.ts";
import { EdgeControl } from "../../engine/edge/edge.ts";
import type { EdgeRelease, Release } from "../../release/types.ts";
import type { RolloutContext } from "../context.ts";
import { startEdge } from "../put-back.ts";
import type { Step } from "../step.ts";

/** Name of the step that everything but the security gate comes after. */
export const edgeReady = "edge";

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
    let startedHere = false;
    return {
        name: edgeReady,
        service: "edge",
        after,
        // Applying an unchanged configuration does nothing, so there is no cheaper question than applying it.
        done: async () => false,
        async apply() {
            const stopped = performance.now();
            for (const other of previousEdges) await engine.stop(other, stopSeconds);
            startedHere = (await engine.inspect(edgeContainer.name))?.running !== true;
            await startEdge(context);
            await edge.applyConfig(renderEdgeConfig(mergeEdges(release.edge, previous?.edge), await edge.readSlots()));
            if (previousEdges.length === 0) return;
            const gap = Math.round(performance.now() - stopped);
            context.timeline.record({
                event: "note",
                service: "edge",
                message: `the edge was replaced; nobody served for ${gap} ms`,
            });
        },
        async undo() {
            if (startedHere) await engine.stop(edgeContainer.name, stopSeconds);
            for (const other of previousEdges) await engine.start(other);
            if (previous === undefined) return;
            const serving = previousEdges[0] === undefined ? edge : new EdgeControl(engine, previousEdges[0]);
            await serving.ready();
            await serving.applyConfig(renderEdgeConfig(previous.edge, await serving.readSlots()));
        },
    };
}

/** Takes out of the edge what only the previous release had. */
export function trimEdgeStep(context: RolloutContext, previous: Release | undefined, after: readonly string[]): Step {
    const { edge, release } = context;
    const apply = async (wanted: EdgeRelease) => {
        await edge.applyConfig(renderEdgeConfig(wanted, await edge.readSlots()));
    };
    return {
        name: "edge without what was removed",
        service: "edge",
        after,
        done: async () => isDeepStrictEqual(mergeEdges(release.edge, previous?.edge), release.edge),
        apply: () => apply(release.edge),
        undo: () => apply(mergeEdges(release.edge, previous?.edge)),
    };
}

/** The new edge, and of the old one the listeners whose ports nobody has taken, with all replicas of either. Pure. */
export function mergeEdges(wanted: EdgeRelease, old: EdgeRelease | undefined): EdgeRelease {
    if (old === undefined) return wanted;
    const ports = new Set([...wanted.listeners, ...wanted.gateways].map(({ port }) => port));
    const services = new Set(wanted.listeners.map(({ service }) => service));
    const listeners = old.listeners.filter(({ service, port }) => !services.has(service) && !ports.has(port));
    const before = new Map(old.listeners.map(({ service, replicas = 1 }) => [service, replicas]));
    const withReplicas = wanted.listeners.map((listener) => {
        const replicas = Math.max(listener.replicas ?? 1, before.get(listener.service) ?? 1);
        return replicas === 1 ? listener : { ...listener, replicas };
    });
    return { ...wanted, listeners: [...withReplicas, ...listeners] };
}
