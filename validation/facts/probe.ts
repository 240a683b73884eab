/** Asking a service whether it is ready, through the edge, with an answer that proves it (R32). */

import type { Socket } from "node:net";
import { isEdgeUnreachable, openProbeSocket, type ProbeTarget } from "../../engine/edge/probe-socket.ts";
import { requestThroughEdge } from "../../engine/http.ts";
import { withPostgres } from "../../engine/postgres.ts";
import { withRedis } from "../../engine/redis.ts";
import type { Probe } from "../../release/types.ts";
import { describeExpectation, judgeAnswer } from "./probe-answer.ts";

/** Longest time for one question, in milliseconds: R91 lets a request wait 5 s. */
export const probeTimeoutMs = 5_000;

/** Whom to ask: the probe listener's address and the service; each probe brings its own port. */
export interface ProbeSubject extends Omit<ProbeTarget, "servicePort"> {
    /** The revision that the answer must carry where the probe asks for one. */
    readonly revision: string;
}

/** One answer. `inconclusive`: the question could not be put (the edge itself was not reached), so it says nothing. */
export interface ProbeResult {
    readonly result: "pass" | "fail" | "inconclusive";
    readonly ms: number;
    /** What was asked, as in `http GET /health on 8000`. */
    readonly probe: string;
    readonly expected: string;
    readonly actual: string;
}

/** What a question found: nothing wrong, or what was found instead of the expected. */
interface Verdict {
    readonly passed: boolean;
    readonly actual: string;
}

/** Puts one question. Never throws: what goes wrong is the result. The probe's secrets are already substituted. */
export async function runProbe(probe: Probe, subject: ProbeSubject, timeoutMs: number): Promise<ProbeResult> {
    const target: ProbeTarget = { ...subject, servicePort: probe.port };
    const start = performance.now();
    const finish = (result: ProbeResult["result"], actual: string): ProbeResult => ({
        result,
        ms: Math.round((performance.now() - start) * 10) / 10,
        probe: describeProbe(probe),
        expected: describeExpected(probe, subject.revision),
        actual,
    });
    try {
        const { passed, actual } = await ask(probe, target, subject.revision, timeoutMs);
        return finish(passed ? "pass" : "fail", actual);
    } catch (error) {
        return finish(isEdgeUnreachable(error) ? "inconclusive" : "fail", `no answer: ${reason(error)}`);
    }
}

function ask(probe: Probe, target: ProbeTarget, revision: string, timeoutMs: number): Promise<Verdict> {
    switch (probe.type) {
        case "http":
            return askHttp(probe, target, revision, timeoutMs);
        case "postgres":
            return askPostgres(probe, target, timeoutMs);
        case "redis":
            return askRedis(probe, target, timeoutMs);
        case "tcp":
            return askTcp(target, timeoutMs);
    }
}

async function askHttp(
    probe: Extract<Probe, { type: "http" }>,
    target: ProbeTarget,
    revision: string,
    timeoutMs: number,
): Promise<Verdict> {
    const request = { method: "GET", path: probe.path, headers: probe.headers };
    return judgeAnswer(await requestThroughEdge(target, request, timeoutMs), probe.expect, revision);
}

/** A query that touches the catalogue on disk, and the one state in which Postgres answers but takes no writes. */
async function askPostgres(
    probe: Extract<Probe, { type: "postgres" }>,
    target: ProbeTarget,
    timeoutMs: number,
): Promise<Verdict> {
    return withPostgres(target, probe, timeoutMs, async (client) => {
        const answer = await client.query<{ database: string; recovering: boolean }>(
            "select datname as database, pg_is_in_recovery() as recovering from pg_database where datname = current_database()",
        );
        const [row] = answer.rows;
        if (row === undefined) return { passed: false, actual: "the catalogue does not name the database" };
        if (row.recovering) return { passed: false, actual: "in recovery: takes no writes" };
        return { passed: true, actual: `database ${row.database} answers` };
    });
}

/** Redis answers PING before its data is loaded; INFO says when it is. */
async function askRedis(
    probe: Extract<Probe, { type: "redis" }>,
    target: ProbeTarget,
    timeoutMs: number,
): Promise<Verdict> {
    return withRedis(target, probe.password, timeoutMs, async (client) => {
        const pong = await client.ping();
        const loading = /^loading:(\d)/m.exec(await client.info("persistence"))?.[1] ?? "unknown";
        return { passed: pong === "PONG" && loading === "0", actual: `${pong}, loading:${loading}` };
    });
}

/** How long a connection must stay open to count: the edge closes one at once when nobody is behind it. */
const openForMs = 300;

async function askTcp(target: ProbeTarget, timeoutMs: number): Promise<Verdict> {
    const socket = await openProbeSocket(target, timeoutMs);
    try {
        return (await staysOpen(socket, Math.min(openForMs, timeoutMs)))
            ? { passed: true, actual: "the connection is accepted" }
            : { passed: false, actual: "the connection is closed at once" };
    } finally {
        socket.destroy();
    }
}

function staysOpen(socket: Socket, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(true), ms);
        const closed = () => {
            clearTimeout(timer);
            resolve(false);
        };
        // A service that speaks first is there.
        socket.once("data", () => {
            clearTimeout(timer);
            resolve(true);
        });
        socket.once("end", closed);
        socket.once("close", closed);
    });
}

function describeProbe(probe: Probe): string {
    return probe.type === "http" ? `http GET ${probe.path} on ${probe.port}` : `${probe.type} on ${probe.port}`;
}

function describeExpected(probe: Probe, revision: string): string {
    switch (probe.type) {
        case "http":
            return describeExpectation(probe.expect, revision);
        case "postgres":
            return `database ${probe.database} answers`;
        case "redis":
            return "PONG, loading:0";
        case "tcp":
            return "the connection is accepted";
    }
}

/** The innermost reason: clients wrap it in words that say nothing. */
function reason(error: unknown): string {
    if (error instanceof AggregateError && error.errors.length > 0) return reason(error.errors[0]);
    if (error instanceof Error) return error.cause === undefined ? error.message || error.name : reason(error.cause);
    return String(error);
}

export { type Proof, type ProveOptions, proveReady } from "./probe-until.ts";
