/** Two deployments that run, side by side: what one answers and is made of, compared with the other. Pure. */
import type { Fact } from "../facts/fact.ts";
import { liveRules } from "./live-rules.ts";
import type { Rule } from "./rules.ts";

/** Everything that was collected of one deployment, from `api: mem_limit` to what it is. */
export type LiveFacts = Readonly<Record<string, Fact<string>>>;

export interface LiveFinding {
    /** As in `postgres: table app.documents`. */
    readonly property: string;
    /** `inconclusive` where one of the two could not be asked: never a match (R96). */
    readonly result: "same" | "intended" | "different" | "inconclusive";
    /** What the baseline as it stands has, and what the deployment has; "none" where there is nothing of that name. */
    readonly expected: string;
    readonly actual: string;
    /** The rule that declares the difference. */
    readonly rule?: Rule;
}

/** A declared difference: which property, and how it differs. */
export interface LiveRule extends Rule {
    readonly property: RegExp;
    /** Whether it is this difference and no other. */
    allows(expected: string, actual: string): boolean;
}

/**
 * @param baseline what plain compose has made
 * @param deployment what is compared with it
 * @returns every property of either, sorted; nothing is left out
 */
export function compareLive(
    baseline: LiveFacts,
    deployment: LiveFacts,
    rules: readonly LiveRule[] = liveRules,
): LiveFinding[] {
    const properties = [...new Set([...Object.keys(baseline), ...Object.keys(deployment)])].sort();
    return properties.map((property): LiveFinding => {
        const [expected, actual] = [textOf(baseline[property]), textOf(deployment[property])];
        if (expected.open || actual.open)
            return { property, result: "inconclusive", expected: expected.text, actual: actual.text };
        const both = { property, expected: expected.text, actual: actual.text };
        if (both.expected === both.actual) return { ...both, result: "same" };
        const rule = rules.find((one) => one.property.test(property) && one.allows(both.expected, both.actual));
        if (rule === undefined) return { ...both, result: "different" };
        return { ...both, result: "intended", rule: { name: rule.name, reason: rule.reason } };
    });
}

function textOf(fact: Fact<string> | undefined): { readonly text: string; readonly open: boolean } {
    if (fact === undefined) return { text: "none", open: false };
    return fact.known ? { text: fact.value, open: false } : { text: `unknown: ${fact.reason}`, open: true };
}

/** Differences that nothing declares, and what could not be compared: none of both is a match, if anything was compared. */
export function undeclared(findings: readonly LiveFinding[]): LiveFinding[] {
    return findings.filter(({ result }) => result === "different" || result === "inconclusive");
}
