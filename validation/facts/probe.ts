/** Asking a service whether it is ready, through the edge, with an answer that proves it (R32). */

import type { ProbeTarget } from "../../engine/edge/probe-socket.ts";
import type { HealthPolicy, Probe } from "../../release/types.ts";

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

/** Puts one question. Never throws: what goes wrong is the result. The probe's secrets are already substituted. */
export async function runProbe(_probe: Probe, _subject: ProbeSubject, _timeoutMs: number): Promise<ProbeResult> {
    throw new Error("not yet");
}

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

/**
 * Asks until every probe passes `successThreshold` times in a row. Within the time granted (`readyWithinMs`, or
 * `initialDelayMs`) failures only mean "not yet"; after it `failureThreshold` further failures in a row end it, each
 * after a wait that grows by `backoffFactor` from `intervalMs`.
 */
export async function proveReady(
    _probes: readonly Probe[],
    _subject: ProbeSubject,
    _options: ProveOptions,
): Promise<Proof> {
    throw new Error("not yet");
}
