/** Data volumes that no service has any more: services go with a release, their data stays. Pure. */
import type { Release } from "../release/types.ts";
import type { LedgerFiles } from "./ledger-files.ts";

/** The volumes of the previous release that the next one does not have, by the engine's names. */
export function leftVolumes(previous: Pick<Release, "volumes">, next: Pick<Release, "volumes">): string[] {
    const kept = new Set(next.volumes.map(({ name }) => name));
    return previous.volumes.map(({ name }) => name).filter((name) => !kept.has(name));
}

/**
 * The same of every release that was ever committed against the one that runs, sorted: some of them may have been deleted
 * since. None where nothing runs.
 *
 * @throws PlumblineError `rollback` when a release in the ledger is damaged
 */
export function everLeft(ledger: LedgerFiles): string[] {
    const last = ledger.lastCommit && ledger.release(ledger.lastCommit.release)?.value;
    if (last === undefined) return [];
    const committed = new Set(ledger.commits.map(({ release }) => release));
    const left = [...committed].flatMap((id) => {
        const release = ledger.release(id)?.value;
        return release === undefined ? [] : leftVolumes(release, last);
    });
    return [...new Set(left)].sort();
}
