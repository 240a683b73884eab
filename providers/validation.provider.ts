/** What the `Validation` resource does at each of Pulumi's calls; the validation itself stands in `validation/recorded.ts`. */
import { canonicalJson } from "../release/revision.ts";
import type { Validation, ValidationInputs } from "../validation/recorded.ts";
import type { DynamicProvider } from "./dynamic-provider.ts";
import { endingWithPulumi } from "./outlived.ts";

/** A stack that was deployed before anything was compared has recorded verdicts only. */
type Outputs = ValidationInputs & Pick<Validation, "verdicts"> & Partial<Validation>;

export const provider: DynamicProvider<ValidationInputs, Outputs> = endingWithPulumi({
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
        return { id: "validation", outs: { ...inputs, ...(await record(inputs)) } };
    },
    async update(_id, _olds, news) {
        return { outs: { ...news, ...(await record(news)) } };
    },
    async read(id, props) {
        return { id, props: { ...props, ...(await look(props)) } };
    },
    async delete() {},
});

// Loaded when there is something to judge: a plan without changes only asks for differences.

async function record(inputs: ValidationInputs): Promise<Validation> {
    return (await import("../validation/recorded.ts")).recordValidation(inputs);
}

async function look(inputs: ValidationInputs): Promise<Validation> {
    return (await import("../validation/recorded.ts")).validateRelease(inputs);
}

function fingerprint(inputs: Pick<ValidationInputs, "release" | "outcome">): string {
    return canonicalJson({ release: inputs.release, transaction: inputs.outcome.transaction });
}
