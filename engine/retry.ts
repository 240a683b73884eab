/** Repeating what may fail for a moment (R21): the arithmetic of the waits, and one loop that everybody uses. */

/** How often and how patiently something is repeated. Times in milliseconds. */
export interface RetryPolicy {
    /** Tries in all, the first one included. */
    readonly attempts: number;
    /** Wait before the second try. */
    readonly firstDelayMs: number;
    /** Each further wait is this many times the one before. */
    readonly factor: number;
    /** No wait is longer than this, before jitter. */
    readonly maxDelayMs: number;
    /** Share of a wait that chance may add or take away, 0 to 1, so that many callers do not return at once. */
    readonly jitter: number;
}

/**
 * For calls to an engine that may be away for a moment: about six seconds in all. Only where no release is at hand, which
 * has the stack's own (`plumbline:network`); a test holds it to the defaults of the settings.
 */
export const enginePolicy: RetryPolicy = {
    attempts: 6,
    firstDelayMs: 200,
    factor: 2,
    maxDelayMs: 5_000,
    jitter: 0.3,
};

/**
 * The wait before try number `attempt` (the first repetition is 2), in milliseconds.
 *
 * @param random a number from 0 up to 1, where 0.5 means no jitter
 */
export function delayBefore(attempt: number, policy: RetryPolicy, random: number): number {
    const plain = Math.min(policy.firstDelayMs * policy.factor ** Math.max(0, attempt - 2), policy.maxDelayMs);
    return Math.max(0, Math.round(plain * (1 + policy.jitter * (2 * random - 1))));
}

export interface RetryOptions {
    readonly policy: RetryPolicy;
    /** Whether this error may pass by itself. Anything else is thrown at once. */
    readonly isTransient: (error: unknown) => boolean;
    readonly signal?: AbortSignal;
    readonly random?: () => number;
    /** Told before each wait. */
    readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/** Runs `act` until it succeeds, fails for good, or the tries are used up; then the last error is thrown as it came. */
export async function withRetry<T>(act: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
    const random = options.random ?? Math.random;
    for (let attempt = 1; ; attempt++) {
        options.signal?.throwIfAborted();
        try {
            return await act(attempt);
        } catch (error) {
            if (attempt >= options.policy.attempts || !options.isTransient(error)) throw error;
            const delayMs = delayBefore(attempt + 1, options.policy, random());
            options.onRetry?.(error, attempt, delayMs);
            await sleep(delayMs, options.signal);
        }
    }
}

/** Waits, and ends early by throwing the signal's reason. Leaves no timer and no listener behind. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
        if (signal?.aborted) {
            reject(signal.reason);
            return;
        }
        const onAbort = () => {
            clearTimeout(timer);
            reject(signal?.reason);
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener("abort", onAbort);
            resolve();
        }, ms);
        signal?.addEventListener("abort", onAbort, { once: true });
    });
}
