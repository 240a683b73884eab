/** The edge's configuration as text, from what the release wants and who stands in which slot. Pure. */

import { createHash } from "node:crypto";
import { edgeWaits } from "../../release/edge-waits.ts";
import { PlumblineError } from "../../release/errors.ts";
import { probeListenerPort } from "../../release/probe-address.ts";
import { entriesOf } from "../../release/replicas.ts";
import type { EdgeRelease, EdgeWaits, Listener } from "../../release/types.ts";
import { frontends, probeAddressOf } from "./frontends.ts";
import { type NetworkRanges, networksOf } from "./ranges.ts";
import {
    backendName,
    type EdgeSlots,
    emptySlots,
    isHeld,
    nobody,
    placeOfServer,
    type ServerPlace,
    type ServiceSlots,
} from "./slots.ts";

/** The edge's own numbers, in milliseconds unless named otherwise. */
export interface EdgePolicy {
    /** One try to connect to a service. Holding counts in these. */
    readonly connectMs: number;
    /** How long a connection to a held service waits before it is refused (R98). */
    readonly holdMs: number;
    /** How long a request waits for a `request` service that cannot be reached (R91). */
    readonly requestWaitMs: number;
    /** Longest time for a client to send the head of a request. */
    readonly requestHeadMs: number;
    /** Longest silence of a request or its answer. */
    readonly httpIdleMs: number;
    /** Longest silence of a TCP connection and of a tunnel, as a websocket. */
    readonly tcpIdleMs: number;
    /** Time between two looks at a replica that did not take a connection. */
    readonly replicaCheckMs: number;
    /** How long a name that does not resolve keeps its last address, for services that are away during a hand-over: two holds. */
    readonly nameKeepMs: number;
    /** How long the processes before a reload keep their connections. */
    readonly reloadKeepMs: number;
    /** Connections at once. */
    readonly maxConnections: number;
}

/**
 * The two waits are settings (`plumbline:edge`), and a release names them where they are not these. The other numbers are
 * none: they are how the edge works, were found together by trial, and nobody is promised one of them.
 */
export const defaultEdgePolicy: EdgePolicy = {
    connectMs: 250,
    ...edgeWaits(),
    requestHeadMs: 30_000,
    httpIdleMs: 300_000,
    tcpIdleMs: 86_400_000,
    replicaCheckMs: 500,
    nameKeepMs: 2 * edgeWaits().holdMs,
    reloadKeepMs: 15_000,
    maxConnections: 4_096,
};

/**
 * The text of haproxy.cfg.
 *
 * @param numbers the edge's own; the waits that the release names win
 * @param ranges the addresses of the edge's networks; on a single one there is nobody to keep apart, and they may be missing
 * @throws PlumblineError `baseline` for what one edge cannot tell apart, as two services of one network on one port
 */
export function renderEdgeConfig(
    edge: EdgeRelease,
    slots: EdgeSlots,
    numbers: EdgePolicy = defaultEdgePolicy,
    ranges: NetworkRanges = {},
): string {
    refuseWhatCannotBeToldApart(edge, ranges);
    const policy = withWaits(numbers, edge.waits);
    const sections = [
        defaults(policy),
        resolvers("docker", policy.requestWaitMs),
        resolvers("docker_held", policy.nameKeepMs),
        ...frontends(edge, ranges),
        ...edge.listeners.flatMap((listener) => [
            backend(listener, policy),
            ...entriesOf(listener).flatMap((entry) => [
                candidateBackend(entry, listener),
                activeProbeBackend(entry, listener, probeAddressOf(edge, listener)),
            ]),
        ]),
    ];
    const structure = createHash("sha256").update(globals(policy, "")).update(sections.join("\n")).digest("hex");
    return withSlots([globals(policy, structure.slice(0, 16)), ...sections].join("\n"), slots);
}

function withWaits(numbers: EdgePolicy, waits: EdgeWaits | undefined): EdgePolicy {
    return waits === undefined ? numbers : { ...numbers, ...waits, nameKeepMs: 2 * waits.holdMs };
}

/** The mark of everything in a configuration but its slots; the running edge tells its own by `show env`. */
export function structureOf(text: string): string {
    return /^ {4}setenv PLUMBLINE_STRUCTURE (\S+)$/m.exec(text)?.[1] ?? "unknown";
}

/** The same configuration with other slots. */
export function withSlots(text: string, slots: EdgeSlots): string {
    const lines = text.split("\n");
    const servers = serversIn(lines);
    return lines
        .map((line, index) => {
            const server = servers.get(index);
            if (server === undefined) return line;
            const own = slots[server.entry] ?? emptySlots;
            switch (server.slot) {
                case "hold":
                    return line.replace(/ disabled$/, "") + (isHeld(slots, server.sharing) ? "" : " disabled");
                case "candidate":
                    return serverLine(line, own.candidate, own.candidate !== null);
                default:
                    return serverLine(line, own[server.slot], own.active === server.slot);
            }
        })
        .join("\n");
}

