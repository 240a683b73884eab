/** The edge: the load balancer in front of every service. */
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { edgeMemoryMiB } from "../release/edge.ts";
import { probeListenerPort } from "../release/probe-address.ts";
import { containerResource, type Renewals } from "../release/renewals.ts";
import type { DeclaredContainer, EdgeRelease } from "../release/types.ts";
import { containerLabels } from "./container-args.ts";
import type { Images } from "./images.ts";
import { labelList, ownerLabels } from "./networks.ts";

export interface EdgeArgs {
    readonly edge: EdgeRelease;
    readonly project: string;
    readonly stack: string;
    readonly images: Images;
    /** Which containers were made anew in their revision. @default none */
    readonly renewals?: Renewals;
}

/** Where the edge keeps its configuration, on a volume of its own. */
export const edgeConfigFolder = "/etc/plumbline-edge";

/** Declares the edge's container, created and not started, with every published port and every service name. */
export class Edge extends pulumi.ComponentResource {
    /** Id and engine name of the created container. */
    readonly declared: pulumi.Output<DeclaredContainer>;

    constructor(name: string, args: EdgeArgs, opts?: pulumi.ComponentResourceOptions) {
        super("plumbline:components:Edge", name, {}, opts);
        const { edge } = args;
        const volume = new docker.Volume(
            edge.configVolume,
            { name: edge.configVolume, labels: labelList(ownerLabels(args)) },
            { parent: this, ignoreChanges: ["labels"] },
        );
        const container = new docker.Container(
            containerResource("edge", edge.revision, args.renewals),
            {
                image: edge.image.reference,
                start: false,
                mustRun: false,
                restart: "unless-stopped",
                user: "10006:10006",
                readOnly: true,
                init: true,
                destroyGraceSeconds: 10,
                stopTimeout: 10,
                capabilities: { drops: ["ALL"] },
                securityOpts: ["no-new-privileges:true"],
                tmpfs: { "/run/haproxy": "size=1m,uid=10006,gid=10006,mode=0750", "/tmp": "size=16m" },
                memory: edgeMemoryMiB,
                memorySwap: edgeMemoryMiB,
                labels: labelList(containerLabels(args.project, args.stack, "edge", edge.revision)),
                networksAdvanced: edge.networks.map(({ network, aliases }) => ({
                    name: network,
                    aliases: [...aliases],
                })),
                ports: edgePorts(edge),
                volumes: [{ volumeName: edge.configVolume, containerPath: edgeConfigFolder }],
                logDriver: "json-file",
                logOpts: { "max-file": "3", "max-size": "10m" },
            },
            {
                parent: this,
                dependsOn: [volume, ...args.images.builds(edge.image)],
                deleteBeforeReplace: false,
                replaceOnChanges: ["healthcheck", "tmpfs", "init"],
            },
        );
        this.declared = pulumi.all([container.id, container.name]).apply(([id, name]) => ({ id, name }));
        this.registerOutputs({ declared: this.declared });
    }
}

/** Every published port: those of the baseline, the gateways, and the probe listener; sorted, each once. */
export function edgePorts(edge: EdgeRelease): { internal: number; external: number; ip: string; protocol: string }[] {
    const ports = [
        ...edge.listeners.flatMap(({ port, published }) =>
            published === undefined
                ? []
                : [{ internal: published.inside ?? port, external: published.port, ip: published.hostIp }],
        ),
        ...edge.gateways.map(({ port, published }) => ({
            internal: port,
            external: published.port,
            ip: published.hostIp,
        })),
        { internal: probeListenerPort, external: edge.probePort, ip: edge.probeHostIp },
    ];
    return ports
        .sort((a, b) => a.internal - b.internal || a.external - b.external)
        .map((port) => ({ ...port, protocol: "tcp" }));
}
