/** Asking until a service is ready, by the health policy (R32). */

import { sleep } from "../../engine/retry.ts";
import type { HealthPolicy, Probe } from "../../release/types.ts";
import { type ProbeResult, type ProbeSubject, runProbe } from "./probe.ts";

export interface ProveOptions {
    readonly policy: HealthPolicy;
    /** Longest time for one question. */
    readonly timeoutMs: number;
    /** Longest time until ready, in place of the policy's initial delay: a service's own deadline. */
    readonly readyWithinMs?: number;
    readonly signal?: AbortSignal;
    readonly onAttempt?: (results: readonly ProbeResult[], attempt: number) => void;
    /** Called before each round; throw to give up at once, as when the container has ended. */
    readonly watch?: () => Promise<void>;
}

/** How a proof ended: the last answer to each probe. */
export interface Proof {
    readonly ready: boolean;
    readonly afterMs: number;
    readonly attempts: number;
    readonly results: readonly ProbeResult[];
}

/** While a service may still become ready it is asked this often, in milliseconds: ready earlier passes earlier. */
const askAtFirstEveryMs = 250;

/**
 * Asks until every probe passes `successThreshold` times in a row. Within the time granted (`readyWithinMs`, or
 * `initialDelayMs`) failures only mean "not yet"; after it a failure counts: `failureThreshold` in a row, or more
 * than `retries` repetitions, end it, each after a wait that grows by `backoffFactor` from `intervalMs`.
 *
 * A service without probes is ready at once: its healthcheck is all that is known of it.
 */
export async function proveReady(
    probes: readonly Probe[],
    subject: ProbeSubject,
    options: ProveOptions,
): Promise<Proof> {
    const { policy, signal } = options;
    const start = performance.now();
    const elapsed = () => Math.round(performance.now() - start);
    const grantedMs = options.readyWithinMs ?? policy.initialDelayMs;
    let passes = 0;
    let failures = 0;
    for (let attempt = 1; ; attempt++) {
        signal?.throwIfAborted();
        await options.watch?.();
        const results = await Promise.all(probes.map((probe) => runProbe(probe, subject, options.timeoutMs)));
        options.onAttempt?.(results, attempt);
        const passed = results.every(({ result }) => result === "pass");
        passes = passed ? passes + 1 : 0;
        const granted = elapsed() < grantedMs;
        failures = passed || granted ? 0 : failures + 1;
        if (passes >= policy.successThreshold) return { ready: true, afterMs: elapsed(), attempts: attempt, results };
        if (failures >= Math.min(policy.failureThreshold, policy.retries + 1)) {
            return { ready: false, afterMs: elapsed(), attempts: attempt, results };
        }
        await sleep(waitMs(policy, failures), signal);
    }
}

/** The wait after so many counted failures in a row; none counted means that the service may still be starting. */
export function waitMs(policy: HealthPolicy, failures: number): number {
    if (failures === 0) return Math.min(askAtFirstEveryMs, policy.intervalMs);
    return Math.round(policy.intervalMs * policy.backoffFactor ** (failures - 1));
}
