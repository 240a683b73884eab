/** Services and replicas that the release no longer has: out of the edge, drained, then stopped. Their volumes stay. */
import type { RolloutContext } from "../context.ts";
import type { Step } from "../step.ts";
import { awaitIdle, connectionsTo } from "./idle.ts";

/** Seconds that a removed service gets to end; its own setting went with its definition. */
const stopSeconds = 30;
const askEveryMs = 250;

export interface Removed {
    readonly service: string;
    readonly container: string;
    /** Others answer in its place, so what clients have begun on it is waited for, bounded. */
    readonly drained: boolean;
}

export function removeStep(context: RolloutContext, removed: Removed, after: readonly string[]): Step {
    const { engine, edge, release } = context;
    const { service, container, drained } = removed;
    return {
        name: `remove ${service}`,
        service,
        after,
        done: async () => (await engine.inspect(container))?.running !== true,
        async apply(signal) {
            await edge.remove(service);
            const patience = { withinMs: release.drainMs, askEveryMs, signal };
            if (drained) await awaitIdle(connectionsTo(edge, service), patience);
            await engine.stop(container, stopSeconds);
        },
        async undo() {
            await engine.start(container);
            if ((await edge.readSlots())[service] === undefined) return;
            await edge.switchTo([{ service, container }]);
        },
    };
}