/** The slots that a configuration has: the other way of `withSlots`. */
export function slotsOf(text: string): EdgeSlots {
    const slots: Record<string, ServiceSlots> = {};
    const lines = text.split("\n");
    for (const [index, { entry, slot, part, sharing }] of serversIn(lines)) {
        // What serves probes alone follows the others.
        if (part === "active") continue;
        const line = lines[index] ?? "";
        const own = slots[entry] ?? emptySlots;
        const serves = !line.endsWith(" disabled");
        const [, host] = /^ {4}server \w+ (\S+):\d+/.exec(line) ?? [];
        const container = host === undefined || host === nobody ? null : host;
        if (slot === "hold") {
            for (const name of sharing) slots[name] = { ...(slots[name] ?? emptySlots), held: serves };
        } else if (slot === "candidate") {
            slots[entry] = { ...own, candidate: serves ? container : null };
        } else {
            slots[entry] = { ...own, [slot]: container, active: serves ? slot : own.active };
        }
    }
    return slots;
}

/** The slots of a configuration by the number of their line, each with all entries that have one in the same backend. */
function serversIn(lines: readonly string[]): Map<number, ServerPlace & { readonly sharing: readonly string[] }> {
    const found = new Map<number, ServerPlace & { readonly sharing: readonly string[] }>();
    let backend = "";
    let sharing: string[] = [];
    for (const [index, line] of lines.entries()) {
        const [, section, name = ""] = /^(\w+) (\S+)/.exec(line) ?? [];
        if (section !== undefined) {
            backend = section === "backend" ? name : "";
            sharing = [];
        }
        const [, server = ""] = /^ {4}server (\w+) /.exec(line) ?? [];
        const place = placeOfServer(backend, server);
        if (place === undefined) continue;
        if (place.slot === "a") sharing.push(place.entry);
        found.set(index, { ...place, sharing });
    }
    return found;
}

/** Who serves is looked up while HAProxy starts, so that a reload has no moment without an address. */
function serverLine(line: string, container: string | null, serves: boolean): string {
    return line
        .replace(/^( {4}server \w+) \S+:(\d+) /, `$1 ${container ?? nobody}:$2 `)
        .replace(/ init-addr .*$/, serves ? " init-addr libc,none" : " init-addr none disabled");
}

function globals(policy: EdgePolicy, structure: string): string {
    return `# Written by Plumbline. Slots change while it runs; everything else changes by a reload.
global
    setenv PLUMBLINE_STRUCTURE ${structure}
    stats socket /run/haproxy/admin.sock mode 600 level admin
    log stdout format raw local0
    maxconn ${policy.maxConnections}
    hard-stop-after ${policy.reloadKeepMs}ms
`;
}

function defaults(policy: EdgePolicy): string {
    return `defaults tcp
    mode tcp
    log global
    option dontlog-normal
    option dontlognull
    option redispatch 1
    option clitcpka
    option srvtcpka
    timeout connect ${policy.connectMs}ms
    timeout queue ${policy.holdMs}ms
    timeout client ${policy.tcpIdleMs}ms
    timeout server ${policy.tcpIdleMs}ms

# Connections to a service are not reused: one that its server closes at this moment would cost a request. A request whose
# client has gone is not passed on: it may have been sent again. (In TCP it is: to say all and close is to be heard.)
# After a reload a kept connection gets one more answer, which tells its client to close it.
defaults http
    mode http
    log global
    option dontlog-normal
    option dontlognull
    option redispatch 1
    option abortonclose
    option http-server-close
    option idle-close-on-response
    option forwardfor
    http-reuse never
    timeout connect ${policy.connectMs}ms
    timeout queue ${policy.requestWaitMs}ms
    timeout http-request ${policy.requestHeadMs}ms
    timeout client ${policy.httpIdleMs}ms
    timeout server ${policy.httpIdleMs}ms
    timeout tunnel ${policy.tcpIdleMs}ms
`;
}

/** The engine's own DNS. A changed address counts at once; a name that is away keeps its last one for a while. */
function resolvers(name: string, keepMs: number): string {
    return `resolvers ${name}
    nameserver engine 127.0.0.11:53
    resolve_retries 3
    timeout resolve 500ms
    timeout retry 500ms
    hold valid 1s
    hold obsolete 0s
    hold nx ${keepMs}ms
    hold other ${keepMs}ms
    hold refused ${keepMs}ms
    hold timeout ${keepMs}ms
`;
}

/**
 * Slots a and b of every replica, and `hold`: a closed port, so that a connection that it gets waits and tries again.
 *
 * Several replicas share what comes, and a connection that one does not take goes to another at once. That one is left out
 * until it takes connections again; when all are, `wait` is what remains, a closed port too: otherwise all the tries of a
 * request would be over in a moment.
 */
