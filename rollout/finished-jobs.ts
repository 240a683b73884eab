/** Which jobs have done their work: a job runs once for each of its revisions, and its run counts with a commit. */
import type { ContainerFacts } from "../engine/docker.ts";
import type { Release, ServiceRelease } from "../release/types.ts";
import type { LedgerFiles } from "./ledger-files.ts";

/**
 * The jobs of a release whose revision a committed release had, by name. Commits from before the stack was taken down do not
 * count, nor does a run whose rollout was undone.
 */
export function finishedJobs(ledger: LedgerFiles, { services }: Pick<Release, "services">): ReadonlySet<string> {
    const jobs = services.filter(({ kind }) => kind === "job");
    const found = new Set<string>();
    if (jobs.length === 0) return found;
    const releases = new Set(ledger.commitsSinceDestroyed.map(({ release }) => release));
    for (const id of releases) {
        const committed = ledger.release(id)?.value.services ?? [];
        for (const job of jobs) {
            if (committed.some((other) => isSameRun(job, other))) found.add(job.name);
        }
        if (found.size === jobs.length) break;
    }
    return found;
}

function isSameRun(job: ServiceRelease, other: ServiceRelease): boolean {
    return other.kind === "job" && other.name === job.name && other.revision === job.revision;
}

/** Ended with success. */
export function endedWell({ state, exitCode }: Pick<ContainerFacts, "state" | "exitCode">): boolean {
    return state === "exited" && exitCode === 0;
}

/** How a job stands in a release that was committed: it ended well, or it was not started, since it had run before. */
export function standsAsCommitted(facts: Pick<ContainerFacts, "state" | "exitCode">): boolean {
    return facts.state === "created" || endedWell(facts);
}
