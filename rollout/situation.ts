/** What runs now, asked of the engine and the edge, and what that means for each service of a release. */
import type { ContainerFacts } from "../engine/docker.ts";
import { activeContainer, type EdgeSlots } from "../engine/edge/slots.ts";
import type { DeclaredContainer, Release, ServiceRelease } from "../release/types.ts";

/**
 * How a service gets from what runs to what is wanted. `keep`: it runs as declared. `start`: nothing of it runs, so its
 * container is started (the first time, or again). `replace`: an older revision runs and is followed by the declared one.
 */
export type Change =
    | { readonly change: "keep"; readonly service: ServiceRelease }
    | { readonly change: "start"; readonly service: ServiceRelease }
    | { readonly change: "replace"; readonly service: ServiceRelease; readonly previous: string };

export interface Situation {
    /** One entry for each service of the release, in start order. */
    readonly changes: readonly Change[];
    /** Services that run and that the release no longer has, with their running containers. */
    readonly removed: readonly { readonly service: string; readonly container: string }[];
    /** Other containers of the edge that run, as before an edge with another set of ports. */
    readonly previousEdges: readonly string[];
}

/** What of a container decides about its service. */
export type Seen = Pick<ContainerFacts, "name" | "labels" | "state" | "health" | "exitCode">;

/**
 * Pure: compares the release with what runs.
 *
 * @param running every container of the stack, running or not
 * @param slots what the edge sends to; empty when it does not run
 */
export function situationOf(
    release: Release,
    containers: Readonly<Record<string, DeclaredContainer>>,
    edge: DeclaredContainer,
    running: readonly Seen[],
    slots: EdgeSlots,
): Situation {
    const runningOf = (service: string) =>
        running.filter(({ labels, state }) => labels["plumbline.service"] === service && state === "running");
    const changes = release.services.map((service): Change => {
        const declared = containers[service.name]?.name;
        const own = runningOf(service.name);
        const others = own.filter(({ name }) => name !== declared);
        const active = activeContainer(slots, service.name);
        const previous = others.find(({ name }) => name === active) ?? others[0];
        if (previous !== undefined && active !== declared)
            return { change: "replace", service, previous: previous.name };
        const container = running.find(({ name }) => name === declared);
        const serves = active === declared || !hasListener(release, service.name);
        if (container?.state === "running" && container.health !== "unhealthy" && serves)
            return { change: "keep", service };
        // A job that has ended well is done; one that has failed is run again.
        if (service.kind === "job" && container?.state === "exited" && container.exitCode === 0) {
            return { change: "keep", service };
        }
        return { change: "start", service };
    });
    const wanted = new Set([...release.services.map(({ name }) => name), "edge"]);
    const removed = running
        .filter(({ labels, state }) => state === "running" && !wanted.has(labels["plumbline.service"] ?? "edge"))
        .map(({ labels, name }) => ({ service: labels["plumbline.service"] ?? "", container: name }));
    const previousEdges = runningOf("edge").flatMap(({ name }) => (name === edge.name ? [] : [name]));
    return { changes, removed, previousEdges };
}

function hasListener(release: Release, service: string): boolean {
    return release.edge.listeners.some((listener) => listener.service === service);
}
