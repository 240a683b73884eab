/** What a command says and exits with. */
import { describe, expect, test } from "@jest/globals";
import {
    type CommandOutcome,
    type CommandResult,
    exitCodeOf,
    formatDuration,
    lastLine,
} from "../../../automation/result.ts";

const result: CommandResult = {
    command: "deploy",
    stack: "local",
    outcome: "committed",
    reason: null,
    exitCode: 0,
    release: "0123456789ab",
    startedAt: "2026-01-02T03:04:05.000Z",
    durationMs: 65_400,
    evidence: "infrastructure/reports/local/tx-1",
    notes: [],
    failure: null,
    diagnostics: [],
};

describe("the outcome of a command", () => {
    test.each<[CommandOutcome, number]>([
        ["committed", 0],
        ["unchanged", 0],
        ["planned", 0],
        ["as-recorded", 0],
        ["destroyed", 0],
        ["listed", 0],
        ["agreed", 0],
        ["secrets-set", 0],
        ["rolled-back", 10],
        ["rollback-failed", 20],
        ["incomplete", 20],
        ["refused", 30],
        ["deviates", 30],
    ])("%s has its exit code [R95]", (outcome, code) => {
        expect(exitCodeOf(outcome)).toBe(code);
    });

    test("is said in the last line with release, duration and evidence", () => {
        expect(lastLine(result)).toBe(
            "local: committed · release 0123456789ab · 1 min 05 s · evidence: infrastructure/reports/local/tx-1",
        );
        expect(lastLine({ ...result, outcome: "refused", release: null, evidence: null })).toBe(
            "local: refused before any change · release none · 1 min 05 s · evidence: none",
        );
    });

    test("a first deploy that failed does not claim that anything runs", () => {
        expect(lastLine({ ...result, outcome: "rolled-back" })).toContain("rolled back: as it was before");
        expect(lastLine({ ...result, outcome: "rolled-back", reason: "no-previous" })).toContain("nothing runs");
    });

    test("a failed rollback does not read like a good end", () => {
        expect(lastLine({ ...result, outcome: "rollback-failed" })).toContain("ROLLBACK FAILED");
        expect(lastLine({ ...result, outcome: "incomplete" })).toContain("STOPPED HALF WAY");
    });
});

test.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [1000, "1.0 s"],
    [59_949, "59.9 s"],
    [60_000, "1 min 00 s"],
    [1_805_000, "30 min 05 s"],
])("%d ms are said as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
});
