/** What runs of the last committed release beside its baseline, and what would restore it: for `validate` and `deploy`. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Release } from "../release/types.ts";
import type { CommitRecord } from "../rollout/ledger.ts";
import { judgeServices } from "../validation/judge.ts";
import { type Corrections, correctionsOf } from "../validation/parity/correction.ts";
import type { Findings } from "../validation/parity/finding.ts";
import { comparePlacement } from "../validation/parity/placement.ts";
import { type Rate, successRates } from "../validation/rates.ts";
import type { CommandContext } from "./context.ts";
import type { Place } from "./place.ts";
import { summaryOf } from "./recorded.ts";
import { readSecretValues } from "./state.ts";

export interface Comparison {
    readonly last: CommitRecord;
    readonly release: Release;
    readonly found: Findings;
    readonly rates: readonly Rate[];
    readonly corrections: Corrections;
}

/** Asks the engine and the services. @returns undefined where nothing is committed on this engine */
export async function compareCommitted(
    context: CommandContext,
    { stack, settings, engine, ledger }: Omit<Place, "baseline">,
): Promise<Comparison | undefined> {
    const last = await ledger.lastCommit();
    const release = last === undefined ? undefined : await ledger.release(last.release);
    if (last === undefined || release === undefined) return undefined;
    const { committed: secrets } = await readSecretValues(stack);
    const text = await readFile(path.join(context.projectDir, settings.composeFile), "utf8");
    const containers = { ...last.containers, edge: last.edge };
    const recorded = summaryOf(await stack.outputs());
    // Outputs of another rollout tell of other containers: then the rates that need them are left open.
    const outcome = recorded?.transaction === last.transaction ? recorded : undefined;
    const [found, verdicts] = await Promise.all([
        comparePlacement(engine, release, containers, {
            secrets,
            committedImages: last.images,
            composeFile: { file: settings.composeFile, text },
        }),
        outcome === undefined ? [] : judgeServices({ engine, release, outcome, secrets }),
    ]);
    // How fast services answer is measured by a rollout, not by a look.
    const rates = successRates({ release, findings: found.findings, verdicts, proven: [] });
    return { last, release, found, rates, corrections: correctionsOf(found.findings, containers) };
}

/** The variables that have the program make these containers anew, and whether the engine must be asked first. */
export function renewalOf({ corrections, found }: Comparison): {
    readonly services: string;
    readonly refresh: boolean;
} {
    const services = corrections.corrections.map(({ service }) => service).join(",");
    // Pulumi cannot delete what is gone: it has to learn of it first.
    const refresh = found.findings.some(
        ({ property, result, restoredBy }) =>
            property === "(container)" && result === "drift" && restoredBy !== undefined,
    );
    return { services, refresh };
}
