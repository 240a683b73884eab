/** What the `Validation` resource does: judges what runs, compares it with the baseline, and records both. */
import { readFile } from "node:fs/promises";
import { connectEngine } from "../engine/docker.ts";
import { describeError } from "../release/errors.ts";
import { canonicalJson } from "../release/revision.ts";
import type { DeclaredContainer, Release } from "../release/types.ts";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import { judgeServices } from "../validation/judge.ts";
import { type Findings, summarize } from "../validation/parity/finding.ts";
import { comparePlacement } from "../validation/parity/placement.ts";
import { type ParityOutput, parityOutput } from "../validation/parity/summary.ts";
import { type Rate, successRates } from "../validation/rates.ts";
import { parityReport } from "../validation/report/findings.ts";
import { writeFindings } from "../validation/report/findings-write.ts";
import type { ReportRetention } from "../validation/report/prune.ts";
import { writeVerdicts } from "../validation/report/verdicts.ts";
import { writeDeploymentReport } from "../validation/report/write.ts";
import type { Verdict } from "../validation/verdict.ts";
import type { DynamicProvider } from "./dynamic-provider.ts";

interface Inputs {
    readonly release: string;
    readonly outcome: RolloutOutcome;
    readonly edge: DeclaredContainer;
    readonly secrets: Record<string, string>;
    readonly composeFile: string;
    readonly retention: ReportRetention;
    readonly engineHost?: string;
}

interface Outputs extends Inputs {
    readonly verdicts: Verdict[];
    readonly parity: ParityOutput;
    readonly rates: Rate[];
}

/** What a stack has recorded that was deployed before there was a comparison lacks what it found. */
type Recorded = Omit<Outputs, "parity" | "rates"> & Partial<Outputs>;

export const provider: DynamicProvider<Inputs, Recorded> = {
    async check(_olds, news) {
        return { inputs: news };
    },
    async diff(_id, olds, news) {
        const changes =
            fingerprint(olds) !== fingerprint(news) ||
            olds.verdicts.some(({ result }) => result !== "pass") ||
            (olds.parity?.summary.drift ?? 0) > 0;
        return { changes, deleteBeforeReplace: false };
    },
    async create(inputs) {
        return { id: "validation", outs: await recorded(inputs) };
    },
    async update(_id, _olds, news) {
        return { outs: await recorded(news) };
    },
    async read(id, props) {
        const { verdicts, parity, rates } = await judge(props, false);
        return { id, props: { ...props, verdicts, parity: parityOutput(parity), rates } };
    },
    async delete() {},
};

interface Judgement {
    readonly verdicts: Verdict[];
    readonly parity: Findings;
    readonly rates: Rate[];
}

/**
 * Judges and writes the reports. Nothing here may fail the update: the release is committed by now, so a verdict that is
 * not a pass and a property that drifts are recorded and shown, with the command that mends them.
 */
async function recorded(inputs: Inputs): Promise<Outputs> {
    // Pulumi deletes the previous containers after this.
    const { verdicts, parity, rates } = await judge(inputs, true);
    const output = parityOutput(parity);
    for (const { service, findings } of verdicts) {
        for (const finding of findings) console.log(`warning: ${service}: ${finding}`);
    }
    for (const deviation of output.deviations) console.log(`warning: not as in the baseline: ${deviation}`);
    if (output.summary.drift > 0) console.log("warning: `npm run validate -- --fix` mends what drifts");
    const { outcome, retention } = inputs;
    try {
        await writeDeploymentReport(".", outcome, retention, Date.now, { parity: output, rates });
        await writeVerdicts(".", outcome, verdicts);
        const about = { stack: outcome.stack, release: outcome.release, judgedAt: new Date().toISOString() };
        await writeFindings(".", outcome.evidence, parityReport(about, parity, rates));
    } catch (error) {
        console.log(`warning: the deployment report could not be written: ${String(error)}`);
    }
    return { ...inputs, verdicts, parity: output, rates };
}

async function judge(inputs: Inputs, previousMayRun: boolean): Promise<Judgement> {
    const release = JSON.parse(inputs.release) as Release;
    const [verdicts, parity] = await Promise.all([
        judgeServices({
            engine: connectEngine(inputs.engineHost),
            release,
            outcome: inputs.outcome,
            secrets: inputs.secrets,
        }),
        compare(inputs, release, previousMayRun),
    ]);
    const proven = inputs.outcome.services;
    return { verdicts, parity, rates: successRates({ release, findings: parity.findings, verdicts, proven }) };
}

/** Nothing compared is no match: what keeps the comparison from its work is said, and the update goes on. */
async function compare(inputs: Inputs, release: Release, previousMayRun: boolean): Promise<Findings> {
    const { outcome, edge, secrets, composeFile } = inputs;
    const text = await readFile(composeFile, "utf8").catch(() => "");
    const containers = Object.fromEntries(outcome.services.map(({ name, container }) => [name, { name: container }]));
    const committedImages = Object.fromEntries(outcome.services.map(({ name, imageId }) => [name, imageId]));
    try {
        return await comparePlacement(
            connectEngine(inputs.engineHost),
            release,
            { ...containers, edge },
            { secrets, committedImages, composeFile: { file: composeFile, text }, previousMayRun },
        );
    } catch (error) {
        console.log(`warning: what runs could not be compared with the baseline: ${describeError(error)}`);
        return { findings: [], summary: summarize([]) };
    }
}

function fingerprint(inputs: Pick<Inputs, "release" | "outcome">): string {
    return canonicalJson({ release: inputs.release, transaction: inputs.outcome.transaction });
}
