/** A short load on one HTTP address of a service, in an open model: requests leave on time, whatever became of the others. */
import type { ProbeTarget } from "../../engine/edge/probe-socket.ts";
import { requestThroughEdge } from "../../engine/http.ts";
import { sleep } from "../../engine/retry.ts";

export interface LoadOptions {
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    /** The status that counts as answered. */
    readonly expectStatus: number;
    /** Requests a second. */
    readonly rate: number;
    readonly durationMs: number;
    /** A request without an answer by then has failed. */
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
}

/** What the load saw. Times in milliseconds; null where no request was answered. */
export interface LoadResult {
    readonly sent: number;
    readonly failed: number;
    /** Answered rightly, a second. */
    readonly throughput: number;
    readonly medianMs: number | null;
    readonly p95Ms: number | null;
    /** The first failure in words. */
    readonly firstFailure: string | null;
}

/** Sends the load through the edge's probe listener, each request on a connection of its own. */
export async function runLoad(target: ProbeTarget, options: LoadOptions): Promise<LoadResult> {
    const count = Math.max(1, Math.round((options.rate * options.durationMs) / 1000));
    const begun = performance.now();
    const times: number[] = [];
    let firstFailure: string | null = null;
    const one = async (): Promise<void> => {
        const sent = performance.now();
        try {
            const request = { method: "GET", path: options.path, headers: options.headers };
            const answer = await requestThroughEdge(target, request, options.timeoutMs);
            if (answer.status !== options.expectStatus) throw new Error(`answered ${answer.status}`);
            times.push(performance.now() - sent);
        } catch (error) {
            firstFailure ??= error instanceof Error ? error.message : String(error);
        }
    };
    const running: Promise<void>[] = [];
    for (let index = 0; index < count; index += 1) {
        await sleep(Math.max(0, begun + (index * 1000) / options.rate - performance.now()), options.signal);
        running.push(one());
    }
    await Promise.all(running);
    // At an exact rate the last request leaves one interval before the end: the interval belongs to the time it took.
    const seconds = Math.max(options.durationMs, performance.now() - begun) / 1000;
    const sorted = times.sort((a, b) => a - b);
    return {
        sent: count,
        failed: count - sorted.length,
        throughput: sorted.length / seconds,
        medianMs: quantile(sorted, 0.5),
        p95Ms: quantile(sorted, 0.95),
        firstFailure,
    };
}

/** The value below which this share of the sorted values lies; null of none. */
export function quantile(sorted: readonly number[], share: number): number | null {
    return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? null;
}
