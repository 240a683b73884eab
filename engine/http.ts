/** HTTP to a service: through the edge's probe listener, or at the address that it is published on. */

import type { Agent, Dispatcher } from "undici";
import { type ProbeTarget, probeAgent } from "./edge/probe-socket.ts";
import type { PublishedAddress } from "./published.ts";

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

/** Loads what the first request needs. For whoever has a moment before it; the request itself does it too. */
export async function loadHttp(): Promise<void> {
    await import("undici");
}

/** One request on a connection of its own. Throws what undici throws when there is no answer in time. */
export async function requestThroughEdge(
    target: ProbeTarget,
    asked: HttpRequest,
    timeoutMs: number,
): Promise<HttpAnswer> {
    return ask(await probeAgent(target, timeoutMs), `${target.service}:${target.servicePort}`, asked, timeoutMs);
}

/** The same as a client outside, without the edge's own listener. */
export async function requestAt(
    { host, port }: PublishedAddress,
    asked: HttpRequest,
    timeoutMs: number,
): Promise<HttpAnswer> {
    const { Agent } = await import("undici");
    const agent = new Agent({ headersTimeout: timeoutMs, bodyTimeout: timeoutMs, pipelining: 0 });
    return ask(agent, `${host}:${port}`, asked, timeoutMs);
}

async function ask(
    agent: Agent,
    authority: string,
    { method, path, headers, body }: HttpRequest,
    timeoutMs: number,
): Promise<HttpAnswer> {
    const { request } = await import("undici");
    try {
        const answer = await request(`http://${authority}${path}`, {
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
