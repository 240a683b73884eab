/** The addresses of the edge's networks: by them it tells who asks. They differ from machine to machine, so no release holds them. */

import { PlumblineError } from "../../release/errors.ts";
import type { EdgeRelease, Listener } from "../../release/types.ts";
import type { Engine, NetworkFacts } from "../docker.ts";

/** Network name to its ranges, and to the host's own addresses in them. */
export type NetworkRanges = Readonly<Record<string, Pick<NetworkFacts, "subnets" | "gateways">>>;

/** The networks whose services may reach a listener. */
export function networksOf(
    edge: Pick<EdgeRelease, "networks">,
    listener: Pick<Listener, "networks">,
): readonly string[] {
    return listener.networks ?? edge.networks.map(({ network }) => network);
}

/** @throws PlumblineError `engine` for a network that is not there */
export async function networkRanges(
    engine: Pick<Engine, "network">,
    { networks }: Pick<EdgeRelease, "networks">,
): Promise<NetworkRanges> {
    const ranges = networks.map(async ({ network }) => [network, await rangesOf(engine, network)] as const);
    return Object.fromEntries(await Promise.all(ranges));
}

async function rangesOf(engine: Pick<Engine, "network">, name: string): Promise<NetworkRanges[string]> {
    const facts = await engine.network(name);
    if (facts !== undefined && facts.subnets.length > 0) return facts;
    const state = facts === undefined ? "is gone" : "has no IPv4 addresses";
    throw new PlumblineError("engine", `The network ${name} ${state}: the edge cannot tell who asks`, {
        remedy: "Deploy again (npm run deploy), which creates what is missing.",
    });
}
