/** What the `Rollout` resource does at each of Pulumi's calls; the rollout itself stands in `rollout/`. */
import type { Renewals } from "../release/renewals.ts";
import { canonicalJson } from "../release/revision.ts";
import type { DeclaredContainer, Release } from "../release/types.ts";
import { forceVariable } from "../rollout/choose.ts";
import { deviations, expectedStates } from "../rollout/expected-states.ts";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import { type DynamicProvider, inWords } from "./dynamic-provider.ts";
import { endingWithPulumi } from "./outlived.ts";

/** Milliseconds after which a rollout mostly waits. */
const loadNextAfterMs = 1_000;

interface Inputs {
    readonly release: string;
    readonly edge: DeclaredContainer;
    readonly containers: Record<string, DeclaredContainer>;
    readonly secrets: Record<string, string>;
    readonly abandoned?: string;
    readonly renewals?: Renewals;
    readonly engineHost?: string;
}

interface Outputs extends Inputs {
    readonly outcome: RolloutOutcome;
    readonly observed: Record<string, string>;
}

export const provider: DynamicProvider<Inputs, Outputs> = endingWithPulumi({
    async check(_olds, news) {
        return { inputs: news };
    },
    async diff(_id, olds, news) {
        const drifted = deviations(parse(olds), olds.observed).length > 0;
        const changes = fingerprint(olds) !== fingerprint(news) || drifted || news.abandoned !== undefined;
        return { changes, deleteBeforeReplace: false };
    },
    async create(inputs) {
        return { id: "rollout", outs: await inWords(() => outputsOf(inputs, undefined)) };
    },
    async update(_id, olds, news) {
        return { outs: await inWords(() => outputsOf(news, olds.secrets)) };
    },
    async read(id, props) {
        const release = parse(props);
        const [{ connectEngine }, { observeRelease }] = await Promise.all([
            import("../engine/docker.ts"),
            import("../rollout/observe.ts"),
        ]);
        const engine = connectEngine(props.engineHost, release.network);
        const observed = await observeRelease(engine, release, allContainers(props), props.secrets);
        return { id, props: { ...props, observed } };
    },
    async delete(_id, props) {
        const { stopRelease } = await import("../rollout/stop.ts");
        await inWords(() => stopRelease({ ...props, release: parse(props) }));
    },
});

// Loaded when there is something to do: a plan without changes only asks for differences.

async function outputsOf(inputs: Inputs, previousSecrets: Record<string, string> | undefined): Promise<Outputs> {
    const release = parse(inputs);
    const { edge, containers, secrets, engineHost, renewals } = inputs;
    // Forcing is a word for one run, not a state of the stack: it comes as an environment variable.
    const forced = process.env[forceVariable] === release.id;
    const request = {
        release,
        releaseText: inputs.release,
        edge,
        containers,
        secrets,
        previousSecrets,
        engineHost,
        forced,
        renewals,
    };
    const { performRollout } = await import("../rollout/rollout.ts");
    // What comes next in this process is loaded while the services start. What hinders it is said there.
    const loading = setTimeout(() => import("../validation/recorded.ts").catch(() => undefined), loadNextAfterMs);
    const outcome = await performRollout(request).finally(() => clearTimeout(loading));
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
