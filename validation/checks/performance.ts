/** Whether a service is fast enough under a short load: the minimal performance gate (R33, R50). Pure. */
import type { PerformancePolicy } from "../../release/types.ts";
import type { LoadResult } from "../facts/load.ts";

/** What is not good enough, a phrase each; empty when all is. A load that was never answered is never good enough. */
export function tooSlow(result: LoadResult, policy: PerformancePolicy): string[] {
    const { p95Ms } = result;
    if (result.sent === 0) return ["no request was sent"];
    if (p95Ms === null) return [`none of ${result.sent} requests was answered (${result.firstFailure ?? "no reason"})`];
    const found: string[] = [];
    const errorPercent = (100 * result.failed) / result.sent;
    if (errorPercent > policy.errorRatePercent) {
        found.push(
            `error rate ${errorPercent.toFixed(1)} %, at most ${policy.errorRatePercent} % (${result.firstFailure})`,
        );
    }
    if (p95Ms > policy.responseTimeMs) {
        found.push(`95 % of the answers within ${Math.round(p95Ms)} ms, at most ${policy.responseTimeMs} ms`);
    }
    // The pace of the load is the pace that is asked for: one part in a hundred is the clock's.
    if (result.throughput < policy.throughputRps * 0.99 * (1 - policy.errorRatePercent / 100)) {
        found.push(`${result.throughput.toFixed(1)} requests a second, at least ${policy.throughputRps}`);
    }
    return found;
}
