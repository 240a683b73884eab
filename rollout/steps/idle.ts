/** Waiting, bounded, until nobody is connected any more. */
import type { EdgeControl } from "../../engine/edge/edge.ts";
import { sleep } from "../../engine/retry.ts";

export interface IdleOptions {
    /** Longest wait, in milliseconds. */
    readonly withinMs: number;
    readonly askEveryMs: number;
    readonly signal?: AbortSignal;
}

/** Counts who is connected to a service, in either of its slots. */
export const connectionsTo = (edge: Pick<EdgeControl, "sessions">, service: string) => () =>
    edge.sessions(service, "a", "b");

/**
 * @param connected how many connections are open now
 * @returns how many are open at the end: 0, or what is left when the time is up
 */
export async function awaitIdle(
    connected: () => Promise<number>,
    { withinMs, askEveryMs, signal }: IdleOptions,
): Promise<number> {
    const end = performance.now() + withinMs;
    for (;;) {
        const left = await connected();
        if (left === 0 || performance.now() >= end) return left;
        await sleep(askEveryMs, signal);
    }
}
