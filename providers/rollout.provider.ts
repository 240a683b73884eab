/** What the `Rollout` resource does at each of Pulumi's calls; the rollout itself stands in `rollout/`. */
import { connectEngine } from "../engine/docker.ts";
import { canonicalJson } from "../release/revision.ts";
import type { DeclaredContainer, Release } from "../release/types.ts";
import { deviations, expectedStates, observeContainers } from "../rollout/observe.ts";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import { performRollout } from "../rollout/rollout.ts";
import { stopRelease } from "../rollout/stop.ts";
import type { DynamicProvider } from "./dynamic-provider.ts";

interface Inputs {
    readonly release: string;
    readonly edge: DeclaredContainer;
    readonly containers: Record<string, DeclaredContainer>;
    readonly secrets: Record<string, string>;
    readonly engineHost?: string;
}

interface Outputs extends Inputs {
    readonly outcome: RolloutOutcome;
    readonly observed: Record<string, string>;
}

export const provider: DynamicProvider<Inputs, Outputs> = {
    async check(_olds, news) {
        return { inputs: news };
    },
    async diff(_id, olds, news) {
        const changes = fingerprint(olds) !== fingerprint(news) || deviations(parse(olds), olds.observed).length > 0;
        return { changes, deleteBeforeReplace: false };
    },
    async create(inputs) {
        return { id: "rollout", outs: await outputsOf(inputs) };
    },
    async update(_id, _olds, news) {
        return { outs: await outputsOf(news) };
    },
    async read(id, props) {
        const observed = await observeContainers(connectEngine(props.engineHost), allContainers(props));
        return { id, props: { ...props, observed } };
    },
    async delete(_id, props) {
        await stopRelease({ ...props, release: parse(props) });
    },
};

async function outputsOf(inputs: Inputs): Promise<Outputs> {
    const release = parse(inputs);
    const outcome = await performRollout({ ...inputs, release, releaseText: inputs.release });
    return { ...inputs, outcome, observed: expectedStates(release) };
}

function parse(inputs: Pick<Inputs, "release">): Release {
    return JSON.parse(inputs.release) as Release;
}

function allContainers(inputs: Inputs): Record<string, DeclaredContainer> {
    return { edge: inputs.edge, ...inputs.containers };
}

/** What a change of makes a rollout: not the secrets' values, whose versions stand in the release. */
function fingerprint(inputs: Inputs): string {
    return canonicalJson({ release: inputs.release, edge: inputs.edge, containers: inputs.containers });
}
