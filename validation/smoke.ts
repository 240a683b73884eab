/** The smoke test: a chain of real requests, each asserting its answer, that shows the services working together. */

import type { SmokeStep } from "../release/types.ts";

/** Where the edge's probe listener is, and who is asked. */
export interface SmokeTarget {
    readonly host: string;
    readonly port: number;
    readonly role: "active" | "candidate";
    /** Service name to revision, for steps that assert it. */
    readonly revisions: Readonly<Record<string, string>>;
}

export interface SmokeStepResult {
    readonly name: string;
    readonly result: "pass" | "fail" | "skipped";
    readonly ms: number;
    readonly expected: string;
    readonly actual: string;
}

export interface SmokeResult {
    readonly result: "pass" | "fail";
    readonly ms: number;
    readonly steps: readonly SmokeStepResult[];
    /** The saved values by name. */
    readonly saved: Readonly<Record<string, string>>;
}

export interface SmokeOptions {
    /** Longest time for one request, in milliseconds. @default 10000 */
    readonly timeoutMs?: number;
    /** Wait between repetitions of a step that has time, in milliseconds. @default 250 */
    readonly intervalMs?: number;
    readonly signal?: AbortSignal;
    readonly onStep?: (step: SmokeStepResult) => void;
}

/**
 * Runs the steps in order; secrets are already substituted. After a failure the remaining steps are skipped, but those
 * that clean up (DELETE) whose `{name}`s are known.
 */
export async function runSmoke(
    _steps: readonly SmokeStep[],
    _target: SmokeTarget,
    _options?: SmokeOptions,
): Promise<SmokeResult> {
    throw new Error("not yet");
}
