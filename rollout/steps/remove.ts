/** Services and replicas that the release no longer has: out of the edge, drained, then stopped. Their volumes stay. */
import { sleep } from "../../engine/retry.ts";
import type { RolloutContext } from "../context.ts";
import type { Step } from "../step.ts";

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
    const { engine, edge } = context;
    const { service, container, drained } = removed;
    return {
        name: `remove ${service}`,
        service,
        after,
        done: async () => (await engine.inspect(container))?.running !== true,
        async apply(signal) {
            await edge.remove(service);
            if (drained) await awaitIdle(context, service, signal);
            await engine.stop(container, stopSeconds);
        },
        async undo() {
            await engine.start(container);
            if ((await edge.readSlots())[service] === undefined) return;
            await edge.switchTo([{ service, container }]);
        },
    };
}

/** Waits until nobody is connected to it any more, or the time is up. */
async function awaitIdle({ edge, release }: RolloutContext, service: string, signal: AbortSignal): Promise<void> {
    const end = performance.now() + release.drainMs;
    while (performance.now() < end) {
        const open = await Promise.all([edge.sessions(service, "a"), edge.sessions(service, "b")]);
        if (open.every((count) => count === 0)) return;
        await sleep(askEveryMs, signal);
    }
}
