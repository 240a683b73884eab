/** What a plan says of the way from what runs to what is wanted, beside the resources: a gap, and data that stays behind. */
import { containerResource, type Renewals } from "../release/renewals.ts";
import { canonicalJson } from "../release/revision.ts";
import type { Release } from "../release/types.ts";
import type { Choice } from "./choose.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerFiles } from "./ledger-files.ts";
import { leftVolumes } from "./left-volumes.ts";

/**
 * A new container of the edge, with the gap as it was measured here before (R91), and volumes that no service has any more.
 * Nothing where nothing changes, nothing was deployed before, or the record of it cannot be read: a plan needs none of it, and
 * the rollout tells what it needs.
 */
export async function changeNotes(
    { release: wanted, renewals, lastCommit: last }: Pick<Choice, "release" | "renewals" | "lastCommit">,
    ledger: Pick<Ledger, "read">,
): Promise<string[]> {
    if (last === undefined) return [];
    const isRenewed = canonicalJson(renewals) !== canonicalJson(last.renewals ?? {});
    if (last.release === wanted.id && !isRenewed) return [];
    try {
        return notesOf(wanted, renewals, await ledger.read());
    } catch {
        return [];
    }
}

function notesOf(wanted: Release, renewals: Renewals, files: LedgerFiles): string[] {
    const { lastCommit: last } = files;
    const previous = last === undefined ? undefined : files.release(last.release)?.value;
    if (previous === undefined) return [];
    const now = containerResource("edge", previous.edge.revision, last?.renewals);
    const next = containerResource("edge", wanted.edge.revision, renewals);
    const measured = files.commits.find(({ edgeGapMs }) => edgeGapMs !== undefined)?.edgeGapMs;
    return [...(now === next ? [] : [gapNote(measured)]), ...leftVolumes(previous, wanted).map(leftNote)];
}

function gapNote(measuredMs: number | undefined): string {
    const measured =
        measuredMs === undefined ? "not measured here yet" : `${measuredMs} ms when the edge was last started here`;
    return (
        "the edge's container is replaced; two cannot hold the same ports at once, so nobody is served in between: " +
        `${measured}. It is a step of its own, and undone like the others`
    );
}

function leftNote(volume: string): string {
    return `volume ${volume} stays, with its data: no service has it any more. \`docker volume rm ${volume}\` deletes it`;
}
