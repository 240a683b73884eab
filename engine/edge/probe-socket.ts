/** A way to any service, candidate or active, through the edge's one probe listener; with adapters for the clients. */

import type { Socket } from "node:net";

/** Who is to be reached, and where the probe listener is. */
export interface ProbeTarget {
    /** Host address of the probe listener. */
    readonly host: string;
    /** Host port of the probe listener. */
    readonly port: number;
    readonly role: "active" | "candidate";
    readonly service: string;
    /** Port inside the service's container. */
    readonly servicePort: number;
}

/**
 * A connected socket on which the service itself answers: the PROXY v2 header that names it has been sent.
 *
 * @throws PlumblineError `health` when the edge cannot be reached
 */
export async function openProbeSocket(_target: ProbeTarget, _timeoutMs = 5_000): Promise<Socket> {
    throw new Error("not yet");
}
