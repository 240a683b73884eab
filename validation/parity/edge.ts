/** Whether the edge carries exactly what the baseline gives to clients: its ports, its networks, its image. Pure. */
import { probeListenerPort } from "../../release/probe-address.ts";
import type { Release } from "../../release/types.ts";
import { bindings, ownAliases } from "../checks/parity-network.ts";
import { drift, equal, type Outcome, open } from "../checks/parity-property.ts";
import type { ContainerEvidence, Inspection } from "../facts/container.ts";

/** What belongs to no single service: the gateways and the probe listener, and everything that is too much. */
export function compareEdge(release: Release, evidence: ContainerEvidence, committedImage?: string): Outcome[] {
    const { container, expectedImage } = evidence;
    if (!container.known) return [open(["(container)"], container.reason)];
    const edge = container.value;
    if (edge === undefined) return [drift(["(container)"], "a container", "missing")];
    const imageId = committedImage ?? (expectedImage.known ? expectedImage.value.Id : undefined);
    return [
        equal(["image"], release.edge.image.reference, edge.Config.Image, "built-image-name"),
        imageId === undefined
            ? open(["image", "id"], expectedImage.known ? "" : expectedImage.reason, edge.Image)
            : equal(["image", "id"], imageId, edge.Image),
        equal(["labels", "plumbline.revision"], release.edge.revision, edge.Config.Labels["plumbline.revision"]),
        ...portsOf(release, edge),
        ...namesOf(release, edge),
        ...powerOf(edge),
    ];
}

function portsOf({ edge: { listeners, gateways, probePort, probeHostIp } }: Release, edge: Inspection): Outcome[] {
    const ofServices = new Set(
        listeners.flatMap(({ port, published }) => (published ? [`${published.inside ?? port}/tcp`] : [])),
    );
    const expected = new Map<string, string>([
        ...gateways.map(({ port, published }) => [`${port}/tcp`, `${published.hostIp}:${published.port}`] as const),
        [`${probeListenerPort}/tcp`, `${probeHostIp}:${probePort}`] as const,
    ]);
    const actual = bindings(edge);
    // The ports of services are findings of these services.
    const ports = [...new Set([...expected.keys(), ...Object.keys(actual)])].filter((port) => !ofServices.has(port));
    return ports.sort().map((port) => equal(["ports", port.replace("/tcp", "")], expected.get(port), actual[port]));
}

function namesOf(release: Release, edge: Inspection): Outcome[] {
    const expected = new Map(release.edge.networks.map(({ network, aliases }) => [network, [...aliases].sort()]));
    const actual = edge.NetworkSettings.Networks;
    return [...new Set([...expected.keys(), ...Object.keys(actual)])].sort().map((network) => {
        const found = Object.hasOwn(actual, network) ? ownAliases(actual[network], edge) : "not attached";
        return equal(["networks", network, "aliases"], expected.get(network) ?? "not attached", found);
    });
}

/** The edge stands between all clients and all services: what it may do is not negotiable. */
function powerOf({ HostConfig: host, Config: config }: Inspection): Outcome[] {
    const user = config.User.split(":")[0] ?? "";
    const root = ["", "0", "root"].includes(user);
    return [
        equal(["user"], "not root", root ? "root" : "not root"),
        equal(["privileged"], false, host.Privileged),
        equal(["read_only"], true, host.ReadonlyRootfs),
        equal(["cap_drop"], ["ALL"], host.CapDrop),
        equal(["cap_add"], [], host.CapAdd),
        equal(["security_opt"], ["no-new-privileges:true"], host.SecurityOpt),
    ];
}
