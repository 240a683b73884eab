/** What a plan says beside its resources, and which volumes are without a service, from the records of a ledger. */
import { describe, expect, test } from "@jest/globals";
import type { Release } from "../../../release/types.ts";
import { changeNotes } from "../../../rollout/change-notes.ts";
import { LedgerFiles } from "../../../rollout/ledger-files.ts";
import type { CommitRecord } from "../../../rollout/ledger-records.ts";
import { withoutService } from "../../../rollout/left-volumes.ts";
import { handedOver } from "../../../rollout/steps/hand-over.ts";
import { sampleRelease, sampleService } from "./sample-release.ts";

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
        expect(await notes(releaseOf("aa", []), ledgerOf([{ release: "aa" }]))).toEqual([]);
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
            expect.stringContaining("nobody is served in between: 450 ms when the edge was last started"),
        ]);
        const unmeasured = await notes(releaseOf("dd", ["data"], "00000002"), ledgerOf([{ release: "cc" }]));
        expect(unmeasured).toEqual([expect.stringContaining("in between: not measured here yet")]);
    });

    test("take an edge that is made anew in its revision for another one", async () => {
        const files = ledgerOf([{ release: "cc" }]);
        const last = releaseOf("cc", ["data"]);
        expect(await notes(last, files, { "edge-00000001": 1 })).toEqual([expect.stringContaining("is replaced")]);
        expect(await notes(last, files, { "api-00000001": 1 })).toEqual([]);
    });

    test.each(["release-aa.json", "release-bb.json", "commit-000001.json", "commit-000002.json"])(
        "are none of what cannot be read, and nothing fails: %s",
        async (damaged) => {
            const files = ledgerOf([{ release: "aa" }, { release: "bb" }], damaged);
            const lastCommit = ledgerOf([{ release: "aa" }, { release: "bb" }]).lastCommit;
            const told = changeNotes(
                { release: releaseOf("dd", []), renewals: {}, lastCommit },
                { read: async () => files },
            );
            expect((await told).length).toBe(damaged === "release-aa.json" ? 2 : 0);
        },
    );
});

describe("volumes without a service", () => {
    const volume = (name: string, role?: string) => ({
        name,
        labels: role === undefined ? {} : { "plumbline.role": role },
    });

    test("are those of the stack that the release does not have, without the edge's, the ledger's and those of files", () => {
        const release = releaseOf("cc", ["data"]);
        const own = [
            volume("search"),
            volume("data"),
            volume("shop_ledger", "ledger"),
            volume(release.edge.configVolume),
        ];
        expect(withoutService([...own, volume("mail")], release)).toEqual(["mail", "search"]);
    });
});

describe("who hands a service over", () => {
    test("is what runs, with its own definition; where the ledger does not know it, with the new one", () => {
        const now = sampleService("postgres", "stateful");
        const before = { ...now, revision: "0000beef" };
        expect(handedOver(now, "postgres-0000beef", { services: [before] })).toEqual({
            container: "postgres-0000beef",
            service: before,
        });
        expect(handedOver(now, "postgres-0000beef", { services: [] }).service).toBe(now);
        expect(handedOver(now, "postgres-0000beef", undefined).service).toBe(now);
    });
});
