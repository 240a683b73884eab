/** HTTP to a service through the edge's probe listener. */

import type { ProbeTarget } from "./edge/probe-socket.ts";

export interface HttpRequest {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Buffer;
}

export interface HttpAnswer {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    /** The body as JSON; undefined when it is none. */
    readonly json: unknown;
}

/** One request on a connection of its own. Throws what undici throws when there is no answer in time. */
export async function requestThroughEdge(
    _target: ProbeTarget,
    _request: HttpRequest,
    _timeoutMs: number,
): Promise<HttpAnswer> {
    throw new Error("not yet");
}
