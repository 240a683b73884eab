/** What the set-up tells while it works: plain lines on standard error, with the time that has passed. */

/** How often a long step says that it is still at work, in milliseconds. */
const heartbeatMs = 15_000;

export function note(text: string): void {
    process.stderr.write(`[set-up] ${text}\n`);
}

/** A duration as a person reads it: `4.2 s`, `3 min 05 s`. */
export function duration(ms: number): string {
    const seconds = ms / 1000;
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    if (seconds < 60) return `${Math.round(seconds)} s`;
    const whole = Math.round(seconds);
    return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** Runs one step, and says every quarter of a minute that it still does. */
export async function withHeartbeat<T>(what: string, work: () => Promise<T>): Promise<T> {
    const begin = Date.now();
    const timer = setInterval(() => note(`… ${what}, ${duration(Date.now() - begin)} so far`), heartbeatMs);
    try {
        return await work();
    } finally {
        clearInterval(timer);
    }
}
