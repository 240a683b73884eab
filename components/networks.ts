/** The networks of a stack. */
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { NetworkRelease } from "../release/types.ts";

export interface StackNetworksArgs {
    /** The networks of the release, by the names that the engine knows them by. */
    readonly networks: readonly NetworkRelease[];
    /** Whose they are: by these labels they are told from a stranger's. */
    readonly owner: Owner;
}

/**
 * Declares the stack's networks. Containers name them literally and depend on this component: passed as an output, the
 * replacement of a network would take every container along.
 */
export class StackNetworks extends pulumi.ComponentResource {
    constructor(name: string, args: StackNetworksArgs, opts?: pulumi.ComponentResourceOptions) {
        super("plumbline:components:StackNetworks", name, {}, opts);
        for (const network of args.networks) {
            new docker.Network(
                network.name,
                {
                    name: network.name,
                    driver: network.driver,
                    internal: network.internal,
                    labels: labelList({ ...network.labels, ...ownerLabels(args.owner) }),
                },
                // A network that is older than its labels stays; other labels of the baseline are refused by preflight.
                { parent: this, ignoreChanges: ["labels"] },
            );
        }
        this.registerOutputs({});
    }
}

/** Whose a network or a volume is. */
export interface Owner {
    /** Compose project of the stack. */
    readonly project: string;
    readonly stack: string;
}

/** The labels by which preflight knows the stack's own networks and volumes again, also when its state was lost. */
export function ownerLabels({ project, stack }: Owner): Record<string, string> {
    return { "plumbline.project": project, "plumbline.stack": stack };
}

/** Labels as the Docker provider wants them, in a fixed order. */
export function labelList(labels: Readonly<Record<string, string>>): { label: string; value: string }[] {
    return Object.entries(labels)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([label, value]) => ({ label, value }));
}
