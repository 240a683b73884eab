/** What the `Credentials` resource does: decides which secrets are generated, kept, or given. */
import type { PlumblineError } from "../release/errors.ts";
import { canonicalJson } from "../release/revision.ts";
import type { NetworkPolicy, SecretSource } from "../release/types.ts";
import { type DynamicProvider, inWords } from "./dynamic-provider.ts";
import { endingWithPulumi } from "./outlived.ts";

interface Inputs {
    readonly sources: Record<string, SecretSource>;
    readonly versions: Record<string, string>;
    readonly given: Record<string, string>;
    /** Where to ask for the stack's ledger; nowhere when absent. */
    readonly ledger?: {
        readonly project: string;
        readonly image: string;
        /** A state of an earlier version has none. @default that of the engine's door */
        readonly network?: NetworkPolicy;
        readonly engineHost?: string;
    };
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

export const provider: DynamicProvider<Inputs, Outputs> = endingWithPulumi({
    async check(olds, news) {
        const isNew = olds.sources === undefined;
        const foreign = isNew ? await foreignTo(news) : undefined;
        // Not thrown: a preview, too, shows the reason of a failure without the stack of this process.
        return foreign === undefined
            ? { inputs: news }
            : { inputs: news, failures: [{ property: "", reason: foreign.format() }] };
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
});

// Loaded when there is something to do: a plan without changes only asks for differences.

/**
 * Pulumi creates what its state does not have: secrets that would be created anew while a release runs with other ones are
 * those of a second state of the same stack. So a plan already refuses what an update would.
 */
async function foreignTo({ ledger: place }: Inputs): Promise<PlumblineError | undefined> {
    if (place === undefined) return undefined;
    const [{ connectEngine }, { Ledger }, { foreignState }] = await Promise.all([
        import("../engine/docker.ts"),
        import("../rollout/ledger.ts"),
        import("../rollout/own-state.ts"),
    ]);
    const engine = connectEngine(place.engineHost, place.network);
    const ledger = new Ledger(engine, place.project, place.image);
    return await inWords(async () => foreignState(place.project, await ledger.lastCommit(), new Set(), engine));
}

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
    const { generateSecrets } = await import("../release/secrets.ts");
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
