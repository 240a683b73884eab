/** Who has the host ports that the edge is to publish. Pure. */
import type { Listening, SocketOwner } from "../../../engine/listening.ts";
import type { HostPort } from "../../../release/ports.ts";
import type { Fact } from "../../facts/fact.ts";
import { fail, inconclusive, type PreflightFinding, pass } from "../finding.ts";

/** A host port that a container of the engine has. */
export interface ContainerPort {
    readonly hostIp: string;
    readonly port: number;
    /** It is this stack's own. */
    readonly isOwn: boolean;
    /** In words, as in `the container web-1`. */
    readonly owner: string;
}

export interface PortFacts {
    readonly published: readonly ContainerPort[];
    /** What listens on the engine's machine; not known where that is another one. */
    readonly listening: Fact<readonly Listening[]>;
    /** Processes of the sockets that are in the way, by socket. */
    readonly owners: ReadonlyMap<number, SocketOwner>;
    /** Addresses of the engine's machine; absent where that is another one. */
    readonly addresses?: readonly string[];
}

type Place = Pick<HostPort, "hostIp" | "port">;

/** Whether somebody else than the stack has it, as far as can be seen. */
export function isTaken(facts: PortFacts, place: Place): boolean {
    if (publishedBy(facts, place)?.isOwn === true) return false;
    return publishedBy(facts, place) !== undefined || listenerOf(facts, place) !== undefined;
}

/** The stack's own container before any other: what listens for it is the engine's, and no stranger. */
export function publishedBy({ published }: PortFacts, place: Place): ContainerPort | undefined {
    const found = published.filter((it) => it.port === place.port && overlap(it.hostIp, place.hostIp));
    return found.find(({ isOwn }) => isOwn) ?? found[0];
}

/** The socket in the way. */
export function listenerOf({ listening }: PortFacts, place: Place): Listening | undefined {
    if (!listening.known) return undefined;
    return listening.value.find((it) => it.port === place.port && overlap(it.hostIp, place.hostIp));
}

/** A socket on all addresses has the port on each; one on `::` usually has it on those of IPv4 too. */
function overlap(a: string, b: string): boolean {
    const everywhere = ["0.0.0.0", "::"];
    return a === b || everywhere.includes(a) || everywhere.includes(b);
}

export function judgePorts(wanted: readonly HostPort[], facts: PortFacts): PreflightFinding[] {
    const findings = wanted.flatMap((use) => judgePort(use, facts));
    const unseen = wanted.filter((use) => publishedBy(facts, use) === undefined);
    if (!facts.listening.known && unseen.length > 0) {
        const ports = unseen.map(({ port }) => port).join(", ");
        findings.push(
            inconclusive({
                check: "ports",
                category: "port-conflict",
                message: `no container of the engine has the ports ${ports}, but whether a process of its machine has one is not known: ${facts.listening.reason}`,
                remedy: "Look there by hand, as with `ss -ltn`.",
            }),
        );
    }
    return findings;
}

function judgePort(use: HostPort, facts: PortFacts): PreflightFinding[] {
    const { user, hostIp, port } = use;
    const about = {
        check: "ports",
        category: "port-conflict",
        ...(user === "probes" || user.startsWith("gateway ") ? {} : { service: user }),
    } as const;
    const needs = `${user === "probes" ? "the probes of the edge need" : `${user} needs`} the port ${hostIp}:${port}`;
    if (facts.addresses !== undefined && !isAddressOf(facts.addresses, hostIp)) {
        const message = `${needs}, and ${hostIp} is no address of this machine`;
        return [
            fail({ ...about, category: "settings", message, remedy: "Correct plumbline:bindAddress of the stack." }),
        ];
    }
    const container = publishedBy(facts, use);
    if (container?.isOwn === true) return [pass("ports", `${needs}, which the stack has already`)];
    const remedy =
        "Stop it, or use other ports: plumbline:ports.offset, or plumbline:ports.auto, which looks for free ones.";
    if (container !== undefined) return [fail({ ...about, message: `${needs}, which ${container.owner} has`, remedy })];
    const socket = listenerOf(facts, use);
    if (socket === undefined) return facts.listening.known ? [pass("ports", `${needs}, which is free`)] : [];
    const owner = facts.owners.get(socket.inode);
    // The engine's own helper, for a container that is just starting or ending: nobody can say yet.
    if (owner?.command.startsWith("docker-proxy")) {
        const message = `${needs}, which the engine holds for a container that it does not list`;
        return [inconclusive({ ...about, message, remedy: "When it stays so, restart the engine." })];
    }
    const who = owner === undefined ? "an unknown process" : `the process ${owner.pid} (${owner.command})`;
    return [fail({ ...about, message: `${needs}, which ${who} has`, remedy })];
}

function isAddressOf(addresses: readonly string[], hostIp: string): boolean {
    return hostIp === "0.0.0.0" || hostIp.startsWith("127.") || addresses.includes(hostIp);
}
