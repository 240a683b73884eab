/** What a plan says of the way from what runs to what is wanted, beside the resources: a gap, and data that stays behind. */
import { containerResource } from "../release/renewals.ts";
import { canonicalJson } from "../release/revision.ts";
import type { Release } from "../release/types.ts";
import type { Choice } from "./choose.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerFiles } from "./ledger-files.ts";
import { leftVolumes } from "./left-volumes.ts";

/**
 * A new container of the edge, with the gap as it was measured here before (R91), and volumes that no service has any more.
 * Nothing where nothing changes, nothing was deployed before, or the record of what runs is damaged: the rollout tells that.
 */
export async function changeNotes(
    { release: wanted, renewals, lastCommit: last }: Pick<Choice, "release" | "renewals" | "lastCommit">,
    ledger: Pick<Ledger, "read">,
): Promise<string[]> {
    if (last === undefined) return [];
    const isRenewed = canonicalJson(renewals) !== canonicalJson(last.renewals ?? {});
    if (last.release === wanted.id && !isRenewed) return [];
    const files = await ledger.read();
    const previous = previousOf(files, last.release);
    if (previous === undefined) return [];
    const now = containerResource("edge", previous.edge.revision, last.renewals);
    const next = containerResource("edge", wanted.edge.revision, renewals);
    const measured = files.commits.find(({ edgeGapMs }) => edgeGapMs !== undefined)?.edgeGapMs;
    return [...(now === next ? [] : [gapNote(measured)]), ...leftVolumes(previous, wanted).map(leftNote)];
}

function previousOf(ledger: LedgerFiles, id: string): Release | undefined {
    try {
        return ledger.release(id)?.value;
    } catch {
        return undefined;
    }
}

function gapNote(measuredMs: number | undefined): string {
    const measured =
        measuredMs === undefined ? "not measured here yet" : `${measuredMs} ms when it was last started here`;
    return (
        "the edge's container is replaced, since ports, names or networks differ; the two cannot hold the ports at once, " +
        `so nobody is served between them: ${measured}. It is a step of its own, and undone like the others`
    );
}

function leftNote(volume: string): string {
    return `volume ${volume} stays, with its data: no service has it any more. \`docker volume rm ${volume}\` deletes it`;
}
