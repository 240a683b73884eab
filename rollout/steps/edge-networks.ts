/** Networks that only the release before is on: the edge stays there until nobody serves from them any more. */
import type { Release } from "../../release/types.ts";
import type { RolloutContext } from "../context.ts";
import type { Step } from "../step.ts";
import { networksLeft } from "./merge-edges.ts";

type Context = Pick<RolloutContext, "engine" | "edgeContainer" | "release">;

/** Takes the edge on the previous release's other networks, under the names that it has there. */
export async function joinPreviousNetworks(context: Context, previous: Release | undefined): Promise<void> {
    const { engine, edgeContainer, release } = context;
    const joined = await networksOfEdge(context);
    for (const { network, aliases } of networksLeft(release.edge, previous?.edge)) {
        if (!joined.includes(network)) await engine.connect(edgeContainer.name, network, aliases);
    }
}

/** Takes the edge off every network that its release is not on. */
export async function leaveOtherNetworks(context: Context): Promise<void> {
    for (const network of await otherNetworks(context)) {
        await context.engine.disconnect(context.edgeContainer.name, network);
    }
}

/**
 * After it the edge is on the networks of its release alone, so that those of before can be deleted. Where published ports came
 * in by one of these, the engine leads them over another one now, which closes them for a moment: it is noted (R91).
 */
export function leaveNetworksStep(
    context: RolloutContext,
    previous: Release | undefined,
    after: readonly string[],
): Step {
    return {
        name: "edge off the networks of before",
        service: "edge",
        after,
        done: async () => (await otherNetworks(context)).length === 0,
        async apply() {
            const left = (await otherNetworks(context)).join(", ");
            const began = performance.now();
            await leaveOtherNetworks(context);
            const away = Math.round(performance.now() - began);
            await context.edge.serve(context.release.edge);
            const message = `the edge left ${left}; published ports may have been closed for up to ${away} ms`;
            context.timeline.record({ event: "note", service: "edge", message });
        },
        undo: () => joinPreviousNetworks(context, previous),
    };
}

async function otherNetworks(context: Context): Promise<string[]> {
    const own = context.release.edge.networks.map(({ network }) => network);
    return (await networksOfEdge(context)).filter((network) => !own.includes(network));
}

async function networksOfEdge({ engine, edgeContainer }: Context): Promise<string[]> {
    return Object.keys((await engine.inspect(edgeContainer.name))?.addresses ?? {});
}
