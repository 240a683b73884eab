/** The smoke test: a chain of real requests, each asserting its answer, that shows the services working together. */

import type { ProbeTarget } from "../engine/edge/probe-socket.ts";
import { type HttpAnswer, requestThroughEdge } from "../engine/http.ts";
import { sleep } from "../engine/retry.ts";
import type { SmokeStep } from "../release/types.ts";
import { describeExpectation, judgeAnswer, valueAt } from "./facts/probe-answer.ts";

/** Where the edge's probe listener is, and who is asked. */
export interface SmokeTarget {
    readonly host: string;
    readonly port: number;
    /** Services that are asked through their candidate listener; all others as clients ask them. @default none */
    readonly candidates?: ReadonlySet<string>;
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

type Saved = Map<string, string>;

/**
 * Runs the steps in order; secrets are already substituted. After a failure the remaining steps are skipped, but those
 * that clean up (DELETE) whose `{name}`s are known. Without a single step it fails: nothing was shown.
 *
 * @throws the signal's reason when it is aborted
 */
export async function runSmoke(
    steps: readonly SmokeStep[],
    target: SmokeTarget,
    options: SmokeOptions = {},
): Promise<SmokeResult> {
    const start = performance.now();
    const saved: Saved = new Map();
    const results: SmokeStepResult[] = [];
    for (const step of steps) {
        const failed = results.some(({ result }) => result === "fail");
        const missing = unknownNames(step, saved);
        const skip = failed && (step.method.toUpperCase() !== "DELETE" || missing.length > 0);
        const result = skip ? skipped(step) : await runStep(step, missing, saved, target, options);
        results.push(result);
        options.onStep?.(result);
    }
    const passed = results.length > 0 && results.every(({ result }) => result === "pass");
    return {
        result: passed ? "pass" : "fail",
        ms: Math.round(performance.now() - start),
        steps: results,
        saved: Object.fromEntries(saved),
    };
}

function skipped(step: SmokeStep): SmokeStepResult {
    return { name: step.name, result: "skipped", ms: 0, expected: "", actual: "a step before it failed" };
}

async function runStep(
    step: SmokeStep,
    missing: readonly string[],
    saved: Saved,
    target: SmokeTarget,
    options: SmokeOptions,
): Promise<SmokeStepResult> {
    const start = performance.now();
    const revision = target.revisions[step.service] ?? "";
    const finish = (result: "pass" | "fail", actual: string): SmokeStepResult => ({
        name: step.name,
        result,
        ms: Math.round(performance.now() - start),
        expected: `${step.method} ${step.path} of ${step.service}: ${describeExpectation(step.expect, revision)}`,
        actual,
    });
    if (missing.length > 0) return finish("fail", `no earlier step saved {${missing.join("}, {")}}`);
    for (;;) {
        options.signal?.throwIfAborted();
        const attempt = await tryStep(step, revision, saved, target, options.timeoutMs ?? 10_000);
        if (attempt.passed) return finish("pass", attempt.actual);
        if (performance.now() - start >= step.withinMs) return finish("fail", attempt.actual);
        await sleep(options.intervalMs ?? 250, options.signal);
    }
}

async function tryStep(
    step: SmokeStep,
    revision: string,
    saved: Saved,
    target: SmokeTarget,
    timeoutMs: number,
): Promise<{ passed: boolean; actual: string }> {
    const role = target.candidates?.has(step.service) === true ? "candidate" : "active";
    const { host, port } = target;
    const to: ProbeTarget = { host, port, role, service: step.service, servicePort: step.port };
    let answer: HttpAnswer;
    try {
        answer = await requestThroughEdge(to, filled(step, saved), timeoutMs);
    } catch (error) {
        return { passed: false, actual: `no answer: ${error instanceof Error ? error.message : String(error)}` };
    }
    const verdict = judgeAnswer(answer, step.expect, revision);
    return verdict.passed ? save(step, answer, saved, verdict.actual) : verdict;
}

function save(step: SmokeStep, answer: HttpAnswer, saved: Saved, actual: string): { passed: boolean; actual: string } {
    for (const [name, path] of Object.entries(step.save)) {
        const value = valueAt(answer.json, path);
        if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
            return { passed: false, actual: `${actual} (nothing to save at ${path})` };
        }
        saved.set(name, String(value));
    }
    return { passed: true, actual };
}

const placeholder = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Names that the path and headers want and nobody saved. A body may have braces of its own, as JSON has. */
function unknownNames(step: SmokeStep, saved: Saved): readonly string[] {
    const texts = [step.path, ...Object.values(step.headers)];
    const names = texts.flatMap((text) => [...text.matchAll(placeholder)].map(([, name]) => name ?? ""));
    return [...new Set(names)].filter((name) => !saved.has(name));
}

function filled(step: SmokeStep, saved: Saved) {
    const fill = (text: string) => text.replace(placeholder, (whole, name: string) => saved.get(name) ?? whole);
    const inPath = (text: string) =>
        text.replace(placeholder, (whole, name: string) => {
            const value = saved.get(name);
            return value === undefined ? whole : encodeURIComponent(value);
        });
    return {
        method: step.method,
        path: inPath(step.path),
        headers: Object.fromEntries(Object.entries(step.headers).map(([name, value]) => [name, fill(value)])),
        ...(step.body === undefined ? {} : { body: fill(step.body) }),
    };
}
