/** How a service is reached: its networks and names, and its ports, which the edge carries. */
import { baselineName } from "../../release/replicas.ts";
import type { Inspection } from "../facts/container.ts";
import {
    drift,
    equal,
    equalEntries,
    intended,
    type Outcome,
    open,
    own,
    type ParityCheck,
    type Subject,
    shown,
} from "./parity-property.ts";

/** The edge's container carries names and ports: it is the one to make anew. */
function ofEdge(outcome: Outcome): Outcome {
    return { ...outcome, restoredBy: "edge" };
}

export const networks: ParityCheck = {
    knows: { spec: ["networks"], host: ["NetworkMode"] },
    compare(subject) {
        const { service, container, project } = subject;
        const expected = new Map(service.spec.networks.map((attachment) => [attachment.network, attachment]));
        const actual = container.NetworkSettings.Networks;
        const names = [...new Set([...expected.keys(), ...Object.keys(actual)])].sort();
        return [
            mode(subject),
            ...names.flatMap((network): Outcome[] => {
                const path = [
                    "networks",
                    network.startsWith(`${project}_`) ? network.slice(project.length + 1) : network,
                ];
                const wanted = expected.get(network);
                const found = own(actual, network);
                // A container without networks of its own has the engine's.
                if (wanted === undefined && network === "bridge" && expected.size === 0) return [];
                if (wanted === undefined) return [drift(path, "not attached", "attached")];
                if (found === undefined) return [drift(path, "attached", "not attached")];
                return [
                    equal(path, "attached", "attached"),
                    aliases([...path, "aliases"], [baselineName(service), ...wanted.aliases], network, found, subject),
                    ...fixed(path, found),
                ];
            }),
        ];
    },
};

/** `host`, `none` and another container's network are no networks of the baseline. */
function mode({ service, container }: Subject): Outcome {
    const path = ["network_mode"];
    const { NetworkMode: found } = container.HostConfig;
    const names = service.spec.networks.map(({ network }) => network);
    if (names.includes(found)) return equal(path, "its networks", "its networks");
    const ofEngine = ["default", "bridge", ""].includes(found);
    if (!ofEngine) return drift(path, "its networks", found);
    return names.length === 0
        ? equal(path, "the engine's network", "the engine's network")
        : intended(path, "network-of-provider", names[0], found);
}

type Endpoint = Inspection["NetworkSettings"]["Networks"][string];

function aliases(
    path: readonly string[],
    names: readonly string[],
    network: string,
    endpoint: Endpoint,
    { container, edge }: Subject,
): Outcome {
    const expected = [...new Set(names)].sort();
    const found = ownAliases(endpoint, container);
    if (found.length > 0) {
        return drift(path, "none on the container: the edge answers to its names", found);
    }
    if (!edge.known) return open(path, edge.reason);
    const carried = ownAliases(own(edge.value.NetworkSettings.Networks, network), edge.value);
    const missing = expected.filter((name) => !carried.includes(name));
    return missing.length === 0
        ? intended(path, "name-on-edge", expected, `${shown(expected)} on the edge`)
        : ofEdge(drift(path, expected, `the edge does not answer to ${missing.join(", ")}`));
}

/** Without those that the engine gives by itself: the id, the host name, and the container's name. */
export function ownAliases(endpoint: Endpoint | undefined, container: Inspection): string[] {
    const automatic = [container.Id.slice(0, 12), container.Config.Hostname, container.Name.replace(/^\//, "")];
    return [...new Set(endpoint?.Aliases ?? [])].filter((alias) => !automatic.includes(alias)).sort();
}

/** What the baseline cannot say, since two revisions stand side by side. */
function fixed(path: readonly string[], endpoint: Endpoint): Outcome[] {
    const settings: Record<string, unknown> = {
        links: endpoint.Links,
        driver_opts: endpoint.DriverOpts,
        ipam: endpoint.IPAMConfig,
    };
    return Object.entries(settings)
        .filter(([, value]) => value !== null && value !== undefined && Object.keys(value).length > 0)
        .map(([key, value]) => drift([...path, key], "none", value));
}

export const ports: ParityCheck = {
    knows: { host: ["PortBindings", "PublishAllPorts"], config: ["ExposedPorts"] },
    compare(subject) {
        const { service, container, edge, expectedImage, listeners } = subject;
        const insideOf = (target: number) => listeners.find(({ port }) => port === target)?.published?.inside ?? target;
        const published = service.ports.map((port): Outcome => {
            const path = ["ports", String(port.target)];
            const expected = `${port.hostIp}:${port.published}`;
            if (!edge.known) return open(path, edge.reason);
            const found = bindings(edge.value)[`${insideOf(port.target)}/tcp`];
            return found === expected
                ? intended(path, "ports-on-edge", expected, `${found} on the edge`)
                : ofEdge(drift(path, expected, found === undefined ? "not published" : `${found} on the edge`));
        });
        const direct = Object.entries(bindings(container)).map(([port, address]) =>
            drift(["ports", port.replace("/tcp", "")], "published by the edge alone", `${address} on the container`),
        );
        const exposed = expectedImage.known
            ? equalEntries(
                  ["expose"],
                  exposures(expectedImage.value.Config.ExposedPorts),
                  // What is published is exposed by that, and named as published already.
                  exposures(container.Config.ExposedPorts.filter((port) => isUnpublished(port, subject))),
              )
            : [open(["expose"], expectedImage.reason, shown(container.Config.ExposedPorts))];
        return [
            ...published,
            ...direct,
            ...exposed,
            equal(["publish_all_ports"], false, container.HostConfig.PublishAllPorts),
        ];
    },
};

function isUnpublished(port: string, { container, expectedImage }: Subject): boolean {
    const ofImage = expectedImage.known && expectedImage.value.Config.ExposedPorts.includes(port);
    return ofImage || bindings(container)[port] === undefined;
}

function exposures(names: readonly string[]): Record<string, string> {
    return Object.fromEntries(names.map((name) => [name, "exposed"]));
}

/** Container port to the host's addresses: `5432/tcp` to `127.0.0.1:54322`. */
export function bindings(container: Inspection): Record<string, string> {
    return Object.fromEntries(
        Object.entries(container.HostConfig.PortBindings)
            .filter(([, list]) => (list ?? []).length > 0)
            .map(([port, list]) => [
                port,
                (list ?? [])
                    .map(({ HostIp, HostPort }) => `${HostIp || "0.0.0.0"}:${HostPort || "any"}`)
                    .sort()
                    .join(", "),
            ]),
    );
}

export const names: ParityCheck = {
    knows: {
        spec: ["extraHosts", "dns", "dnsSearch", "dnsOptions"],
        host: ["ExtraHosts", "Dns", "DnsSearch", "DnsOptions"],
    },
    compare({ service: { spec }, container: { HostConfig: host } }) {
        const hosts = spec.extraHosts.map(({ host, ip }) => `${host}:${ip}`);
        return [
            equal(["extra_hosts"], [...hosts].sort(), [...host.ExtraHosts].sort()),
            // The first that answers is asked: their order counts.
            equal(["dns"], spec.dns, host.Dns),
            equal(["dns_search"], spec.dnsSearch ?? [], host.DnsSearch),
            equal(["dns_opt"], [...(spec.dnsOptions ?? [])].sort(), [...host.DnsOptions].sort()),
        ];
    },
};
