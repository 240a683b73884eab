/** What the `Credentials` resource does: decides which secrets are generated, kept, or given. */
import { canonicalJson } from "../release/revision.ts";
import { generateSecrets } from "../release/secrets.ts";
import type { SecretSource } from "../release/types.ts";
import type { DynamicProvider } from "./dynamic-provider.ts";

interface Inputs {
    readonly sources: Record<string, SecretSource>;
    readonly given: Record<string, string>;
    readonly version: number;
}

interface Outputs extends Inputs {
    readonly values: Record<string, string>;
}

export const provider: DynamicProvider<Inputs, Outputs> = {
    async check(_olds, news) {
        return { inputs: news };
    },
    async diff(_id, olds, news) {
        return { changes: fingerprint(olds) !== fingerprint(news), deleteBeforeReplace: false };
    },
    async create(inputs) {
        return { id: "credentials", outs: { ...inputs, values: await valuesFor(inputs, undefined) } };
    },
    async update(_id, olds, news) {
        return { outs: { ...news, values: await valuesFor(news, olds) } };
    },
    async read(id, props) {
        return { id, props };
    },
    async delete() {},
};

/**
 * Keeps what was generated before, unless the version was raised; then adds what is new and derives the rest. A value
 * that was given and is no longer was never generated, so it does not live on as one.
 */
async function valuesFor(inputs: Inputs, previous: Outputs | undefined): Promise<Record<string, string>> {
    const keep = previous !== undefined && previous.version === inputs.version ? previous.values : {};
    const generated = (name: string) =>
        inputs.sources[name]?.type === "generate" && previous?.given[name] === undefined;
    const kept = Object.fromEntries(Object.entries(keep).filter(([name]) => generated(name)));
    return generateSecrets(inputs.sources, { ...kept, ...inputs.given });
}

function fingerprint(inputs: Inputs): string {
    return canonicalJson({ sources: inputs.sources, given: inputs.given, version: inputs.version });
}
