/** What a plan says beside its resources, and which volumes are without a service, from the records of a ledger. */
import { describe, expect, test } from "@jest/globals";
import type { Release } from "../../../release/types.ts";
import { changeNotes } from "../../../rollout/change-notes.ts";
import { LedgerFiles } from "../../../rollout/ledger-files.ts";
import type { CommitRecord } from "../../../rollout/ledger-records.ts";
import { everLeft } from "../../../rollout/left-volumes.ts";
import { sampleRelease } from "./sample-release.ts";

const volumes = (...names: string[]) => names.map((name) => ({ key: name, name, labels: {} }));
const releaseOf = (id: string, names: readonly string[], edgeRevision = "00000001"): Release => {
    const { edge, ...rest } = sampleRelease();
    return { ...rest, id, volumes: volumes(...names), edge: { ...edge, revision: edgeRevision } };
};

const releases = [releaseOf("aa", ["data", "search"]), releaseOf("bb", ["data", "mail"]), releaseOf("cc", ["data"])];

/** A ledger that has committed these, one after the other. */
function ledgerOf(commits: readonly Partial<CommitRecord>[], damaged?: string): LedgerFiles {
    const records = commits.map((commit, index): [string, unknown] => [
        `commit-00000${index + 1}.json`,
        { sequence: index + 1, transaction: `tx-${index + 1}`, ...commit },
    ]);
    const texts = [
        ...records,
        ...releases.map((release): [string, unknown] => [`release-${release.id}.json`, release]),
    ];
    const files = texts.map(([name, value]): [string, Buffer] => [
        name,
        Buffer.from(name === damaged ? "{" : JSON.stringify(value)),
    ]);
    return new LedgerFiles(new Map(files), { project: "shop", volume: "shop_ledger" });
}

describe("the notes of a plan", () => {
    const notes = (wanted: Release, files: LedgerFiles, renewals = {}) =>
        changeNotes({ release: wanted, renewals, lastCommit: files.lastCommit }, { read: async () => files });

    test("are none for a first deploy, or where nothing changes", async () => {
        expect(await notes(releaseOf("dd", []), ledgerOf([]))).toEqual([]);
        const [first] = releases;
        if (first !== undefined) expect(await notes(first, ledgerOf([{ release: "aa" }]))).toEqual([]);
    });

    test("name each volume that the wanted release has no longer, and none that it has or is new", async () => {
        const told = await notes(releaseOf("dd", ["data", "new"]), ledgerOf([{ release: "aa" }]));
        expect(told).toEqual([expect.stringMatching(/^volume search stays, with its data/)]);
    });

    test("tell the gap of another edge as it was measured last, in whichever commit that was [R91]", async () => {
        const files = ledgerOf([
            { release: "aa", edgeGapMs: 700 },
            { release: "bb", edgeGapMs: 450 },
            { release: "cc" },
        ]);
        const told = await notes(releaseOf("dd", ["data"], "00000002"), files);
        expect(told).toEqual([
            expect.stringContaining("nobody is served between them: 450 ms when it was last started"),
        ]);
        const unmeasured = await notes(releaseOf("dd", ["data"], "00000002"), ledgerOf([{ release: "cc" }]));
        expect(unmeasured).toEqual([expect.stringContaining("between them: not measured here yet")]);
    });

    test("take an edge that is made anew in its revision for another one", async () => {
        const files = ledgerOf([{ release: "cc" }]);
        const [, , last] = releases;
        if (last === undefined) throw new Error("three releases were made");
        expect(await notes(last, files, { "edge-00000001": 1 })).toEqual([expect.stringContaining("is replaced")]);
        expect(await notes(last, files, { "api-00000001": 1 })).toEqual([]);
    });

    test("leave a damaged record of what runs to the rollout", async () => {
        const files = ledgerOf([{ release: "aa" }], "release-aa.json");
        expect(await notes(releaseOf("dd", []), files)).toEqual([]);
    });
});

describe("volumes without a service", () => {
    test("are those of every release before, without what runs", () => {
        const commits = [{ release: "aa" }, { release: "bb" }, { release: "cc" }];
        expect(everLeft(ledgerOf(commits))).toEqual(["mail", "search"]);
        expect(everLeft(ledgerOf(commits.slice(0, 2)))).toEqual(["search"]);
        expect(everLeft(ledgerOf([{ release: "aa" }]))).toEqual([]);
        expect(everLeft(ledgerOf([]))).toEqual([]);
    });
});
