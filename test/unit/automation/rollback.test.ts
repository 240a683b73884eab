/** Which release a rollback goes back to, and what the list of releases says. */
import { describe, expect, test } from "@jest/globals";
import { releasesOf, renderReleases } from "../../../automation/releases.ts";
import { targetOf } from "../../../automation/rollback.ts";
import type { CommitRecord, QuarantineRecord } from "../../../rollout/ledger.ts";
import { sampleResult } from "./sample-result.ts";

/** A history in the order of its commits. */
function history(...releases: string[]): CommitRecord[] {
    return releases
        .map(
            (release, index): CommitRecord => ({
                sequence: index + 1,
                release,
                transaction: `tx-${index + 1}`,
                previous: releases[index - 1] ?? null,
                at: `2026-01-0${index + 1}T00:00:00.000Z`,
                forced: false,
                edge: { id: "edge", name: "edge-1" },
                containers: {},
                images: {},
            }),
        )
        .reverse();
}

const undone = (release: string): QuarantineRecord => ({
    release,
    transaction: "tx-bad",
    reason: "api: failed\n  more",
    at: "2026-01-09T00:00:00.000Z",
    liftedBy: null,
});

/** The target without a name, given what is quarantined and pinned. */
function previous(commits: CommitRecord[], quarantined: string[] = [], pinned?: string): string {
    return targetOf(undefined, commits, {
        lastCommit: commits[0],
        quarantine: Object.fromEntries(quarantined.map((release) => [release, undone(release)])),
        pin: pinned === undefined ? undefined : { release: pinned, by: "ann@builder", at: "2026-01-08" },
    });
}

describe("the release before the present one [F17]", () => {
    test("is the newest commit of another release", () => {
        expect(previous(history("aaa1", "bbb1", "ccc1"))).toBe("bbb1");
    });

    test("is not the present one, however often that was committed", () => {
        expect(previous(history("aaa1", "bbb1", "bbb1", "bbb1"))).toBe("aaa1");
    });

    test("is none that was undone later", () => {
        expect(previous(history("aaa1", "bbb1", "ccc1"), ["bbb1"])).toBe("aaa1");
    });

    test("going back twice goes back further, not forth to what was left", () => {
        expect(previous(history("aaa1", "bbb1", "ccc1", "bbb1"), [], "bbb1")).toBe("aaa1");
        expect(() => previous(history("aaa1", "bbb1", "aaa1"), [], "aaa1")).toThrow("no release before aaa1");
    });

    test("is refused where there is none", () => {
        expect(() => previous(history("aaa1", "aaa1"))).toThrow("no release before aaa1");
        expect(() => previous([])).toThrow("no release before the first one");
    });
});

describe("a named release", () => {
    const commits = history("aaa1", "aab2", "ccc3");
    const named = (name: string) => targetOf(name, commits, { lastCommit: commits[0], quarantine: {}, pin: undefined });

    test("may be given by the beginning of its id", () => {
        expect(named("aab2")).toBe("aab2");
        expect(named("aab")).toBe("aab2");
    });

    test("is refused when several begin so", () => {
        expect(() => named("aa")).toThrow("several releases: aab2, aaa1");
    });

    test("that was never committed is refused with the nearest", () => {
        expect(() => named("ccc4")).toThrow("never committed here (did you mean ccc3?)");
        expect(() => named("ffff")).toThrow("Committed were: ccc3, aab2, aaa1.");
    });
});

test("the list of releases marks what runs, what is pinned, forced and quarantined", () => {
    const commits = history("aaa1", "bbb1").map((commit) => ({ ...commit, forced: commit.sequence === 2 }));
    const pin = { release: "bbb1", by: "ann@builder", at: "2026-01-08" };
    const quarantine = { aaa1: undone("aaa1"), eee1: undone("eee1") };
    const extra = releasesOf({ lastCommit: commits[0], pin, quarantine }, commits);
    expect(
        extra.commits.map(({ sequence, isRunning, isPinned, isQuarantined }) => [
            sequence,
            isRunning,
            isPinned,
            isQuarantined,
        ]),
    ).toEqual([
        [2, true, true, false],
        [1, false, false, true],
    ]);
    const text = renderReleases({ ...sampleResult, command: "releases", release: "bbb1", ...extra });
    expect(text).toMatch(/^2 +bbb1 .* runs now, pinned, forced$/m);
    expect(text).toMatch(/^1 +aaa1 .* quarantined$/m);
    expect(text).toMatch(/^eee1 .* tx-bad +api: failed$/m);
});
