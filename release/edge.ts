/** The edge of a release: which ports it listens on, what it publishes, and the names it answers to. */
import type { Baseline, BaselineService } from "./baseline.ts";
import { PlumblineError } from "./errors.ts";
import { compareText, hashOf } from "./revision.ts";
import type { Settings } from "./settings.ts";
import type { BuiltImage, EdgeRelease, Gateway, Listener, ServiceRelease } from "./types.ts";

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
): EdgeRelease {
    const gateways = declared
        .map(
            (gateway): Gateway => ({
                ...gateway,
                published: { hostIp: settings.bindAddress, port: gateway.port + settings.ports.offset },
            }),
        )
        .sort((a, b) => compareText(a.name, b.name));
    const listeners = baseline.services.flatMap((service) => {
        const frozen = services.find(({ name }) => name === service.name);
        return frozen === undefined ? [] : listenersOf(service, frozen, gateways);
    });
    refuseSharedAddresses(baseline, listeners);
    const networks = namesByNetwork(baseline.services);
    const edge: Omit<EdgeRelease, "revision"> = {
        image,
        listeners,
        gateways,
        probePort: settings.probePort,
        probeHostIp,
        networks,
        configVolume: `${baseline.project}_edge_config`,
    };
    return { revision: edgeRevision(edge), ...edge };
}

/** What the container is made of. Routes and backends are its configuration, which changes while it runs. */
export function edgeRevision(edge: Omit<EdgeRelease, "revision">): string {
    const { image, listeners, gateways, probePort, probeHostIp, networks, configVolume } = edge;
    const published = [
        ...listeners.flatMap(({ port, published }) => (published === undefined ? [] : [{ port, published }])),
        ...gateways.map(({ port, published }) => ({ port, published })),
    ];
    return hashOf({ image, published, probePort, probeHostIp, networks, configVolume }, 8);
}

/** Every port on which the service may be reached: published, exposed, declared, probed, or behind a gateway. */
function listenersOf(service: BaselineService, frozen: ServiceRelease, gateways: readonly Gateway[]): Listener[] {
    const httpPorts = new Set([
        ...frozen.probes.flatMap((probe) => (probe.type === "http" ? [probe.port] : [])),
        ...gateways.flatMap(({ routes }) => routes.flatMap((it) => (it.service === service.name ? [it.port] : []))),
        ...service.ports.flatMap(({ target, protocol }) => (protocol === "http" ? [target] : [])),
    ]);
    const ports = new Set([
        ...frozen.ports.map(({ target }) => target),
        ...service.expose,
        ...service.extension.ports,
        ...frozen.probes.map(({ port }) => port),
        ...(frozen.buckets === undefined ? [] : [frozen.buckets.port]),
        ...httpPorts,
    ]);
    return [...ports]
        .sort((a, b) => a - b)
        .map((port): Listener => {
            const published = frozen.ports.find(({ target }) => target === port);
            return {
                service: service.name,
                port,
                protocol: httpPorts.has(port) ? "http" : "tcp",
                kind: frozen.kind,
                ...(published === undefined
                    ? {}
                    : { published: { hostIp: published.hostIp, port: published.published } }),
            };
        });
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
 * The edge has one address on each network and cannot tell two services apart that listen on the same port. It is one
 * container, so gateways and the ports of services must differ too.
 */
function refuseSharedAddresses(baseline: Baseline, listeners: readonly Listener[]): void {
    const owners = new Map<number, string>();
    for (const { port, service } of listeners) claim(owners, port, service, baseline.file);
    for (const gateway of baseline.extension.gateways) {
        claim(owners, gateway.port, `the gateway ${gateway.name}`, baseline.file);
    }
}

function claim(owners: Map<number, string>, port: number, owner: string, file: string): void {
    const other = owners.get(port);
    owners.set(port, owner);
    if (other === undefined || other === owner) return;
    throw new PlumblineError(
        "baseline",
        `${other} and ${owner} both listen on ${port}: the edge cannot tell them apart.`,
        {
            remedy: `Let one of them listen on another port in ${file}.`,
        },
    );
}