function backend(listener: Listener, policy: EdgePolicy): string {
    const { service, port, protocol, kind } = listener;
    const waitMs = kind === "request" ? policy.requestWaitMs : policy.holdMs;
    const retries = Math.max(1, Math.round(waitMs / policy.connectMs));
    const again =
        protocol === "tcp"
            ? ""
            : `    retry-on conn-failure empty-response
    http-request disable-l7-retry unless { method GET HEAD OPTIONS }
`;
    const entries = entriesOf(listener);
    const balance = entries.length === 1 ? "" : `    balance ${protocol === "http" ? "roundrobin" : "leastconn"}\n`;
    const watched = entries.length > 1 && kind === "request";
    const check = watched
        ? ` check inter ${policy.replicaCheckMs}ms fall 1 rise 1 observe layer4 error-limit 1 on-error mark-down`
        : "";
    const servers = entries.flatMap((_, index) =>
        ["a", "b"].map((slot) => `    server ${slot}${index === 0 ? "" : index + 1} ${emptySlot(listener, check)}\n`),
    );
    return `backend ${backendName(service, port)} from ${protocol}
    retries ${retries}
${balance}${again}${servers.join("")}    server hold 127.0.0.1:9 disabled
${watched ? "    server wait 127.0.0.1:9 backup\n" : ""}`;
}

function emptySlot({ port, kind }: Listener, check = ""): string {
    return `${nobody}:${port} resolvers ${resolversFor(kind)} resolve-prefer ipv4${check} init-addr none disabled`;
}

function candidateBackend(entry: string, listener: Listener): string {
    return `backend ${backendName(entry, listener.port)}_candidate from tcp
    retries 1
    server candidate ${emptySlot(listener)}
`;
}

/** A probe of the active service goes through the very listener that clients use; one of several replicas is asked itself. */
function activeProbeBackend(entry: string, listener: Listener, address: string): string {
    const name = `${backendName(entry, listener.port)}_active`;
    if (entriesOf(listener).length === 1) {
        return `backend ${name} from tcp
    retries 1
    server edge ${address}:${listener.port}
`;
    }
    return `backend ${name} from tcp
    retries 1
    server a ${emptySlot(listener)}
    server b ${emptySlot(listener)}
`;
}

function resolversFor(kind: Listener["kind"]): string {
    return kind === "request" ? "docker" : "docker_held";
}

function refuseWhatCannotBeToldApart(edge: EdgeRelease, ranges: NetworkRanges): void {
    const unknown = edge.networks.find(({ network }) => ranges[network] === undefined);
    if (edge.networks.length > 1 && unknown !== undefined) {
        throw new Error(`the addresses of network ${unknown.network} are not known: nobody could be kept apart`);
    }
    for (const [index, listener] of edge.listeners.entries()) {
        const { port, protocol, service } = listener;
        const own = networksOf(edge, listener);
        const taken = [
            ...(port === probeListenerPort ? ["the edge's probe listener"] : []),
            ...edge.gateways.filter((one) => one.port === port).map(({ name }) => `gateway ${name}`),
            ...edge.listeners.slice(0, index).flatMap((other) => {
                if (other.port !== port || other.service === service) return [];
                const apart = !networksOf(edge, other).some((network) => own.includes(network));
                return apart && other.protocol === protocol ? [] : [`service ${other.service}`];
            }),
        ];
        if (taken[0] === undefined) continue;
        throw new PlumblineError("baseline", `Port ${port} is used by ${taken[0]} and by service ${service}`, {
            service,
            remedy: "Let one of them listen on another port inside its container; the published port can stay.",
        });
    }
    for (const [index, { port, name }] of edge.gateways.entries()) {
        const other = edge.gateways.slice(0, index).find((one) => one.port === port);
        const owner = port === probeListenerPort ? "the edge's probe listener" : other && `gateway ${other.name}`;
        if (owner === undefined) continue;
        throw new PlumblineError("baseline", `Port ${port} is used by ${owner} and by gateway ${name}`, {
            remedy: "Give the gateway another port.",
        });
    }
    for (const { prefix, service, port } of edge.gateways.flatMap((one) => one.routes)) {
        if (!/^\/[A-Za-z0-9/_.~-]*$/.test(prefix)) {
            throw new PlumblineError("baseline", `The gateway's route ${JSON.stringify(prefix)} is no plain path`, {
                remedy: "Use a path of letters, digits, slashes, dots, dashes and underscores.",
            });
        }
        if (!edge.listeners.some((listener) => listener.service === service && listener.port === port)) {
            throw new PlumblineError(
                "baseline",
                `The gateway's route ${prefix} leads to port ${port}, which ${service} does not have`,
                {
                    service,
                    remedy: "Name the service's port in ports, expose or x-plumbline.ports.",
                },
            );
        }
    }
}
