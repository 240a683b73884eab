/** The validation of a committed release: judged, compared with the baseline, and recorded in reports. */
import { readFile } from "node:fs/promises";
import { connectEngine } from "../engine/docker.ts";
import { describeError } from "../release/errors.ts";
import type { DeclaredContainer, Release } from "../release/types.ts";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import { judgeServices } from "./judge.ts";
import { type Findings, summarize } from "./parity/finding.ts";
import { comparePlacement } from "./parity/placement.ts";
import { type ParityOutput, parityOutput } from "./parity/summary.ts";
import { type Rate, successRates } from "./rates.ts";
import { parityReport } from "./report/findings.ts";
import { writeFindings } from "./report/findings-write.ts";
import type { ReportRetention } from "./report/prune.ts";
import { writeVerdicts } from "./report/verdicts.ts";
import { writeDeploymentReport } from "./report/write.ts";
import type { Verdict } from "./verdict.ts";

/** What is to be validated: plain JSON, as the `Validation` resource is given it. */
export interface ValidationInputs {
    /** The release, as canonical JSON. */
    readonly release: string;
    readonly outcome: RolloutOutcome;
    readonly edge: DeclaredContainer;
    readonly secrets: Record<string, string>;
    /** Relative to the current folder, which is the project's. */
    readonly composeFile: string;
    readonly retention: ReportRetention;
    readonly engineHost?: string;
}

export interface Validation {
    readonly verdicts: Verdict[];
    readonly parity: ParityOutput;
    readonly rates: Rate[];
}

/** Looks, and writes nothing. */
export async function validateRelease(inputs: ValidationInputs): Promise<Validation> {
    const { verdicts, found, rates } = await judge(inputs, false);
    return { verdicts, parity: parityOutput(found), rates };
}

/**
 * Looks, warns of what is not as it should be, and writes the reports. Nothing here may fail an update: the release is
 * committed by now, so what is wrong is recorded and shown, with the command that mends it.
 */
export async function recordValidation(inputs: ValidationInputs): Promise<Validation> {
    // Pulumi deletes the previous containers after this.
    const { verdicts, found, rates } = await judge(inputs, true);
    const parity = parityOutput(found);
    for (const { service, findings } of verdicts) {
        for (const finding of findings) console.log(`warning: ${service}: ${finding}`);
    }
    for (const deviation of parity.deviations) console.log(`warning: not as in the baseline: ${deviation}`);
    if (parity.summary.drift > 0)
        console.log("warning: `npm run validate` names what restores the baseline, with `-- --fix` it applies it");
    const { outcome, retention } = inputs;
    try {
        await writeDeploymentReport(".", outcome, { retention, validated: { parity, rates } });
        await writeVerdicts(".", outcome, verdicts);
        const about = { stack: outcome.stack, release: outcome.release, judgedAt: new Date().toISOString() };
        await writeFindings(".", outcome.evidence, parityReport(about, found, rates));
    } catch (error) {
        console.log(`warning: the deployment report could not be written: ${String(error)}`);
    }
    return { verdicts, parity, rates };
}

async function judge(
    inputs: ValidationInputs,
    previousMayRun: boolean,
): Promise<{ readonly verdicts: Verdict[]; readonly found: Findings; readonly rates: Rate[] }> {
    const { outcome, secrets } = inputs;
    const release = JSON.parse(inputs.release) as Release;
    const [verdicts, found] = await Promise.all([
        judgeServices({ engine: connectEngine(inputs.engineHost, release.network), release, outcome, secrets }),
        compare(inputs, release, previousMayRun),
    ]);
    const rates = successRates({ release, findings: found.findings, verdicts, proven: outcome.services });
    return { verdicts, found, rates };
}

/** Nothing compared is no match: what keeps the comparison from its work is said, and the update goes on. */
async function compare(inputs: ValidationInputs, release: Release, previousMayRun: boolean): Promise<Findings> {
    const { outcome, edge, secrets, composeFile } = inputs;
    const text = await readFile(composeFile, "utf8").catch(() => "");
    const containers = Object.fromEntries(outcome.services.map(({ name, container }) => [name, { name: container }]));
    const committedImages = Object.fromEntries(outcome.services.map(({ name, imageId }) => [name, imageId]));
    try {
        return await comparePlacement(
            connectEngine(inputs.engineHost, release.network),
            release,
            { ...containers, edge },
            { secrets, committedImages, composeFile: { file: composeFile, text }, previousMayRun },
        );
    } catch (error) {
        console.log(`warning: what runs could not be compared with the baseline: ${describeError(error)}`);
        return { findings: [], summary: summarize([]) };
    }
}
