/** Collects who has which host port: containers by the engine, processes by this machine. */
import { networkInterfaces } from "node:os";
import { listeningSockets, socketOwners } from "../../engine/listening.ts";
import { type HostPort, hostPorts } from "../../release/ports.ts";
import type { Release } from "../../release/types.ts";
import { known, unknown } from "../facts/fact.ts";
import { listenerOf, type PortFacts, publishedBy } from "./checks/ports.ts";
import type { EngineLook } from "./look.ts";
import { described, isOwn } from "./ours.ts";

/** @param wanted whose owners are looked for, where somebody has them */
export async function portFacts(release: Release, look: EngineLook, wanted = hostPorts(release)): Promise<PortFacts> {
    const published = look.containers.flatMap((container) =>
        container.ports.map(({ hostIp, port }) => ({
            hostIp,
            port,
            isOwn: isOwn(container.labels, release),
            owner: described(container),
        })),
    );
    if (!look.isHere) {
        const reason = `the engine is on another machine (${look.info.machine})`;
        return { published, listening: unknown(reason), owners: new Map() };
    }
    const facts: PortFacts = {
        published,
        listening: known(await listeningSockets(wanted)),
        owners: new Map(),
        addresses: Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)),
    };
    return { ...facts, owners: await socketOwners(inTheWay(facts, wanted)) };
}

/** Sockets of ports that no container has: only their processes are worth a search. */
function inTheWay(facts: PortFacts, wanted: readonly HostPort[]): number[] {
    return wanted
        .filter((use) => publishedBy(facts, use) === undefined)
        .flatMap((use) => listenerOf(facts, use)?.inode ?? []);
}
