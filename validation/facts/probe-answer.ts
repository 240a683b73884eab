/** Judging the answer to a question: status, JSON subset, revision. Pure. */

import type { HttpAnswer } from "../../engine/http.ts";
import type { ProbeExpectation } from "../../release/types.ts";

/** How much of a body is shown, in characters. */
const shownBody = 300;

export interface AnswerVerdict {
    readonly passed: boolean;
    readonly actual: string;
}

/** Whether an answer is what was expected, and if not, the first thing that differs. */
export function judgeAnswer(
    answer: Pick<HttpAnswer, "status" | "body" | "json">,
    expect: ProbeExpectation,
    revision: string,
): AnswerVerdict {
    const shown = answer.body.length > shownBody ? `${answer.body.slice(0, shownBody)}…` : answer.body;
    const actual = `status ${answer.status}${shown === "" ? "" : `, ${shown}`}`;
    if (answer.status !== expect.status) return { passed: false, actual };
    if (expect.json === undefined && expect.revisionAt === undefined) return { passed: true, actual };
    if (answer.json === undefined) return { passed: false, actual: `${actual} (no JSON)` };
    const wrong = expect.json && firstDifference(expect.json, answer.json, "");
    if (wrong) return { passed: false, actual: `${actual} (differs at ${wrong})` };
    if (expect.revisionAt !== undefined) {
        const found = valueAt(answer.json, expect.revisionAt);
        if (found !== revision) {
            return { passed: false, actual: `${actual} (revision at ${expect.revisionAt}: ${show(found)})` };
        }
    }
    return { passed: true, actual };
}

export function describeExpectation(expect: ProbeExpectation, revision: string): string {
    const parts = [`status ${expect.status}`];
    if (expect.json !== undefined) parts.push(`JSON with ${JSON.stringify(expect.json)}`);
    if (expect.revisionAt !== undefined) parts.push(`${expect.revisionAt} ${show(revision)}`);
    return parts.join(", ");
}

/** The value at a path as in `a.b.0`; undefined when there is none. */
export function valueAt(json: unknown, path: string): unknown {
    let value = json;
    for (const key of path.split(".")) {
        if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
        value = (value as Record<string, unknown>)[key];
    }
    return value;
}

/**
 * The path of the first value of `expected` that `actual` does not have; undefined when it has them all. Objects may
 * have more keys, lists must be of equal length.
 */
export function firstDifference(expected: unknown, actual: unknown, path: string): string | undefined {
    const here = path === "" ? "the top" : path;
    if (typeof expected !== "object" || expected === null) return Object.is(expected, actual) ? undefined : here;
    if (typeof actual !== "object" || actual === null || Array.isArray(expected) !== Array.isArray(actual)) return here;
    if (Array.isArray(expected) && Array.isArray(actual) && expected.length !== actual.length) return here;
    for (const [key, value] of Object.entries(expected)) {
        const below = path === "" ? key : `${path}.${key}`;
        if (!Object.hasOwn(actual, key)) return below;
        const difference = firstDifference(value, (actual as Record<string, unknown>)[key], below);
        if (difference !== undefined) return difference;
    }
    return undefined;
}

function show(value: unknown): string {
    return value === undefined ? "nothing" : JSON.stringify(value);
}
