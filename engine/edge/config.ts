/** The edge's configuration as text, from what the release wants and who stands in which slot. Pure. */

import type { EdgeRelease } from "../../release/types.ts";
import type { EdgeSlots } from "./slots.ts";

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
    /** Longest silence of a request or its answer. */
    readonly httpIdleMs: number;
    /** Longest silence of a TCP connection and of a tunnel, as a websocket. */
    readonly tcpIdleMs: number;
    /** How long the processes before a reload keep their connections. */
    readonly reloadKeepMs: number;
    /** Connections at once. */
    readonly maxConnections: number;
}

export const defaultEdgePolicy: EdgePolicy = {
    connectMs: 250,
    holdMs: 30_000,
    requestWaitMs: 5_000,
    httpIdleMs: 300_000,
    tcpIdleMs: 86_400_000,
    reloadKeepMs: 15_000,
    maxConnections: 4_096,
};

/**
 * The text of haproxy.cfg.
 *
 * @throws PlumblineError `baseline` for what one edge cannot tell apart: two services on one port, several networks
 */
export function renderEdgeConfig(
    _edge: EdgeRelease,
    _slots: EdgeSlots,
    _policy: EdgePolicy = defaultEdgePolicy,
): string {
    throw new Error("not yet");
}
