/** The `Rollout` resource: the transaction that turns one release into the next. The work is done in `rollout.provider.ts`. */
import type * as pulumi from "@pulumi/pulumi";
import type { Renewals } from "../release/renewals.ts";
import type { DeclaredContainer } from "../release/types.ts";
import type { RolloutOutcome } from "../rollout/outcome.ts";
import { DynamicResource } from "./dynamic-resource.ts";

export interface RolloutArgs {
    /** The release, as canonical JSON: the text that is hashed, recorded and put back is one and the same. */
    readonly release: pulumi.Input<string>;
    /** The edge's container. */
    readonly edge: pulumi.Input<DeclaredContainer>;
    /** The container of each service, by service name. */
    readonly containers: pulumi.Input<Record<string, pulumi.Input<DeclaredContainer>>>;
    /** Values of the secrets that probes need. */
    readonly secrets: pulumi.Input<Record<string, string>>;
    /** A transaction that a dead deployer has left open: it is ended first, also when nothing else changes. */
    readonly abandoned?: pulumi.Input<string>;
    /** Which containers were made anew in their revision, recorded with the commit; absent where none was. */
    readonly renewals?: pulumi.Input<Renewals>;
    /** Address of the engine; default: `DOCKER_HOST`, or the engine on this machine. */
    readonly engineHost?: pulumi.Input<string>;
}

/** Starts, proves and switches what the release declares, or puts everything back. Depends on every other resource. */
export class Rollout extends DynamicResource {
    /** What the transaction ended in, service by service. */
    declare readonly outcome: pulumi.Output<RolloutOutcome>;
    /** State of each container as last seen, by service: what a refresh compares. */
    declare readonly observed: pulumi.Output<Record<string, string>>;

    constructor(name: string, args: RolloutArgs, opts?: pulumi.CustomResourceOptions) {
        super(
            "rollout",
            name,
            { ...args, outcome: undefined, observed: undefined },
            { ...opts, additionalSecretOutputs: ["secrets"] },
        );
    }
}
