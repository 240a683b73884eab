/** Services that may run twice: candidates are started and proven beside the old, then all are switched in one call. */
import type { ServiceRelease } from "../../release/types.ts";
import { containerOf, type RolloutContext } from "../context.ts";
import { awaitReady } from "../readiness.ts";
import type { Step } from "../step.ts";
import { isRouted } from "./routes.ts";
import { startContainer } from "./start-container.ts";

export interface Switched {
    readonly service: ServiceRelease;
    /** The container that serves until then; null where there is none: a replica that joins others. */
    readonly previous: string | null;
}

/** A replica that the release no longer has: others take over from it. */
export interface Leaving {
    readonly service: string;
    readonly container: string;
}

/** Starts a candidate beside what serves and proves it through the edge's candidate listener. */
export function candidateStep(context: RolloutContext, service: ServiceRelease, after: readonly string[]): Step {
    const { engine, edge } = context;
    const container = containerOf(context, service.name).name;
    return {
        name: `candidate ${service.name}`,
        service: service.name,
        after,
        async done() {
            return (
                (await engine.inspect(container))?.running === true &&
                (await isRouted(context, service.name, container))
            );
        },
        async apply(signal) {
            // A replica that was stopped behind our back: it is asked for nothing until it is proven again.
            if (await isRouted(context, service.name, container)) await edge.remove(service.name);
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

/**
 * Moves every changed service to its candidate at once. The previous containers drain and go on running; replicas that
 * leave get nothing more from the same moment on, so that nobody meets two revisions of one service.
 */
export function switchStep(
    context: RolloutContext,
    switched: readonly Switched[],
    after: readonly string[],
    leaving: readonly Leaving[] = [],
): Step {
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
        apply: () =>
            edge.switchTo(
                switched.map(target),
                leaving.map(({ service }) => service),
            ),
        async undo() {
            const back = switched.flatMap(({ service, previous }) =>
                previous === null ? [] : [{ service: service.name, container: previous }],
            );
            const joined = switched.flatMap(({ service, previous }) => (previous === null ? [service.name] : []));
            // Those that left run still, or again: they are stopped, and started, by the steps that remove them.
            await edge.switchTo([...back, ...leaving], joined);
        },
    };
}
