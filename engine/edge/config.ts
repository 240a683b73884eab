/** The edge's configuration as text, from what the release wants and who stands in which slot. Pure. */

import { createHash } from "node:crypto";
import { PlumblineError } from "../../release/errors.ts";
import { entriesOf } from "../../release/replicas.ts";
import type { EdgeRelease, Gateway, Listener } from "../../release/types.ts";
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

/** Container port of the probe listener. */
export const probeListenerPort = 19_000;

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
    /** How long a name that does not resolve keeps its last address, for services that are away during a hand-over. */
    readonly nameKeepMs: number;
    /** How long the processes before a reload keep their connections. */
    readonly reloadKeepMs: number;
    /** Connections at once. */
    readonly maxConnections: number;
}

export const defaultEdgePolicy: EdgePolicy = {
    connectMs: 250,
    holdMs: 30_000,
    requestWaitMs: 5_000,
    requestHeadMs: 30_000,
    httpIdleMs: 300_000,
    tcpIdleMs: 86_400_000,
    replicaCheckMs: 500,
    nameKeepMs: 60_000,
    reloadKeepMs: 15_000,
    maxConnections: 4_096,
};

/**
 * The text of haproxy.cfg.
 *
 * @throws PlumblineError `baseline` for what one edge cannot tell apart: two services on one port, several networks
 */
export function renderEdgeConfig(edge: EdgeRelease, slots: EdgeSlots, policy: EdgePolicy = defaultEdgePolicy): string {
    refuseWhatCannotBeToldApart(edge);
    const sections = [
        defaults(policy),
        resolvers("docker", policy.requestWaitMs),
        resolvers("docker_held", policy.nameKeepMs),
        ...edge.listeners.map(frontend),
        ...edge.gateways.map(gateway),
        probeFrontend(edge.listeners),
        ...edge.listeners.flatMap((listener) => [
            backend(listener, policy),
            ...entriesOf(listener).flatMap((entry) => [
                candidateBackend(entry, listener),
                activeProbeBackend(entry, listener),
            ]),
        ]),
    ];
    const structure = createHash("sha256").update(globals(policy, "")).update(sections.join("\n")).digest("hex");
    return withSlots([globals(policy, structure.slice(0, 16)), ...sections].join("\n"), slots);
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

# Connections to a service are not reused: one that its server closes at this moment would cost a request.
defaults http
    mode http
    log global
    option dontlog-normal
    option dontlognull
    option redispatch 1
    option http-server-close
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

function frontend(listener: Listener): string {
    const name = backendName(listener.service, listener.port);
    return `frontend in_${name} from ${listener.protocol}
    bind :${listener.port}
    default_backend ${name}
`;
}

const methods = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS";

/** Routes by path, longest prefix first; answers preflights itself; `apikey` stands in for a missing `Authorization`. */
function gateway(gateway: Gateway): string {
    const routes = [...gateway.routes].sort((left, right) => right.prefix.length - left.prefix.length);
    const open = "!{ var(txn.route) -m found }";
    const choose = routes.map(({ prefix }, index) => {
        const path = prefix.replace(/\/$/, "");
        const exact = path === "" ? "" : ` ${open} { path ${path} } or`;
        return `    http-request set-var(txn.route) int(${index + 1}) if${exact} ${open} { path_beg ${path}/ }`;
    });
    const act = routes.flatMap(({ prefix, stripPrefix, service, port }, index) => {
        const when = `if { var(txn.route) -m int ${index + 1} }`;
        const path = prefix.replace(/\/$/, "");
        const cut = [
            `    http-request set-header X-Forwarded-Prefix ${path} ${when}`,
            `    http-request replace-path ^${path.replaceAll(".", "[.]")}/?(.*) /\\1 ${when}`,
        ];
        return [...(stripPrefix ? cut : []), `    use_backend ${backendName(service, port)} ${when}`];
    });
    const requests = act.filter((line) => line.startsWith("    http-request"));
    const backends = act.filter((line) => line.startsWith("    use_backend"));
    return `frontend gateway_${gateway.name} from http
    bind :${gateway.port}
    http-request set-var(txn.origin) req.hdr(origin)
    http-after-response set-header Access-Control-Allow-Origin * if { var(txn.origin) -m found }
    http-after-response set-header Access-Control-Expose-Headers * if { var(txn.origin) -m found }
    http-request return status 204 hdr Access-Control-Allow-Methods ${methods} hdr Access-Control-Allow-Headers %[req.fhdr(access-control-request-headers)] hdr Access-Control-Max-Age 3600 if METH_OPTIONS { var(txn.origin) -m found } { req.hdr(access-control-request-headers) -m found }
    http-request return status 204 hdr Access-Control-Allow-Methods ${methods} hdr Access-Control-Max-Age 3600 if METH_OPTIONS { var(txn.origin) -m found } { req.hdr(access-control-request-method) -m found }
${choose.join("\n")}
    http-request return status 404 content-type application/json string '{"message":"no route matches this path"}' unless { var(txn.route) -m found }
    http-request set-header Authorization "Bearer %[req.fhdr(apikey)]" if { req.hdr(apikey) -m found } !{ req.hdr(authorization) -m found }
${[...requests, ...backends].join("\n")}
`;
}

/** One port for every probe: the client names whom it wants in the authority of its PROXY header. */
function probeFrontend(listeners: readonly Listener[]): string {
    const probed = listeners.flatMap((listener) =>
        entriesOf(listener).map((entry) => ({ entry, port: listener.port })),
    );
    const rules = probed.flatMap(({ entry, port }) =>
        (["active", "candidate"] as const).map(
            (role) =>
                `    use_backend ${backendName(entry, port)}_${role} if { fc_pp_authority -m str ${role}.${entry}.${port} }`,
        ),
    );
    const known = probed
        .flatMap(({ entry, port }) => [`active.${entry}.${port}`, `candidate.${entry}.${port}`])
        .map((authority) => `    acl known fc_pp_authority -m str ${authority}`);
    return `frontend probe from tcp
    bind :${probeListenerPort} accept-proxy
${known.join("\n")}
    tcp-request content reject${known.length === 0 ? "" : " unless known"}
${rules.join("\n")}
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
function activeProbeBackend(entry: string, listener: Listener): string {
    const name = `${backendName(entry, listener.port)}_active`;
    if (entriesOf(listener).length === 1) {
        return `backend ${name} from tcp
    retries 1
    server edge 127.0.0.1:${listener.port}
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

function refuseWhatCannotBeToldApart(edge: EdgeRelease): void {
    // The place for a bind per network address, when services of several networks are to be kept apart.
    if (edge.networks.length > 1) {
        const names = edge.networks.map(({ network }) => network).join(", ");
        throw new PlumblineError("baseline", `The services use several networks (${names}); the edge serves one`, {
            remedy: "Put the services of docker-compose.yml on one network.",
        });
    }
    const owners = new Map<number, string>([[probeListenerPort, "the edge's probe listener"]]);
    const claims = [
        ...edge.listeners.map(({ port, service }) => ({ port, owner: `service ${service}`, service })),
        ...edge.gateways.map(({ port, name }) => ({ port, owner: `gateway ${name}`, service: undefined })),
    ];
    for (const { port, owner, service } of claims) {
        const other = owners.get(port);
        if (other !== undefined && other !== owner) {
            throw new PlumblineError("baseline", `Port ${port} is used by ${other} and by ${owner}`, {
                ...(service === undefined ? {} : { service }),
                remedy: "Let one of them listen on another port inside its container; the published port can stay.",
            });
        }
        owners.set(port, owner);
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
