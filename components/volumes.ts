/** The data volumes of a stack. */
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { VolumeRelease } from "../release/types.ts";
import { labelList, type Owner, ownerLabels } from "./networks.ts";

export interface DataVolumesArgs {
    /** The volumes of the release, by the names that the engine knows them by. */
    readonly volumes: readonly VolumeRelease[];
    /** Whose they are: by these labels they are told from a stranger's. */
    readonly owner: Owner;
}

/** Declares the stack's volumes. Removing one from the program, or destroying the stack, leaves the data on the engine. */
export class DataVolumes extends pulumi.ComponentResource {
    constructor(name: string, args: DataVolumesArgs, opts?: pulumi.ComponentResourceOptions) {
        super("plumbline:components:DataVolumes", name, {}, opts);
        for (const volume of args.volumes) {
            new docker.Volume(
                volume.name,
                { name: volume.name, labels: labelList({ ...volume.labels, ...ownerLabels(args.owner) }) },
                // A volume that outlived a `destroy` keeps the labels it was made with; they are no reason to replace it.
                { parent: this, retainOnDelete: true, ignoreChanges: ["labels"] },
            );
        }
        this.registerOutputs({});
    }
}
