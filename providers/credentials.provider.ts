/** What the `Credentials` resource does: decides which secrets are generated, kept, or given. */
import { canonicalJson } from "../release/revision.ts";
import { generateSecrets } from "../release/secrets.ts";
import type { SecretSource } from "../release/types.ts";
import type { DynamicProvider } from "./dynamic-provider.ts";

interface Inputs {
    readonly sources: Record<string, SecretSource>;
    readonly versions: Record<string, string>;
    readonly given: Record<string, string>;
}

interface Outputs extends Inputs {
    readonly values: Record<string, string>;
    /** Values by name and version: a release that is put back gets the values that it ran with. */
    readonly known: Known;
}

type Known = Record<string, Record<string, string>>;

/** A state that was written by an earlier version knows only the present values. */
type Olds = Omit<Outputs, "known"> & Partial<Pick<Outputs, "known">>;

/** Versions of a secret that are kept, the present one included. */
const versionsKept = 10;

export const provider: DynamicProvider<Inputs, Outputs> = {
    async check(_olds, news) {
        return { inputs: news };
    },
    async diff(_id, olds, news) {
        return { changes: fingerprint(olds) !== fingerprint(news), deleteBeforeReplace: false };
    },
    async create(inputs) {
        return { id: "credentials", outs: await outputsOf(inputs, {}) };
    },
    async update(_id, olds, news) {
        return { outs: await outputsOf(news, knownOf(olds)) };
    },
    async read(id, props) {
        return { id, props };
    },
    async delete() {},
};

/** What a state remembers of its secrets. */
function knownOf({ known, values, versions }: Olds): Known {
    if (known !== undefined) return known;
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { [versions[name] ?? ""]: value }]));
}

/** A value that was used under the same version stays; otherwise the given one, or a new one. */
async function outputsOf(inputs: Inputs, known: Known): Promise<Outputs> {
    const kept = Object.fromEntries(
        Object.entries(inputs.versions).flatMap(([name, version]) => {
            const value = known[name]?.[version];
            return value === undefined ? [] : [[name, value]];
        }),
    );
    const values = await generateSecrets(inputs.sources, { ...inputs.given, ...kept });
    const remembered = Object.entries(values).map(([name, value]) => {
        const version = inputs.versions[name] ?? "";
        const others = Object.entries(known[name] ?? {}).filter(([other]) => other !== version);
        return [name, Object.fromEntries([...others, [version, value]].slice(-versionsKept))];
    });
    return { ...inputs, values, known: { ...known, ...Object.fromEntries(remembered) } };
}

/** The versions stand for the values: they change whenever a value does. */
function fingerprint(inputs: Inputs): string {
    return canonicalJson({ sources: inputs.sources, versions: inputs.versions });
}
