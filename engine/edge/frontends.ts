/** The side of the edge's configuration that clients see: who may ask at which port, and whose backend answers. Pure. */

import { probeListenerPort } from "../../release/probe-address.ts";
import { entriesOf } from "../../release/replicas.ts";
import type { EdgeRelease, Gateway, Listener } from "../../release/types.ts";
import { type NetworkRanges, networksOf } from "./ranges.ts";
import { backendName } from "./slots.ts";

/** Every frontend: one for each port of services, for each published port that leads to another one, gateway, and the probes. */
export function frontends(edge: EdgeRelease, ranges: NetworkRanges): string[] {
    const ports = [...new Set(edge.listeners.map(({ port }) => port))];
    return [
        ...ports.map((port) => portFrontend(sharing(edge, port), edge, ranges)),
        ...edge.listeners.flatMap((listener) => publishedFrontend(listener, edge, ranges)),
        ...edge.gateways.map((gateway) => gatewayFrontend(gateway, edge, ranges)),
        probeFrontend(edge, ranges),
    ];
}

/** Where inside the edge a probe of the active service asks: a port that services share has a loopback address for each. */
export function probeAddressOf(edge: EdgeRelease, { service, port }: Pick<Listener, "service" | "port">): string {
    const all = sharing(edge, port);
    return all.length === 1 ? "127.0.0.1" : `127.0.1.${1 + all.findIndex((one) => one.service === service)}`;
}

function sharing(edge: EdgeRelease, port: number): Listener[] {
    return edge.listeners.filter((listener) => listener.port === port);
}

/**
 * The services of one port. Who asks is told by the network that the address belongs to; one service is the default: the
 * only one, or the one whose published port leads here.
 */
function portFrontend(all: readonly Listener[], edge: EdgeRelease, ranges: NetworkRanges): string {
    const [first, ...others] = all;
    if (first === undefined) return "";
    const fallback = others.length === 0 ? first : all.find(({ published }) => published && !published.inside);
    const chosen = all.filter((listener) => listener !== fallback);
    const acls = chosen.flatMap((listener) => [
        `    acl asks_${listener.service} src ${subnetsOf(networksOf(edge, listener), ranges).join(" ")}`,
        `    acl asks_${listener.service} dst ${probeAddressOf(edge, listener)}`,
    ]);
    const names = chosen.map(({ service }) => `asks_${service}`);
    const reached = new Set(all.flatMap((listener) => networksOf(edge, listener)));
    const door =
        fallback === undefined
            ? [...acls, `    tcp-request connection reject unless ${names.join(" || ")}`]
            : [...acls, ...closedTo(othersThan([...reached], edge), ranges)];
    // What is published comes from the host's address on one of the networks: it is meant for the default.
    const host = gatewaysOf(edge.networks, ranges);
    const notHost = fallback === undefined || host.length === 0 ? "" : ` !{ src ${host.join(" ")} }`;
    return [
        `frontend in_${others.length === 0 ? `${first.service}_` : ""}${first.port} from ${first.protocol}`,
        `    bind :${first.port}`,
        ...door,
        ...chosen.map(
            ({ service, port }) => `    use_backend ${backendName(service, port)} if asks_${service}${notHost}`,
        ),
        ...(fallback === undefined ? [] : [`    default_backend ${backendName(fallback.service, fallback.port)}`]),
        "",
    ].join("\n");
}

/** A published port that leads to a port of its own, since its listener's is shared. */
function publishedFrontend(listener: Listener, edge: EdgeRelease, ranges: NetworkRanges): string[] {
    const { service, port, protocol, published } = listener;
    if (published?.inside === undefined) return [];
    return [
        [
            `frontend published_${service}_${port} from ${protocol}`,
            `    bind :${published.inside}`,
            ...closedTo(othersThan(networksOf(edge, listener), edge), ranges),
            `    default_backend ${backendName(service, port)}`,
            "",
        ].join("\n"),
    ];
}

function othersThan(networks: readonly string[], edge: EdgeRelease): EdgeRelease["networks"] {
    return edge.networks.filter(({ network }) => !networks.includes(network));
}

/** Turns services of these networks away. The host's own addresses there may ask: what is published comes from them. */
function closedTo(networks: EdgeRelease["networks"], ranges: NetworkRanges): string[] {
    const subnets = subnetsOf(
        networks.map(({ network }) => network),
        ranges,
    );
    if (subnets.length === 0) return [];
    const host = gatewaysOf(networks, ranges);
    return [
        `    acl foreign src ${subnets.join(" ")}`,
        ...(host.length === 0 ? [] : [`    acl host src ${host.join(" ")}`]),
        `    tcp-request connection reject if foreign${host.length === 0 ? "" : " !host"}`,
    ];
}

function subnetsOf(networks: readonly string[], ranges: NetworkRanges): string[] {
    return networks.flatMap((network) => ranges[network]?.subnets ?? []);
}

function gatewaysOf(networks: EdgeRelease["networks"], ranges: NetworkRanges): string[] {
    return networks.flatMap(({ network }) => ranges[network]?.gateways ?? []);
}

const methods = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS";

/**
 * Routes by path, longest prefix first; answers preflights itself; `apikey` stands in for a missing `Authorization`. It is
 * for clients outside, and for services that may reach everything that it leads to.
 */
function gatewayFrontend(gateway: Gateway, edge: EdgeRelease, ranges: NetworkRanges): string {
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
        // Of the route for everything there is nothing to cut.
        return [...(stripPrefix && path !== "" ? cut : []), `    use_backend ${backendName(service, port)} ${when}`];
    });
    const requests = act.filter((line) => line.startsWith("    http-request"));
    const backends = act.filter((line) => line.startsWith("    use_backend"));
    return `frontend gateway_${gateway.name} from http
    bind :${gateway.port}
${closedTo(othersThan(networksOfAll(gateway, edge), edge), ranges)
    .map((line) => `${line}\n`)
    .join("")}    http-request set-var(txn.origin) req.hdr(origin)
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

/** The networks on which every service stands that the gateway leads to. */
function networksOfAll(gateway: Gateway, edge: EdgeRelease): string[] {
    const routed = gateway.routes.flatMap(({ service, port }) =>
        edge.listeners.filter((listener) => listener.service === service && listener.port === port),
    );
    return edge.networks
        .map(({ network }) => network)
        .filter((network) => routed.every((listener) => networksOf(edge, listener).includes(network)));
}

/** One port for every probe: the client names whom it wants in the authority of its PROXY header. Not for services. */
function probeFrontend(edge: EdgeRelease, ranges: NetworkRanges): string {
    const probed = edge.listeners.flatMap((listener) =>
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
    return [
        "frontend probe from tcp",
        `    bind :${probeListenerPort} accept-proxy`,
        ...closedTo(edge.networks, ranges),
        ...known,
        `    tcp-request content reject${known.length === 0 ? "" : " unless known"}`,
        ...rules,
        "",
    ].join("\n");
}
