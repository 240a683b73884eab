/** Waiting, bounded, for what clients have begun on the previous containers (R98). */
import type { RolloutContext } from "../context.ts";
import { nothingToUndo, type Step } from "../step.ts";
import { awaitIdle } from "./idle.ts";

const askEveryMs = 250;

/** After it nobody is connected to the previous containers, or the time is up; they go on running until the commit. */
export function drainStep(context: RolloutContext, services: readonly string[], after: readonly string[]): Step {
    const { edge, release } = context;
    const open = () => edge.draining(services);
    return {
        name: "drain",
        after,
        done: async () => (await open()) === 0,
        async apply(signal) {
            const left = await awaitIdle(open, { withinMs: release.drainMs, askEveryMs, signal });
            if (left === 0) return;
            const message = `${left} connections to the previous containers are still open after ${release.drainMs / 1000} s`;
            context.timeline.record({ event: "note", message });
        },
        undo: nothingToUndo,
    };
}
