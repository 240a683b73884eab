/** What a comparison of the baseline with what runs says: findings, and their sum. */
import { z } from "zod";

/**
 * `same`: as the baseline says. `intended`: otherwise, because a rule declares it. `drift`: otherwise, and nothing
 * declares it. `inconclusive`: the fact could not be collected, which is never a match (R96).
 */
export const findingResults = ["same", "intended", "drift", "inconclusive"] as const;

export const findingSchema = z.strictObject({
    /**
     * The service of the compose file, one of its replicas as in `web-2`, or `edge`; of what belongs to no service
     * `networks.<key>` or `volumes.<key>`.
     */
    service: z.string().min(1),
    /** Key path below that in compose's terms, as in `healthcheck.interval`; `(process)` marks a process's own evidence. */
    property: z.string().min(1),
    result: z.enum(findingResults),
    /** Values of the environment stand as digests, which are comparable within one report only. */
    expected: z.string(),
    actual: z.string(),
    where: z.strictObject({
        /** The compose file, relative to the project. */
        file: z.string(),
        /** From the top of the file, as in `services.api.mem_limit`. */
        keyPath: z.string(),
        /** Counted from 1; only where the key is written literally, also in an anchor that the service merges. */
        line: z.int().positive().optional(),
    }),
    /** The rule that declares an intended difference. */
    rule: z.strictObject({ name: z.string(), reason: z.string() }).optional(),
    /** What restores the baseline, or answers an open question; empty where nothing needs to be done. */
    remedy: z.string(),
    /** A property that the comparison does not know: an error of the comparison as much as of what runs. */
    unknown: z.boolean().optional(),
    /** Of a drift: the service (or `edge`) whose container, made anew, restores the baseline; absent where none does (R31). */
    restoredBy: z.string().min(1).optional(),
});

export type Finding = z.infer<typeof findingSchema>;
export type FindingResult = Finding["result"];

const count = z.int().nonnegative();

export const paritySummarySchema = z.strictObject({
    same: count,
    intended: count,
    drift: count,
    inconclusive: count,
    /** How many of the drifts are properties that the comparison does not know. */
    unknown: count,
    total: count,
    /** Share of `same` and `intended`, rounded down: 100 only where all are. 0 where nothing was compared. */
    percent: z.int().min(0).max(100),
    /** The 100 % that R30 asks for: something was compared, no drift, nothing left open. */
    match: z.boolean(),
});

export type ParitySummary = z.infer<typeof paritySummarySchema>;

export interface Findings {
    readonly findings: readonly Finding[];
    readonly summary: ParitySummary;
}

/** Counts the findings. No finding at all is no match. */
export function summarize(findings: readonly Finding[]): ParitySummary {
    const counted = (result: FindingResult) => findings.filter((finding) => finding.result === result).length;
    const counts = {
        same: counted("same"),
        intended: counted("intended"),
        drift: counted("drift"),
        inconclusive: counted("inconclusive"),
    };
    const total = findings.length;
    const matching = counts.same + counts.intended;
    return {
        ...counts,
        unknown: findings.filter(({ unknown }) => unknown === true).length,
        total,
        percent: total === 0 ? 0 : Math.floor((100 * matching) / total),
        match: total > 0 && matching === total,
    };
}
