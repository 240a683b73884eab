/** Services that the release no longer has: out of the edge, then stopped. Their volumes stay. */
import type { RolloutContext } from "../context.ts";
import type { Step } from "../step.ts";

/** Seconds that a removed service gets to end; its own setting went with its definition. */
const stopSeconds = 30;

export function removeStep(
    context: RolloutContext,
    service: string,
    container: string,
    after: readonly string[],
): Step {
    const { engine } = context;
    return {
        name: `remove ${service}`,
        service,
        after,
        done: async () => (await engine.inspect(container))?.running !== true,
        apply: () => engine.stop(container, stopSeconds),
        undo: () => engine.start(container),
    };
}
