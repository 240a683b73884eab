/** The edge of a release: which ports it listens on, what it publishes, and the names it answers to. */
import type { Baseline, BaselineService } from "./baseline.ts";
import { frozenWaits } from "./edge-waits.ts";
import { PlumblineError } from "./errors.ts";
import { listenersOf } from "./listeners.ts";
import { compareText, hashOf } from "./revision.ts";
import type { Settings } from "./settings.ts";
import type { BuiltImage, EdgeRelease, Gateway, NetworkRelease, ServiceRelease } from "./types.ts";

/** What the edge's container may use, in MiB. */
export const edgeMemoryMiB = 256;

/** The probe listener is for the program on the same machine, never for others. */
const probeHostIp = "127.0.0.1";

type DeclaredGateway = Baseline["extension"]["gateways"][number];

export function freezeEdge(
    baseline: Baseline,
    services: readonly ServiceRelease[],
    declared: readonly DeclaredGateway[],
    image: BuiltImage,
    settings: Settings,
    exposed: ReadonlyMap<string, readonly number[]>,
): EdgeRelease {
    refuseUnreachable(baseline);
    const gateways = declared
        .map(
            (gateway): Gateway => ({
                ...gateway,
                published: { hostIp: settings.bindAddress, port: gateway.port + settings.ports.offset },
            }),
        )
        .sort((a, b) => compareText(a.name, b.name));
    const listeners = listenersOf(baseline, services, gateways, exposed);
    const own = ownNetwork(baseline);
    const networks = [...namesByNetwork(baseline.services), ...own.map(({ name }) => ({ network: name, aliases: [] }))];
    const edge: Omit<EdgeRelease, "revision"> = {
        image,
        listeners,
        gateways,
        probePort: settings.probePort,
        probeHostIp,
        networks,
        configVolume: `${baseline.project}_edge_config`,
        ...frozenWaits(settings.edge),
    };
    return { revision: edgeRevision(edge), ...edge };
}

/** What the container is made of. Routes and backends are its configuration, which changes while it runs. */
export function edgeRevision(edge: Omit<EdgeRelease, "revision">): string {
    const { image, listeners, gateways, probePort, probeHostIp, networks, configVolume } = edge;
    const published = [
        ...listeners.flatMap(({ port, published }) => {
            if (published === undefined) return [];
            const { inside = port, ...host } = published;
            return [{ port: inside, published: host }];
        }),
        ...gateways.map(({ port, published }) => ({ port, published })),
    ];
    return hashOf({ image, published, probePort, probeHostIp, networks, configVolume }, 8);
}

function namesByNetwork(services: readonly BaselineService[]): EdgeRelease["networks"] {
    const names = new Map<string, Set<string>>();
    for (const service of services) {
        for (const { network, aliases } of service.spec.networks) {
            const known = names.get(network) ?? new Set<string>();
            for (const name of [service.name, ...aliases]) known.add(name);
            names.set(network, known);
        }
    }
    return [...names]
        .sort(([a], [b]) => compareText(a, b))
        .map(([network, known]) => ({ network, aliases: [...known].sort(compareText) }));
}

/**
 * The engine publishes nothing of a container whose networks are all internal, and the edge has its probe port at least:
 * then it gets a network on which nobody else is.
 */
export function ownNetwork(baseline: Baseline): NetworkRelease[] {
    if (externalNetworks(baseline).size > 0) return [];
    return [{ name: `${baseline.project}_plumbline_edge`, driver: "bridge", internal: false, labels: {} }];
}

/** What compose would not publish, the edge must not. */
function refuseUnreachable(baseline: Baseline): void {
    const external = externalNetworks(baseline);
    const hidden = baseline.services.find(
        ({ ports, spec }) => ports.length > 0 && !spec.networks.some(({ network }) => external.has(network)),
    );
    if (hidden === undefined) return;
    const port = hidden.ports[0]?.published;
    throw new PlumblineError(
        "baseline",
        `${hidden.name} publishes ${port}, but its networks are internal: with compose nobody reaches it there.`,
        {
            service: hidden.name,
            remedy: `Take the port out of ${baseline.file}, or put ${hidden.name} on a network that is not internal.`,
        },
    );
}

/** Networks of the services that lead outside. */
function externalNetworks(baseline: Baseline): Set<string> {
    const used = new Set(baseline.services.flatMap(({ spec }) => spec.networks.map(({ network }) => network)));
    const internal = new Set(baseline.networks.flatMap(({ name, internal }) => (internal ? [name] : [])));
    return new Set([...used].filter((name) => !internal.has(name)));
}
