/** The ports of the edge: where each service is reached, by whom, and whether the edge can tell all of them apart. */
import type { Baseline, BaselineService } from "./baseline.ts";
import { PlumblineError } from "./errors.ts";
import { probeListenerPort } from "./probe-address.ts";
import type { Gateway, Listener, ServiceRelease } from "./types.ts";

/** Ports of the edge's container from which published ones lead to listeners that share a port. */
const firstInside = 20_000;

/**
 * Every listener of the services: at ports that are published, exposed by the file or the Dockerfile, declared, probed, or
 * behind a gateway.
 *
 * @param exposed service to the ports that its Dockerfile exposes
 * @throws PlumblineError `baseline` for listeners that the edge cannot tell apart
 */
export function listenersOf(
    baseline: Baseline,
    services: readonly ServiceRelease[],
    gateways: readonly Gateway[],
    exposed: ReadonlyMap<string, readonly number[]>,
): Listener[] {
    const all = new Set(baseline.services.flatMap(networksOf));
    const every = baseline.services.flatMap((service) => {
        const frozen = services.find(({ name }) => name === service.name);
        // A job ends: nobody is asked anything by it.
        if (frozen === undefined || frozen.kind === "job") return [];
        return claimsOf(service, frozen, gateways, exposed.get(service.name) ?? []);
    });
    const claims = every.filter((claim) => !isLeftover(claim, every));
    refuseSharedAddresses(baseline.file, claims, gateways);
    const listeners = claims.map(({ listener, networks }) =>
        networks.length === all.size ? listener : { ...listener, networks },
    );
    return withInside(listeners, gateways);
}

/** A listener before it is known to be alone. */
interface Claim {
    readonly listener: Listener;
    readonly networks: readonly string[];
    /** Nothing but the Dockerfile says that the service listens there. */
    readonly implicit: boolean;
    /** Digest of the image's source. */
    readonly source: string | undefined;
}

/**
 * Whether the port is rather that of another service, which names it: of one with the same image, as a site and its worker;
 * or where the service of the Dockerfile has named ports of its own.
 */
function isLeftover(claim: Claim, all: readonly Claim[]): boolean {
    if (!claim.implicit) return false;
    const { service, port } = claim.listener;
    const namesPorts = all.some(({ implicit, listener }) => !implicit && listener.service === service);
    return all.some(
        ({ implicit, source, listener, networks }) =>
            !implicit &&
            (namesPorts || source === claim.source) &&
            listener.port === port &&
            networks.some((network) => claim.networks.includes(network)),
    );
}

function claimsOf(
    service: BaselineService,
    frozen: ServiceRelease,
    gateways: readonly Gateway[],
    exposed: readonly number[],
): Claim[] {
    const httpPorts = new Set([
        ...frozen.probes.flatMap((probe) => (probe.type === "http" ? [probe.port] : [])),
        ...gateways.flatMap(({ routes }) => routes.flatMap((it) => (it.service === service.name ? [it.port] : []))),
        ...service.ports.flatMap(({ target, protocol }) => (protocol === "http" ? [target] : [])),
    ]);
    const said = new Set([
        ...frozen.ports.map(({ target }) => target),
        ...service.expose,
        ...(service.extension.ports ?? []),
        ...frozen.probes.map(({ port }) => port),
        ...(frozen.buckets === undefined ? [] : [frozen.buckets.port]),
        ...httpPorts,
    ]);
    // Whoever names the ports knows them better than the Dockerfile.
    const known = service.extension.ports === undefined ? exposed : [];
    const source = frozen.image.kind === "built" ? frozen.image.sourceDigest : undefined;
    return [...new Set([...said, ...known])]
        .sort((a, b) => a - b)
        .map((port) => {
            const published = frozen.ports.find(({ target }) => target === port);
            const listener = {
                service: service.name,
                port,
                protocol: httpPorts.has(port) ? ("http" as const) : ("tcp" as const),
                kind: frozen.kind,
                ...(service.replicas === 1 ? {} : { replicas: service.replicas }),
                ...(published === undefined
                    ? {}
                    : { published: { hostIp: published.hostIp, port: published.published } }),
            };
            return { listener, networks: networksOf(service), implicit: !said.has(port), source };
        });
}

function networksOf(service: BaselineService): string[] {
    return service.spec.networks.map(({ network }) => network);
}

/** The edge has one address on each network: two services of one network need two ports. */
function refuseSharedAddresses(file: string, claims: readonly Claim[], gateways: readonly Gateway[]): void {
    for (const [index, claim] of claims.entries()) {
        const { service, port, protocol } = claim.listener;
        if (port === probeListenerPort) {
            throw sharedPort("the edge's probe listener", service, port, remedyOf(file, [claim]));
        }
        for (const other of claims.slice(0, index)) {
            if (other.listener.port !== port || other.listener.service === service) continue;
            const remedy = remedyOf(file, [other, claim]);
            if (other.networks.some((network) => claim.networks.includes(network))) {
                throw sharedPort(other.listener.service, service, port, remedy);
            }
            if (other.listener.protocol === protocol) continue;
            const one = other.listener.service;
            throw new PlumblineError(
                "baseline",
                `${one} and ${service} both listen on ${port}, one in HTTP and one not: the edge has one door for both.`,
                {
                    remedy: `Give both an http probe or app_protocol: http in ${file} if both speak it. Otherwise: ${remedy}`,
                },
            );
        }
        const gateway = gateways.find((one) => one.port === port);
        if (gateway !== undefined) {
            throw sharedPort(service, `the gateway ${gateway.name}`, port, remedyOf(file, [claim]));
        }
    }
    for (const [index, { port, name }] of gateways.entries()) {
        const other = gateways.slice(0, index).find((one) => one.port === port);
        const owner = port === probeListenerPort ? "the edge's probe listener" : other && `the gateway ${other.name}`;
        if (owner !== undefined) throw sharedPort(owner, `the gateway ${name}`, port, remedyOf(file, []));
    }
}

function sharedPort(one: string, other: string, port: number, remedy: string): PlumblineError {
    return new PlumblineError(
        "baseline",
        `${one} and ${other} both listen on ${port}: the edge cannot tell them apart.`,
        { remedy },
    );
}

function remedyOf(file: string, claims: readonly Claim[]): string {
    const [guess] = claims.filter(({ implicit }) => implicit);
    const remedy = `Let one of them listen on another port in ${file}, or put them on networks of their own.`;
    if (guess === undefined) return remedy;
    const { service } = guess.listener;
    return `If ${service} does not listen there (its Dockerfile exposes it), say so: x-plumbline: { ports: [] }. Otherwise: ${remedy}`;
}

/** Published listeners that share their port get another one inside the edge; the numbers follow the host ports. */
function withInside(listeners: readonly Listener[], gateways: readonly Gateway[]): Listener[] {
    const taken = new Set([...listeners, ...gateways].map(({ port }) => port));
    let next = firstInside;
    const inside = new Map<Listener, number>();
    const shared = listeners.filter(
        (one) => one.published && listeners.some((other) => other !== one && other.port === one.port),
    );
    for (const listener of shared.sort((a, b) => (a.published?.port ?? 0) - (b.published?.port ?? 0))) {
        while (taken.has(next)) next++;
        inside.set(listener, next++);
    }
    return listeners.map((listener) => {
        const port = inside.get(listener);
        if (port === undefined || listener.published === undefined) return listener;
        return { ...listener, published: { ...listener.published, inside: port } };
    });
}
