/** A job: runs to its end, once, before those who wait for its completion go on. */
import type { ServiceRelease } from "../../release/types.ts";
import { containerOf, type RolloutContext } from "../context.ts";
import { awaitCompletion } from "../readiness.ts";
import type { Step } from "../step.ts";
import { assertAlone } from "./start.ts";
import { startContainer } from "./start-container.ts";

/**
 * Starts the job and waits until it has ended with 0. One that runs already is waited for, never started a second time. The
 * undo stops it, and does not take back what it has done.
 */
export function jobStep(context: RolloutContext, service: ServiceRelease, after: readonly string[]): Step {
    const { engine } = context;
    const container = containerOf(context, service.name).name;
    return {
        name: `run ${service.name}`,
        service: service.name,
        after,
        // It is planned for a job that has to run. What an undone rollout left may be a job that was stopped half way.
        done: async () => false,
        async apply(signal) {
            await assertAlone(context, service);
            context.logs.follow(service.name, container);
            await startContainer(context, service);
            await awaitCompletion(context, service, signal);
        },
        undo: () => engine.stop(container, service.spec.stopGraceSeconds),
    };
}
