/** What the `Validation` resource does: judges what runs, and records it. */
import { connectEngine } from "../engine/docker.ts";
import { canonicalJson } from "../release/revision.ts";
import type { Release } from "../release/types.ts";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import { judgeServices } from "../validation/judge.ts";
import type { ReportRetention } from "../validation/report/prune.ts";
import { writeVerdicts } from "../validation/report/verdicts.ts";
import { writeDeploymentReport } from "../validation/report/write.ts";
import type { Verdict } from "../validation/verdict.ts";
import type { DynamicProvider } from "./dynamic-provider.ts";

interface Inputs {
    readonly release: string;
    readonly outcome: RolloutOutcome;
    readonly secrets: Record<string, string>;
    readonly retention: ReportRetention;
    readonly engineHost?: string;
}

interface Outputs extends Inputs {
    readonly verdicts: Verdict[];
}

export const provider: DynamicProvider<Inputs, Outputs> = {
    async check(_olds, news) {
        return { inputs: news };
    },
    async diff(_id, olds, news) {
        const changes =
            fingerprint(olds) !== fingerprint(news) || olds.verdicts.some(({ result }) => result !== "pass");
        return { changes, deleteBeforeReplace: false };
    },
    async create(inputs) {
        return { id: "validation", outs: await recorded(inputs) };
    },
    async update(_id, _olds, news) {
        return { outs: await recorded(news) };
    },
    async read(id, props) {
        return { id, props: { ...props, verdicts: await judge(props) } };
    },
    async delete() {},
};

/**
 * Judges and writes the report. Nothing here may fail the update: the release is committed by now, so a verdict that is
 * not a pass is recorded and shown, and the next plan mends what it names.
 */
async function recorded(inputs: Inputs): Promise<Outputs> {
    const verdicts = await judge(inputs);
    for (const { service, findings } of verdicts) {
        for (const finding of findings) console.log(`warning: ${service}: ${finding}`);
    }
    try {
        await writeDeploymentReport(".", inputs.outcome, inputs.retention);
        await writeVerdicts(".", inputs.outcome, verdicts);
    } catch (error) {
        console.log(`warning: the deployment report could not be written: ${String(error)}`);
    }
    return { ...inputs, verdicts };
}

async function judge(inputs: Inputs): Promise<Verdict[]> {
    return judgeServices({
        engine: connectEngine(inputs.engineHost),
        release: JSON.parse(inputs.release) as Release,
        outcome: inputs.outcome,
        secrets: inputs.secrets,
    });
}

function fingerprint(inputs: Inputs): string {
    return canonicalJson({ release: inputs.release, transaction: inputs.outcome.transaction });
}
