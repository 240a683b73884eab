/** Data volumes that no service has any more: services go with a release, their data stays. Pure. */
import type { Release } from "../release/types.ts";

/** The volumes of the previous release that the next one does not have, by the engine's names. */
export function leftVolumes(previous: Pick<Release, "volumes">, next: Pick<Release, "volumes">): string[] {
    const kept = new Set(next.volumes.map(({ name }) => name));
    return previous.volumes.map(({ name }) => name).filter((name) => !kept.has(name));
}

/**
 * The same of everything that a stack has ever left on the engine, also by a release that was undone; sorted.
 *
 * @param own the volumes that carry the labels of the stack
 */
export function withoutService(
    own: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[],
    release: Pick<Release, "volumes" | "edge">,
): string[] {
    const kept = new Set([...release.volumes.map(({ name }) => name), release.edge.configVolume]);
    // The ledger's, and those of files, say what they are for.
    const data = own.filter(({ labels }) => labels["plumbline.role"] === undefined);
    return data
        .map(({ name }) => name)
        .filter((name) => !kept.has(name))
        .sort();
}
