/** The minimal performance gate: each threshold from both sides, and no verdict without answers. */
import { describe, expect, test } from "@jest/globals";
import type { PerformancePolicy } from "../../../../release/types.ts";
import { tooSlow } from "../../../../validation/checks/performance.ts";
import type { LoadResult } from "../../../../validation/facts/load.ts";

const policy: PerformancePolicy = { responseTimeMs: 1_000, throughputRps: 10, errorRatePercent: 5 };
const good: LoadResult = {
    sent: 100,
    failed: 0,
    throughput: 10,
    medianMs: 20,
    p95Ms: 50,
    firstFailure: null,
};
const judge = (change: Partial<LoadResult>, own: Partial<PerformancePolicy> = {}) =>
    tooSlow({ ...good, ...change }, { ...policy, ...own });

describe("a load", () => {
    test("that was answered rightly, in time and at its pace is good enough [R33]", () => {
        expect(judge({})).toEqual([]);
    });

    test("is judged at the threshold of response time [R33]", () => {
        expect(judge({ p95Ms: 1_000 })).toEqual([]);
        expect(judge({ p95Ms: 1_001 })).toEqual(["95 % of the answers within 1001 ms, at most 1000 ms"]);
    });

    test("is judged at the threshold of errors [R33]", () => {
        const failed = (count: number) => ({
            failed: count,
            throughput: (100 - count) / 10,
            firstFailure: "answered 500",
        });
        expect(judge(failed(5))).toEqual([]);
        expect(judge(failed(6))).toContain("error rate 6.0 %, at most 5 % (answered 500)");
        expect(judge({ failed: 1, firstFailure: "answered 500" }, { errorRatePercent: 0 })).toEqual([
            "error rate 1.0 %, at most 0 % (answered 500)",
        ]);
    });

    test("is judged at the threshold of throughput, less the errors that are allowed and the clock's hundredth [R33]", () => {
        expect(judge({ throughput: 9.405 })).toEqual([]);
        expect(judge({ throughput: 9.4 })).toEqual(["9.4 requests a second, at least 10"]);
        expect(judge({ throughput: 9.9 }, { errorRatePercent: 0 })).toEqual([]);
        expect(judge({ throughput: 9.89 }, { errorRatePercent: 0 })).toHaveLength(1);
    });

    test("is told everything that is wrong with it at once", () => {
        expect(judge({ p95Ms: 2_000, failed: 50, throughput: 5, firstFailure: "answered 503" })).toHaveLength(3);
    });

    test("that nobody answered never passes, whatever is allowed", () => {
        const lenient = { errorRatePercent: 100, throughputRps: 0.1, responseTimeMs: 1e9 };
        const nothing = { failed: 100, throughput: 0, medianMs: null, p95Ms: null };
        expect(judge({ ...nothing, firstFailure: "connect ECONNREFUSED" }, lenient)).toEqual([
            "none of 100 requests was answered (connect ECONNREFUSED)",
        ]);
        expect(judge(nothing, lenient)).toEqual(["none of 100 requests was answered (no reason)"]);
    });

    test("of which nothing was sent never passes", () => {
        expect(judge({ sent: 0, throughput: 0, medianMs: null, p95Ms: null })).toEqual(["no request was sent"]);
        expect(judge({ sent: 0 })).toEqual(["no request was sent"]);
    });
});
