/** Services that may run twice: candidates are started and proven beside the old, then all are switched in one call. */
import type { ServiceRelease } from "../../release/types.ts";
import { containerOf, type RolloutContext } from "../context.ts";
import { awaitReady } from "../readiness.ts";
import type { Step } from "../step.ts";
import { isRouted } from "./routes.ts";
import { startContainer } from "./start-container.ts";

export interface Switched {
    readonly service: ServiceRelease;
    readonly previous: string;
}

/** Starts a candidate beside the active container and proves it through the edge's candidate listener. */
export function candidateStep(context: RolloutContext, service: ServiceRelease, after: readonly string[]): Step {
    const { engine, edge } = context;
    const container = containerOf(context, service.name).name;
    return {
        name: `candidate ${service.name}`,
        service: service.name,
        after,
        done: () => isRouted(context, service.name, container),
        async apply(signal) {
            context.logs.follow(service.name, container);
            await startContainer(context, service);
            await awaitReady(context, service, "candidate", signal, edge.setCandidate(service.name, container));
        },
        async undo() {
            await edge.setCandidate(service.name, null);
            await engine.stop(container, service.spec.stopGraceSeconds);
        },
    };
}

/** Moves every changed service to its candidate at once. The previous containers drain and go on running. */
export function switchStep(context: RolloutContext, switched: readonly Switched[], after: readonly string[]): Step {
    const { edge } = context;
    const target = ({ service }: Switched) => ({
        service: service.name,
        container: containerOf(context, service.name).name,
    });
    return {
        name: "switch",
        after,
        async done() {
            const routed = await Promise.all(
                switched.map(target).map(({ service, container }) => isRouted(context, service, container)),
            );
            return routed.every(Boolean);
        },
        apply: () => edge.switchTo(switched.map(target)),
        undo: () =>
            edge.switchTo(switched.map(({ service, previous }) => ({ service: service.name, container: previous }))),
    };
}
