/** `ports.auto`: a port that somebody else has is moved to a free one, and stays there over later deploys. */

import { hostPorts, movePorts, withMovedPorts } from "../release/ports.ts";
import type { Settings } from "../release/settings.ts";
import type { Release } from "../release/types.ts";
import { isTaken } from "../validation/preflight/checks/ports.ts";
import type { Look } from "../validation/preflight/look.ts";
import { portFacts } from "../validation/preflight/ports.ts";
import type { Ledger } from "./ledger.ts";

/** The release with its ports where they are free; as it is where the stack does not ask for that, or nobody can tell. */
export async function withFreePorts(
    release: Release,
    { ports }: Pick<Settings, "ports">,
    look: Look,
    ledger: Pick<Ledger, "lastRelease">,
): Promise<Release> {
    if (!ports.auto || !look.reached) return release;
    const wanted = hostPorts(release);
    const last = await ledger.lastRelease();
    const near = wanted.flatMap((use) => Array.from({ length: 20 }, (_, step) => ({ ...use, port: use.port + step })));
    const facts = await portFacts(release, look, near);
    const moved = movePorts(wanted, last?.movedPorts ?? [], (hostIp, port) => isTaken(facts, { hostIp, port }));
    return withMovedPorts(release, moved);
}
