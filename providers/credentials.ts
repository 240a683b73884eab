/** The `Credentials` resource: the values of a stack's secrets. The work is done in `credentials.provider.ts`. */
import type * as pulumi from "@pulumi/pulumi";
import type { NetworkPolicy, SecretSource } from "../release/types.ts";
import { DynamicResource } from "./dynamic-resource.ts";

export interface CredentialsArgs {
    /** How each secret gets its value where the stack gives none. */
    readonly sources: pulumi.Input<Record<string, SecretSource>>;
    /** Values that the stack's configuration gives. */
    readonly given: pulumi.Input<Record<string, string>>;
    /** The version of each secret in the release; a value that was used under it before is used again. */
    readonly versions: pulumi.Input<Record<string, string>>;
    /**
     * Where the stack's ledger is: where a release runs that this state does not know, a plan and an update are refused.
     * @default nobody is asked
     */
    readonly ledger?: pulumi.Input<{ project: string; image: string; network: NetworkPolicy; engineHost?: string }>;
}

/** Generates what the stack does not give, keeps it over updates, and stores it encrypted in the state. */
export class Credentials extends DynamicResource {
    /** Every secret by name; secret. */
    declare readonly values: pulumi.Output<Record<string, string>>;

    constructor(name: string, args: CredentialsArgs, opts?: pulumi.CustomResourceOptions) {
        super(
            "credentials",
            name,
            { ...args, values: undefined, known: undefined },
            { ...opts, additionalSecretOutputs: ["values", "given", "known"] },
        );
    }
}
