/** Parity in a few words, for outputs and last lines: how many properties, and what deviates. Pure. */
import { z } from "zod";
import { type Finding, type ParitySummary, paritySummarySchema } from "./finding.ts";

export const parityOutputSchema = z.object({
    summary: paritySummarySchema,
    /** What drifts, and what could not be compared, each as in `api: pids_limit: expected 128, actual 77`; the first of them. */
    deviations: z.array(z.string()),
});

export type ParityOutput = z.infer<typeof parityOutputSchema>;

/** Outputs are kept in Pulumi's state: all findings stand in the report. */
const mostDeviations = 20;

export function parityOutput(found: {
    readonly findings: readonly Finding[];
    readonly summary: ParitySummary;
}): ParityOutput {
    const problems = found.findings.filter(({ result }) => result === "drift" || result === "inconclusive");
    const shown = problems.slice(0, mostDeviations).map(deviationLine);
    const rest = problems.length - shown.length;
    return {
        summary: found.summary,
        deviations: rest === 0 ? shown : [...shown, `… and ${rest} more, see the report`],
    };
}

export function deviationLine({ service, property, expected, actual }: Finding): string {
    return `${service}: ${property}: expected ${expected}, actual ${actual}`;
}

/** `336 of 336 properties as in the baseline, 41 of them by a rule`. */
export function parityLine({ same, intended, drift, inconclusive, total }: ParitySummary): string {
    if (total === 0) return "no property was compared with the baseline";
    const rest = [
        ...(intended > 0 ? [`${intended} of them by a rule`] : []),
        ...(drift > 0 ? [`${drift} drift`] : []),
        ...(inconclusive > 0 ? [`${inconclusive} could not be compared`] : []),
    ];
    return [`${same + intended} of ${total} properties as in the baseline`, ...rest].join(", ");
}
