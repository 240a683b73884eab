/** Waiting, bounded, until nobody is connected to a service any more. */
import type { EdgeControl } from "../../engine/edge/edge.ts";
import { sleep } from "../../engine/retry.ts";

export interface IdleOptions {
    /** Longest wait, in milliseconds. */
    readonly withinMs: number;
    readonly askEveryMs: number;
    readonly signal?: AbortSignal;
}

/** @returns whether nobody is connected; false when the time was up */
export async function awaitIdle(
    edge: Pick<EdgeControl, "sessions">,
    service: string,
    { withinMs, askEveryMs, signal }: IdleOptions,
): Promise<boolean> {
    const end = performance.now() + withinMs;
    for (;;) {
        if ((await edge.sessions(service, "a", "b")) === 0) return true;
        if (performance.now() >= end) return false;
        await sleep(askEveryMs, signal);
    }
}
