/** HTTP to a service through the edge's probe listener. */

import { type Dispatcher, request } from "undici";
import { type ProbeTarget, probeAgent } from "./edge/probe-socket.ts";

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
    target: ProbeTarget,
    { method, path, headers, body }: HttpRequest,
    timeoutMs: number,
): Promise<HttpAnswer> {
    const agent = probeAgent(target, timeoutMs);
    try {
        const answer = await request(`http://${target.service}:${target.servicePort}${path}`, {
            method: method as Dispatcher.HttpMethod,
            headers: { ...headers },
            ...(body === undefined ? {} : { body }),
            dispatcher: agent,
            signal: AbortSignal.timeout(timeoutMs),
        });
        const text = await answer.body.text();
        return { status: answer.statusCode, headers: flatten(answer.headers), body: text, json: parseJson(text) };
    } finally {
        await agent.destroy();
    }
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
    return Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")]),
    );
}

function parseJson(text: string): unknown {
    try {
        return JSON.parse(text);
    } catch {
        return undefined;
    }
}
