/** A service that must not run twice changes hands: the old container stops before the new one starts. */
import type { EdgeControl } from "../../engine/edge/edge.ts";
import type { Release, ServiceRelease } from "../../release/types.ts";
import { containerOf, type RolloutContext } from "../context.ts";
import { awaitOpenTransactions } from "../open-transactions.ts";
import { awaitReady } from "../readiness.ts";
import type { Step } from "../step.ts";
import { awaitIdle, connectionsTo } from "./idle.ts";
import { hasListeners, isRouted } from "./routes.ts";
import { prepareContainer } from "./start-container.ts";

/** Longest time that connections which are open at a hold get to end by themselves, in milliseconds. */
const settleMs = 250;

/** What runs, and gives the service away. */
export interface HandedOver {
    readonly container: string;
    /** Its definition, of the previous release: its own login opens it, and it gets its own time to end. */
    readonly service: ServiceRelease;
}

/** @param previous the release that runs; where it does not know the service, the new definition stands for the old one */
export function handedOver(
    service: ServiceRelease,
    container: string,
    previous: Pick<Release, "services"> | undefined,
): HandedOver {
    return { container, service: previous?.services.find(({ name }) => name === service.name) ?? service };
}

/**
 * What has just got in before the hold is given a moment to end: a short request is answered, a login comes to its end.
 * Connections that stay, as those of a pool, are not waited for longer: whoever comes now waits too.
 */
async function holdAndSettle(edge: EdgeControl, service: string, signal?: AbortSignal): Promise<void> {
    await edge.hold(service);
    const until = signal === undefined ? {} : { signal };
    await awaitIdle(connectionsTo(edge, service), { withinMs: settleMs, askEveryMs: 20, ...until });
}

/**
 * Under hold new connections wait at the edge; the old container stops, the new one starts on the same volume, is proven
 * through the candidate listener, and then gets everything that waited. The undo is the same, the other way round.
 */
export function handOverStep(
    context: RolloutContext,
    service: ServiceRelease,
    { container: previous, service: old }: HandedOver,
    after: readonly string[],
): Step {
    const { engine, edge } = context;
    const { name } = service;
    const container = containerOf(context, name).name;
    const routed = hasListeners(context, name);
    const grace = service.spec.stopGraceSeconds;
    return {
        name: `hand over ${name}`,
        service: name,
        after,
        async done() {
            const facts = await engine.inspect(container);
            return facts?.running === true && (await isRouted(context, name, container));
        },
        async apply(signal) {
            await prepareContainer(context, service);
            await awaitOpenTransactions(context, old, signal);
            const held = performance.now();
            if (routed) await holdAndSettle(edge, name, signal);
            await engine.stop(previous, old.spec.stopGraceSeconds);
            context.logs.follow(name, container);
            await engine.start(container);
            const found = routed ? edge.setCandidate(name, container) : undefined;
            await awaitReady(context, service, "candidate", signal, found);
            if (routed) await edge.release(name, container);
            const message = `${name} was handed over; new connections waited ${Math.round(performance.now() - held)} ms`;
            context.timeline.record({ event: "note", service: name, message });
        },
        async undo() {
            const [own, before] = await Promise.all([engine.inspect(container), engine.inspect(previous)]);
            if (own?.running !== true && before?.running === true && (await isRouted(context, name, previous))) return;
            if (routed) await holdAndSettle(edge, name);
            await engine.stop(container, grace);
            await engine.start(previous);
            if (!routed) return;
            await edge.setCandidate(name, null);
            await edge.release(name, previous);
        },
    };
}
