/** What the files of a ledger say, from their texts alone; test/integration/ledger.test.ts has them on a volume. */
import { describe, expect, test } from "@jest/globals";
import { LedgerFiles } from "../../../rollout/ledger-files.ts";

const ledger = (texts: Readonly<Record<string, unknown>>) =>
    new LedgerFiles(
        new Map(
            Object.entries(texts).map(([name, content]) => {
                const text = typeof content === "string" ? content : JSON.stringify(content);
                return [name, Buffer.from(text)];
            }),
        ),
        { project: "docs", volume: "docs_ledger" },
    );

const commits = {
    "commit-000009.json": { sequence: 9, transaction: "tx-9", release: "r9" },
    "commit-000010.json": { sequence: 10, transaction: "tx-10", release: "r10" },
};

describe("the last commit", () => {
    test.each<[string, Record<string, unknown>, string | undefined]>([
        ["of a stack that was never deployed is none", {}, undefined],
        ["is the one with the highest number", commits, "r10"],
        ["is the one before where the newest was undone", { ...commits, "undone-tx-10.json": {} }, "r9"],
        ["is none since the stack was destroyed", { ...commits, "destroyed.json": { sequence: 10 } }, undefined],
        ["is what was committed since then", { ...commits, "destroyed.json": { sequence: 9 } }, "r10"],
        [
            "is none where all that came since then was undone",
            { ...commits, "destroyed.json": { sequence: 9 }, "undone-tx-10.json": {} },
            undefined,
        ],
    ])("%s", (_, files, release) => {
        expect(ledger(files).lastCommit?.release).toBe(release);
    });

    test("a number is never given twice, also where its commit was undone", () => {
        expect(ledger({ ...commits, "undone-tx-10.json": {} }).newestSequence).toBe(10);
        expect(ledger({}).newestSequence).toBe(0);
    });
});

test("all commits stand, the newest first, without those that were undone", () => {
    expect(ledger(commits).commits.map(({ release }) => release)).toEqual(["r10", "r9"]);
    expect(ledger({ ...commits, "undone-tx-9.json": {} }).commits.map(({ release }) => release)).toEqual(["r10"]);
});

test("what was lifted is in quarantine no more, and what was unpinned is no pin", () => {
    const files = {
        "quarantine-aa.json": { release: "aa", liftedBy: null },
        "quarantine-bb.json": { release: "bb", liftedBy: "tx-1" },
    };
    expect(ledger(files).quarantine.map(({ release }) => release)).toEqual(["aa"]);
    expect(ledger({ "pin.json": { release: "aa" } }).pin?.release).toBe("aa");
    expect(ledger({ "pin.json": { release: null } }).pin).toBeUndefined();
});

describe("a damaged file", () => {
    test.each([
        ["no JSON", '{"id":'],
        ["another release", { id: "bb", services: [] }],
        ["no release", { id: "aa" }],
    ])("that is %s is named to whoever asks for it, and hinders nobody else", (_, content) => {
        const files = ledger({ ...commits, "release-aa.json": content });
        expect(files.lastCommit?.release).toBe("r10");
        expect(() => files.release("aa")).toThrow(
            "the ledger of docs is damaged: release-aa.json on volume docs_ledger",
        );
    });

    test("a release that is not there is none", () => {
        expect(ledger(commits).release("aa")).toBeUndefined();
    });
});
