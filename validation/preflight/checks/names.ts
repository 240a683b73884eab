/** Whether the names of the stack are free of strangers: project, networks and volumes. Pure. */
import type { ContainerOverview, NetworkFacts, VolumeFacts } from "../../../engine/docker.ts";
import type { Release } from "../../../release/types.ts";
import { fail, type PreflightFinding, pass } from "../finding.ts";
import { composeProject, described, isOwn } from "../ours.ts";

export interface NameFacts {
    readonly containers: readonly ContainerOverview[];
    readonly networks: readonly NetworkFacts[];
    readonly volumes: readonly VolumeFacts[];
    /** Networks and volumes that the stack's history knows, from before they were marked by labels. */
    readonly known: ReadonlySet<string>;
    /** Names in the engine's DNS of containers of others on the stack's networks, by container. */
    readonly aliases: Readonly<Record<string, readonly string[]>>;
}

/** Whether a network or a volume is the stack's: by its label, by its history, or since a container of the stack has it. */
export function belongs(
    { name, labels }: Pick<NetworkFacts, "name" | "labels">,
    release: Pick<Release, "project" | "stack">,
    facts: Pick<NameFacts, "containers" | "known">,
): boolean {
    if (labels["plumbline.project"] !== undefined) return isOwn(labels, release);
    if (facts.known.has(name)) return true;
    return facts.containers.some(
        (it) => isOwn(it.labels, release) && (it.volumes.includes(name) || it.networks.includes(name)),
    );
}

/** The project's name is its own, and nobody else has a container by a name that the stack needs. */
export function judgeProject(release: Release, facts: NameFacts): PreflightFinding[] {
    const { project, stack } = release;
    const found: PreflightFinding[] = [];
    const other = facts.containers.find(
        ({ labels }) => labels["plumbline.project"] === project && !isOwn(labels, release),
    );
    if (other !== undefined) {
        found.push(
            fail({
                check: "project",
                category: "settings",
                message: `the project name ${project} is in use by the stack ${other.labels["plumbline.stack"]} on this engine (container ${other.name})`,
                remedy: `Give ${stack} another name in plumbline:project.`,
            }),
        );
    }
    for (const container of facts.containers) {
        const isHelper = [`${project}-ledger`, `${project}-transaction-1`].includes(container.name);
        if (!isHelper || container.labels["plumbline.project"] === project) continue;
        found.push(
            fail({
                check: "project",
                category: "dependency",
                message: `the name ${container.name}, which the stack needs for itself, is that of a container that is not the stack's`,
                remedy: "Rename or remove that container, or give the stack another name in plumbline:project.",
            }),
        );
    }
    return found.length > 0 ? found : [pass("project", `the project name ${project} is free`)];
}

export function judgeNetworks(release: Release, facts: NameFacts): PreflightFinding[] {
    const found = release.networks.flatMap(({ name }) =>
        facts.networks
            .filter((network) => network.name === name)
            .flatMap((network) =>
                belongs(network, release, facts) ? namesakes(release, name, facts) : [strangerNetwork(network)],
            ),
    );
    return found.length > 0 ? found : [pass("networks", "no network is a stranger's")];
}

function strangerNetwork({ name, labels }: NetworkFacts): PreflightFinding {
    const compose = composeProject(labels);
    const about = { check: "networks", category: "dependency" } as const;
    if (compose !== undefined) {
        return fail({
            ...about,
            message: `the network ${name} was left by \`docker compose up\` of the project ${compose}`,
            remedy: `Take that down: docker compose -p ${compose} down. Its volumes stay.`,
        });
    }
    return fail({
        ...about,
        message: `the network ${name} is there, and is not this stack's`,
        remedy: `Remove it (docker network rm ${name}), or give the stack another name in plumbline:project.`,
    });
}

/** Strangers on the stack's network that answer to the name of a service would be taken for it. */
function namesakes(release: Release, network: string, facts: NameFacts): PreflightFinding[] {
    const names = new Set(release.edge.networks.find((it) => it.network === network)?.aliases ?? []);
    return facts.containers
        .filter(({ labels, networks }) => networks.includes(network) && !isOwn(labels, release))
        .flatMap((container) => {
            const taken = [container.name, ...(facts.aliases[container.id] ?? [])].find((name) => names.has(name));
            if (taken === undefined) return [];
            return [
                fail({
                    check: "networks",
                    category: "dependency",
                    service: taken,
                    message: `${described(container)} answers to the name ${taken} on the network ${network}`,
                    remedy: `Take it off: docker network disconnect ${network} ${container.name}`,
                }),
            ];
        });
}

/**
 * Volumes of the release, the edge's and the ledger's among them. One that was left by compose, or made by somebody else,
 * is only taken over when the stack says so; never while a container of others writes to it.
 */
export function judgeVolumes(release: Release, facts: NameFacts, adopted: readonly string[]): PreflightFinding[] {
    const { project, edge, volumes } = release;
    const wanted = [
        ...volumes.map(({ key, name }) => ({ key, name })),
        ...[edge.configVolume, `${project}_ledger`].map((name) => ({ key: undefined, name })),
    ];
    const found = wanted.flatMap(({ key, name }): PreflightFinding[] => {
        const volume = facts.volumes.find((it) => it.name === name);
        if (volume === undefined || belongs(volume, release, facts)) return [];
        const user = facts.containers.find(
            (it) => it.state === "running" && it.volumes.includes(name) && !isOwn(it.labels, release),
        );
        const about = { check: "volumes", category: "dependency" } as const;
        if (key !== undefined && adopted.includes(key)) {
            if (user === undefined) {
                const message = `the volume ${name} is taken over with its data, as plumbline:adoptVolumes says`;
                return [{ ...pass("volumes", message), told: true }];
            }
            return [
                fail({
                    ...about,
                    message: `the volume ${name} cannot be taken over: ${described(user)} runs on it`,
                    remedy: `Stop that first: docker stop ${user.name}`,
                }),
            ];
        }
        return [fail({ ...about, message: strangerVolume(volume), remedy: volumeRemedy(key, volume) })];
    });
    return found.length > 0 ? found : [pass("volumes", "no volume is a stranger's")];
}

function strangerVolume({ name, labels }: VolumeFacts): string {
    const compose = composeProject(labels);
    return compose === undefined
        ? `the volume ${name} is there, and is not this stack's`
        : `the volume ${name} was left by \`docker compose up\` of the project ${compose}`;
}

function volumeRemedy(key: string | undefined, { name }: VolumeFacts): string {
    const otherwise = "or give the stack another name in plumbline:project.";
    return key === undefined
        ? `Remove it (docker volume rm ${name}), ${otherwise}`
        : `To take it over with its data, set plumbline:adoptVolumes: [${key}]; otherwise remove it (docker volume rm ${name}), ${otherwise}`;
}
