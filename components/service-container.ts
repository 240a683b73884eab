/** The container of one service. */
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { fileMounts, fileVolumeLabels, fileVolumes } from "../release/file-volumes.ts";
import { containerResource, type Renewals } from "../release/renewals.ts";
import type { DeclaredContainer, ServiceRelease } from "../release/types.ts";
import { containerArgs, containerLabels, environmentList } from "./container-args.ts";
import type { Images } from "./images.ts";
import { labelList } from "./networks.ts";

export interface ServiceContainerArgs {
    /** The service, frozen. */
    readonly service: ServiceRelease;
    /** Compose project of the stack. */
    readonly project: string;
    readonly stack: string;
    /** The built images; the container waits for its own. */
    readonly images: Images;
    /** Which containers were made anew in their revision. @default none */
    readonly renewals?: Renewals;
    /** Values of the secrets whose placeholders stand in the environment. */
    readonly secrets: pulumi.Input<Record<string, string>>;
}

/** Creates a service's container beside whatever runs, and does not start it: that is the rollout's part. */
export class ServiceContainer extends pulumi.ComponentResource {
    readonly service: string;
    /** Id and engine name of the created container. */
    readonly declared: pulumi.Output<DeclaredContainer>;

    constructor(args: ServiceContainerArgs, opts?: pulumi.ComponentResourceOptions) {
        const { service } = args;
        super("plumbline:components:ServiceContainer", service.name, {}, opts);
        this.service = service.name;
        const envs = pulumi.secret(args.secrets).apply((secrets) => environmentList(service, secrets));
        // Deleted with the revision: what they hold stands in the release. The rollout fills them before the start.
        const volumes = fileVolumes(args.project, service).map(
            ({ name: volume }) =>
                new docker.Volume(
                    volume,
                    { name: volume, labels: labelList(fileVolumeLabels(args.project, service)) },
                    { parent: this, ignoreChanges: ["labels"] },
                ),
        );
        const labels = containerLabels(args.project, args.stack, service.name, service.revision);
        const container = new docker.Container(
            containerResource(service.name, service.revision, args.renewals),
            {
                ...containerArgs(service, labels, fileMounts(args.project, service)),
                envs,
            },
            {
                parent: this,
                dependsOn: [...args.images.builds(service.image), ...volumes],
                deleteBeforeReplace: false,
                replaceOnChanges: ["healthcheck", "tmpfs", "init"],
            },
        );
        this.declared = pulumi.all([container.id, container.name]).apply(([id, name]) => ({ id, name }));
        this.registerOutputs({ declared: this.declared });
    }
}
