/** The `Credentials` resource: the values of a stack's secrets. The work is done in `credentials.provider.ts`. */
import * as pulumi from "@pulumi/pulumi";
import type { SecretSource } from "../release/types.ts";

export interface CredentialsArgs {
    /** How each secret gets its value where the stack gives none. */
    readonly sources: pulumi.Input<Record<string, SecretSource>>;
    /** Values that the stack's configuration gives. */
    readonly given: pulumi.Input<Record<string, string>>;
    /** The version of each secret in the release; a value that was used under it before is used again. */
    readonly versions: pulumi.Input<Record<string, string>>;
    /** Where the stack's ledger is: where a release runs that this state does not know, no secrets are made. */
    readonly ledger: pulumi.Input<{ project: string; image: string; engineHost?: string }>;
}

// A thin shell: Pulumi keeps the text of these methods in the state, so they hold nothing but a door.
const shell: pulumi.dynamic.ResourceProvider = {
    check: async (olds, news) => (await import("#provider/credentials")).provider.check(olds, news),
    diff: async (id, olds, news) => (await import("#provider/credentials")).provider.diff(id, olds, news),
    create: async (inputs) => (await import("#provider/credentials")).provider.create(inputs),
    update: async (id, olds, news) => (await import("#provider/credentials")).provider.update(id, olds, news),
    read: async (id, props) => (await import("#provider/credentials")).provider.read(id, props),
    delete: async (id, props) => (await import("#provider/credentials")).provider.delete(id, props),
};

/** Generates what the stack does not give, keeps it over updates, and stores it encrypted in the state. */
export class Credentials extends pulumi.dynamic.Resource {
    /** Every secret by name; secret. */
    declare readonly values: pulumi.Output<Record<string, string>>;

    constructor(name: string, args: CredentialsArgs, opts?: pulumi.CustomResourceOptions) {
        super(
            shell,
            name,
            { ...args, values: undefined, known: undefined },
            { ...opts, additionalSecretOutputs: ["values", "given", "known"] },
        );
    }
}
