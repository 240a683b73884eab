/** The `Validation` resource: the recorded verdict on what runs. The work is done in `validation.provider.ts`. */
import * as pulumi from "@pulumi/pulumi";
import type { DeclaredContainer } from "../release/types.ts";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import type { ParityOutput } from "../validation/parity/summary.ts";
import type { Rate } from "../validation/rates.ts";
import type { ReportRetention } from "../validation/report/prune.ts";
import type { Verdict } from "../validation/verdict.ts";

export interface ValidationArgs {
    /** The release, as canonical JSON. */
    readonly release: pulumi.Input<string>;
    /** What the rollout ended in; a new transaction is judged anew. */
    readonly outcome: pulumi.Input<RolloutOutcome>;
    /** The edge's container, which carries names and ports of the services. */
    readonly edge: pulumi.Input<DeclaredContainer>;
    /** Values of the secrets that probes need, and that stand in environments and files. */
    readonly secrets: pulumi.Input<Record<string, string>>;
    /** The compose file, relative to the project: where findings point to. */
    readonly composeFile: pulumi.Input<string>;
    /** Days that each kind of report is kept (R70). */
    readonly retention: pulumi.Input<ReportRetention>;
    /** Address of the engine; default: `DOCKER_HOST`, or the engine on this machine. */
    readonly engineHost?: pulumi.Input<string>;
}

// A thin shell: Pulumi keeps the text of these methods in the state, so they hold nothing but a door.
const shell: pulumi.dynamic.ResourceProvider = {
    check: async (olds, news) => (await import("#provider/validation")).provider.check(olds, news),
    diff: async (id, olds, news) => (await import("#provider/validation")).provider.diff(id, olds, news),
    create: async (inputs) => (await import("#provider/validation")).provider.create(inputs),
    update: async (id, olds, news) => (await import("#provider/validation")).provider.update(id, olds, news),
    read: async (id, props) => (await import("#provider/validation")).provider.read(id, props),
    delete: async (id, props) => (await import("#provider/validation")).provider.delete(id, props),
};

/**
 * Judges the services of a committed release, compares every property with the baseline, writes the reports, and does
 * both again at every refresh.
 */
export class Validation extends pulumi.dynamic.Resource {
    /** One verdict for each service. */
    declare readonly verdicts: pulumi.Output<Verdict[]>;
    /** How many properties are as in the baseline, and which are not (R30). */
    declare readonly parity: pulumi.Output<ParityOutput>;
    /** The success rates (R37). */
    declare readonly rates: pulumi.Output<Rate[]>;

    constructor(name: string, args: ValidationArgs, opts?: pulumi.CustomResourceOptions) {
        super(
            shell,
            name,
            { ...args, verdicts: undefined, parity: undefined, rates: undefined },
            { ...opts, additionalSecretOutputs: ["secrets"] },
        );
    }
}
