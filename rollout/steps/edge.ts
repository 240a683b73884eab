/** The edge's own step: it runs, and its configuration is the release's. */
import { renderEdgeConfig } from "../../engine/edge/config.ts";
import { EdgeControl } from "../../engine/edge/edge.ts";
import type { Release } from "../../release/types.ts";
import type { RolloutContext } from "../context.ts";
import type { Step } from "../step.ts";

/** Seconds that an edge gets to end its connections when another one takes its ports. */
const stopSeconds = 5;

/**
 * @param previousEdges running containers of the edge that this one replaces; they hold its ports, so they stop first
 * @param previous the release that runs now, whose configuration an undo puts back
 */
export function edgeStep(
    context: RolloutContext,
    previousEdges: readonly string[],
    previous: Release | undefined,
): Step {
    const { engine, edge, edgeContainer, release } = context;
    let startedHere = false;
    return {
        name: "edge",
        service: "edge",
        after: [],
        // Applying an unchanged configuration does nothing, so there is no cheaper question than applying it.
        done: async () => false,
        async apply() {
            for (const other of previousEdges) await engine.stop(other, stopSeconds);
            startedHere = (await engine.inspect(edgeContainer.name))?.running !== true;
            await engine.start(edgeContainer.name);
            await edge.ready();
            await edge.applyConfig(renderEdgeConfig(release.edge, await edge.readSlots()));
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
