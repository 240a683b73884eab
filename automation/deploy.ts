/** `deploy`: brings a stack to the release of this checkout, or leaves it as it was. */

import path from "node:path";
import { forceVariable, renewVariable, unpinVariable } from "../rollout/choose.ts";
import type { PinRecord } from "../rollout/ledger.ts";
import { renderSummary } from "../validation/report/summary.ts";
import { reportFolder } from "../validation/report/write.ts";
import { compareCommitted, renewalOf } from "./compare.ts";
import { type CommandContext, conclude } from "./context.ts";
import { judgeStatus, observe } from "./observed.ts";
import type { CommandOptions } from "./options.ts";
import { openPlace, type Place, wantedRelease } from "./place.ts";
import { makeReady } from "./ready.ts";
import { recordOf } from "./recorded.ts";
import type { CommandResult } from "./result.ts";
import { nothingDone, type TransactExtra, transact } from "./transact.ts";

export interface DeployOptions extends CommandOptions {
    /**
     * Ask the engine first what became of everything, and make anew what drifts from the baseline. @default only the
     * former, and only when a service does not run as recorded
     */
    readonly refresh?: boolean;
    /** Deploy the release of this checkout although it was undone before; the ledger records it. @default false */
    readonly force?: boolean;
    /** Deploy the checkout's release although another one is pinned, and take the pin out once it runs. @default false */
    readonly unpin?: boolean;
}

export interface DeployResult extends CommandResult, TransactExtra {}

/**
 * Deploys a stack: `pulumi up`, which declares the new release beside the running one and then runs the rollout. A
 * transaction that a dead deployer has left open is ended first. After a rollback Pulumi's state is brought to agree,
 * so that the plan is empty.
 *
 * The outcome is `committed` (exit code 0: the new release runs, proven), `unchanged` (0: it already ran),
 * `rolled-back` (10: the previous release runs, proven; with `reason` `no-previous`: there was none, and nothing runs),
 * `rollback-failed` (20: a person is needed), `incomplete` (20: the rollout was killed, and could not be ended) or
 * `refused` (30: no rollout began, what runs was not touched). Nothing is thrown for these; `failure` and `diagnostics`
 * tell the reason.
 */
export async function deploy(options: DeployOptions = {}): Promise<DeployResult> {
    return conclude("deploy", options, nothingDone, async (context) => {
        const place = await openPlace(context, "create", { allowMissingSecrets: false });
        // The first question, as in the program: an engine that is not there is told in the same words.
        await place.engine.info();
        const hindered = await makeReady(context, place);
        if (hindered !== undefined) return hindered;
        const { pin } = await place.ledger.state();
        if (options.unpin === true && pin === undefined) context.note("Nothing is pinned.");
        const held = options.unpin === true ? undefined : pin;
        const variables = {
            ...(options.force === true ? await force(context, place) : {}),
            ...(options.unpin === true && pin !== undefined ? { [unpinVariable]: pin.release } : {}),
            ...(options.refresh === true ? await renewDrifting(context, place, held) : {}),
        };
        const refresh = options.refresh || (await hasDrifted(context, place));
        const ending = await transact(context, place, { refresh, variables });
        const runs = ending.outcome === "committed" || ending.outcome === "unchanged";
        if (options.unpin === true && pin !== undefined && runs) await unpin(context, place, pin);
        return ending;
    });
}

/** Only once the other one runs: a deploy that was refused or undone has left everything as it was, the pin too. */
async function unpin(context: CommandContext, { ledger }: Place, pin: PinRecord): Promise<void> {
    await ledger.pin(null);
    context.note(`Release ${pin.release} is no longer pinned (it was by ${pin.by} since ${pin.at}).`);
}

/** The variable that lets this one release through. */
async function force(context: CommandContext, place: Place): Promise<Record<string, string>> {
    const { quarantine } = await place.ledger.state();
    const baseline = await wantedRelease(place);
    const record = quarantine[baseline.id];
    if (record === undefined) {
        context.note(`Release ${baseline.id} is not quarantined: nothing is forced.`);
        return {};
    }
    context.note(`Release ${baseline.id} is forced, although transaction ${record.transaction} was undone.`);
    return { [forceVariable]: baseline.id };
}

/** Whether something that is recorded does not run as recorded. Pulumi sees that only when it asks the engine. */
async function hasDrifted(context: CommandContext, { stack, engine, settings, ledger }: Place): Promise<boolean> {
    const recorded = await recordOf(ledger, await stack.outputs());
    if (recorded === null) return false;
    const services = judgeStatus(recorded, await observe(engine, settings.project));
    const drifted = services.filter((service) => service.deviations.length > 0);
    for (const { name, deviations } of drifted)
        context.note(`${name} has drifted and is mended: ${deviations.join("; ")}`);
    return drifted.length > 0;
}

/** Of a release that is to stay as it is, the containers that drift from the baseline are made anew (R31). */
async function renewDrifting(
    context: CommandContext,
    place: Place,
    pin: PinRecord | undefined,
): Promise<Record<string, string>> {
    const seen = await compareCommitted(context, place);
    if (seen === undefined || seen.last.release !== (pin?.release ?? place.baseline.id)) return {};
    const { services } = renewalOf(seen);
    if (services === "") return {};
    for (const { service, restores } of seen.corrections.corrections) {
        context.note(`${service} has drifted and is made anew: ${restores.join("; ")}`);
    }
    return { [renewVariable]: services };
}

/** The summary of the rollout, as text for people; empty where there is none. */
export function renderDeploy(result: DeployResult): string {
    if (result.summary === null) return "";
    const { stack, transaction, outcome } = result.summary;
    const name = outcome === "committed" || outcome === "refused" ? "deployment" : "rollback";
    const heading = result.outcome === "unchanged" ? "Nothing was changed. The rollout that made what runs:\n\n" : "";
    const report = path.posix.join(reportFolder(stack), transaction, `${name}.json`);
    return `${heading}${renderSummary(result.summary, [report], result.validated ?? undefined)}`;
}
