/** The `Validation` resource: the recorded verdict on what runs. The work is done in `validation.provider.ts`. */
import type * as pulumi from "@pulumi/pulumi";
import type { DeclaredContainer } from "../release/types.ts";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import type { ParityOutput } from "../validation/parity/summary.ts";
import type { Rate } from "../validation/rates.ts";
import type { ReportRetention } from "../validation/report/prune.ts";
import type { Verdict } from "../validation/verdict.ts";
import { DynamicResource } from "./dynamic-resource.ts";

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

/**
 * Judges the services of a committed release, compares every property with the baseline, writes the reports, and does
 * both again at every refresh.
 */
export class Validation extends DynamicResource {
    /** One verdict for each service. */
    declare readonly verdicts: pulumi.Output<Verdict[]>;
    /** How many properties are as in the baseline, and which are not (R30). */
    declare readonly parity: pulumi.Output<ParityOutput>;
    /** The success rates (R37). */
    declare readonly rates: pulumi.Output<Rate[]>;

    constructor(name: string, args: ValidationArgs, opts?: pulumi.CustomResourceOptions) {
        super(
            "validation",
            name,
            { ...args, verdicts: undefined, parity: undefined, rates: undefined },
            { ...opts, additionalSecretOutputs: ["secrets"] },
        );
    }
}
