/**
 * The host ports of a release: who wants which, and which of them move when somebody else has them (`ports.auto`). Pure.
 */
import { edgeRevision } from "./edge.ts";
import { baselineName } from "./replicas.ts";
import { hashOf } from "./revision.ts";
import type { EdgeRelease, MovedPort, Release, SupabaseRelease } from "./types.ts";

/** One host port that the edge publishes. */
export interface HostPort {
    /** The service, `gateway <name>`, or `probes`. */
    readonly user: string;
    /** Port inside the edge's container: with the user, what stays the same when the host port moves. */
    readonly target: number;
    readonly hostIp: string;
    readonly port: number;
}

/** What the probe listener is called. */
const probes = "probes";

/** Every host port of a release: its services' in start order, its gateways', and the one for probes. */
export function hostPorts(release: Pick<Release, "services" | "edge">): HostPort[] {
    const { gateways, probeHostIp, probePort } = release.edge;
    return [
        // Replicas share the ports of their service.
        ...release.services
            .filter((entry) => entry.replicaOf === undefined)
            .flatMap(({ name, ports }) =>
                ports.map(({ target, published, hostIp }) => ({ user: name, target, hostIp, port: published })),
            ),
        ...gateways.map(({ name, port, published }) => ({
            user: gatewayUser(name),
            target: port,
            hostIp: published.hostIp,
            port: published.port,
        })),
        { user: probes, target: 0, hostIp: probeHostIp, port: probePort },
    ];
}

/** Highest port that there is. */
const lastPort = 65_535;

/**
 * The ports that have to move: each that somebody else has gets the next free one above it that no other user wants. A
 * port that was moved before stays where it went, also when the wanted one is free again, as long as the baseline wants
 * the same: clients have learned it. Where nothing is free, the port stays as wanted, for preflight to refuse.
 *
 * @param kept what the last committed release has moved
 * @param isTaken whether somebody else than this stack has the port
 */
export function movePorts(
    wanted: readonly HostPort[],
    kept: readonly MovedPort[],
    isTaken: (hostIp: string, port: number) => boolean,
): MovedPort[] {
    const settled = wanted.map((use) => {
        const before = kept.find((it) => isSame(it, use) && it.wanted === use.port)?.published;
        const isFree = before !== undefined && !isTaken(use.hostIp, before);
        if (isFree && !wanted.some((other) => other.port === before)) return before;
        return isTaken(use.hostIp, use.port) ? undefined : use.port;
    });
    const used = new Set([...wanted.map(({ port }) => port), ...settled.filter((port) => port !== undefined)]);
    return wanted.flatMap((use, index): MovedPort[] => {
        const published = settled[index] ?? nextFree(use, used, isTaken);
        used.add(published);
        return published === use.port ? [] : [{ user: use.user, target: use.target, wanted: use.port, published }];
    });
}

function nextFree(use: HostPort, used: ReadonlySet<number>, isTaken: (hostIp: string, port: number) => boolean) {
    for (let port = use.port + 1; port <= lastPort; port += 1) {
        if (!used.has(port) && !isTaken(use.hostIp, port)) return port;
    }
    return use.port;
}

/** The release with these ports moved, and whatever follows from them: the edge's revision, Supabase's address, the id. */
export function withMovedPorts(release: Release, moved: readonly MovedPort[]): Release {
    if (moved.length === 0) return release;
    const place = (user: string, target: number, port: number) =>
        moved.find((it) => isSame(it, { user, target }))?.published ?? port;
    const { id: _id, ...rest } = release;
    const edge: Omit<EdgeRelease, "revision"> = {
        ...release.edge,
        listeners: release.edge.listeners.map((listener) => {
            const { service, port, published } = listener;
            if (published === undefined) return listener;
            return { ...listener, published: { ...published, port: place(service, port, published.port) } };
        }),
        gateways: release.edge.gateways.map((gateway) => {
            const { name, port, published } = gateway;
            return { ...gateway, published: { ...published, port: place(gatewayUser(name), port, published.port) } };
        }),
        probePort: place(probes, 0, release.edge.probePort),
    };
    const content: Omit<Release, "id"> = {
        ...rest,
        services: release.services.map((service) => ({
            ...service,
            ports: service.ports.map((port) => ({
                ...port,
                published: place(baselineName(service), port.target, port.published),
            })),
        })),
        edge: { ...edge, revision: edgeRevision(edge) },
        ...(release.supabase === undefined ? {} : { supabase: supabaseAt(release.supabase, moved) }),
        movedPorts: moved,
    };
    return { id: hashOf(content, 12), ...content };
}

/** The API's address is that of a gateway: of the one that had its port. */
function supabaseAt(supabase: SupabaseRelease, moved: readonly MovedPort[]): SupabaseRelease {
    const url = new URL(supabase.apiUrl);
    const gateway = moved.find(({ user, wanted }) => user.startsWith(gatewayUser("")) && String(wanted) === url.port);
    return gateway === undefined
        ? supabase
        : { ...supabase, apiUrl: `${url.protocol}//${url.hostname}:${gateway.published}` };
}

/** What a plan and the status say of ports that are not the ones of the baseline. */
export function movedPortNotes(moved: readonly MovedPort[]): string[] {
    return moved.map(
        ({ user, wanted, published }) =>
            `${user} is published on port ${published} in the place of ${wanted}, which somebody else had (plumbline:ports.auto)`,
    );
}

function gatewayUser(name: string): string {
    return `gateway ${name}`;
}

function isSame(a: Pick<HostPort, "user" | "target">, b: Pick<HostPort, "user" | "target">): boolean {
    return a.user === b.user && a.target === b.target;
}
