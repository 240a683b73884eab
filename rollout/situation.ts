/** What runs now, asked of the engine and the edge, and what that means for each service of a release. */
import type { ContainerFacts } from "../engine/docker.ts";
import { activeContainer, type EdgeSlots } from "../engine/edge/slots.ts";
import { hasListener, siblingsOf } from "../release/replicas.ts";
import type { DeclaredContainer, Release, ServiceRelease } from "../release/types.ts";
import { standsAsCommitted } from "./finished-jobs.ts";

/**
 * How a service gets from what runs to what is wanted. `keep`: it runs as declared. `start`: nothing of it runs, so its
 * container is started (the first time, or again). `join`: the same of a replica beside others that serve, so that it is
 * asked for nothing before it is proven. `replace`: an older revision runs and is followed by the declared one. `run`: a
 * job of this revision has not done its work yet.
 */
export type Change =
    | { readonly change: "keep" | "start" | "join"; readonly service: ServiceRelease }
    /** @param follows the container of the job's revision before, which has ended */
    | { readonly change: "run"; readonly service: ServiceRelease; readonly follows?: string }
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

/** What was committed before, as far as the engine cannot tell it. */
export interface Past {
    /** Jobs of the release that have run in the revision that it declares, by name. */
    readonly finishedJobs: ReadonlySet<string>;
    /** The containers of the last commit. */
    readonly containers: Readonly<Record<string, DeclaredContainer>>;
}

/**
 * Pure: compares the release with what runs.
 *
 * @param running every container of the stack, running or not
 * @param slots what the edge sends to; empty when it does not run
 * @param past what the ledger knows; nothing before the first commit
 */
export function situationOf(
    release: Release,
    containers: Readonly<Record<string, DeclaredContainer>>,
    edge: DeclaredContainer,
    running: readonly Seen[],
    slots: EdgeSlots,
    past: Past = { finishedJobs: new Set(), containers: {} },
): Situation {
    const runningOf = (service: string) =>
        running.filter(({ labels, state }) => labels["plumbline.service"] === service && state === "running");
    const changes = release.services.map((service): Change => {
        const declared = containers[service.name]?.name;
        if (service.kind === "job") {
            return changeOfJob(
                service,
                running.find(({ name }) => name === declared),
                past,
                running,
            );
        }
        const own = runningOf(service.name);
        const older = own.filter(({ name }) => name !== declared);
        const active = activeContainer(slots, service.name);
        const previous = older.find(({ name }) => name === active) ?? older[0];
        if (previous !== undefined && active !== declared)
            return { change: "replace", service, previous: previous.name };
        const container = running.find(({ name }) => name === declared);
        const serves = active === declared || !hasListener(release.edge, service.name);
        if (container?.state === "running" && container.health !== "unhealthy" && serves)
            return { change: "keep", service };
        const others = service.kind === "request" ? siblingsOf(release.services, service) : [];
        const beside = others.some((other) =>
            runningOf(other.name).some(({ name }) => name === activeContainer(slots, other.name)),
        );
        return { change: beside ? "join" : "start", service };
    });
    const wanted = new Set([...release.services.map(({ name }) => name), "edge"]);
    const removed = running
        .filter(({ labels, state }) => state === "running" && !wanted.has(labels["plumbline.service"] ?? "edge"))
        .map(({ labels, name }) => ({ service: labels["plumbline.service"] ?? "", container: name }));
    const previousEdges = runningOf("edge").flatMap(({ name }) => (name === edge.name ? [] : [name]));
    return { changes, removed, previousEdges };
}

/** A job that has run for a committed release is left alone, unless somebody has run it since, and it failed or runs still. */
function changeOfJob(service: ServiceRelease, own: Seen | undefined, past: Past, all: readonly Seen[]): Change {
    if (past.finishedJobs.has(service.name) && own !== undefined && standsAsCommitted(own)) {
        return { change: "keep", service };
    }
    const follows = past.containers[service.name]?.name;
    const stands = follows !== own?.name && all.some(({ name }) => name === follows);
    return { change: "run", service, ...(stands && follows !== undefined ? { follows } : {}) };
}
