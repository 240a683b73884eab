/**
 * Replicas: one service of the baseline as several entries of a release, alike but for their names. The first keeps the
 * service's own name, so that a second one changes nothing of it.
 */
import type { EdgeRelease, Listener, ServiceRelease } from "./types.ts";

/** Name of a replica in a release: `web`, `web-2`, `web-3`. */
export function replicaName(service: string, ordinal: number): string {
    return ordinal === 1 ? service : `${service}-${ordinal}`;
}

/** The service of the baseline that an entry of a release stands for. */
export function baselineName({ name, replicaOf }: Pick<ServiceRelease, "name" | "replicaOf">): string {
    return replicaOf ?? name;
}

/** The entries that answer on a listener, the first replica first. */
export function entriesOf({ service, replicas = 1 }: Pick<Listener, "service" | "replicas">): string[] {
    return Array.from({ length: replicas }, (_, index) => replicaName(service, index + 1));
}

/** Whether the edge has anything to route for an entry. */
export function hasListener({ listeners }: Pick<EdgeRelease, "listeners">, entry: string): boolean {
    return listeners.some((listener) => entriesOf(listener).includes(entry));
}

/** The other entries of a release that answer to the same name. */
export function siblingsOf(services: readonly ServiceRelease[], entry: ServiceRelease): ServiceRelease[] {
    return services.filter((other) => other !== entry && baselineName(other) === baselineName(entry));
}
