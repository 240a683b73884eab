/** Which jobs have done their work: what the ledger's commits say, and what the container's state says. */
import { describe, expect, test } from "@jest/globals";
import type { Release } from "../../../release/types.ts";
import { finishedJobs, standsAsCommitted } from "../../../rollout/finished-jobs.ts";
import { commitFile, LedgerFiles, releaseFile } from "../../../rollout/ledger-files.ts";
import type { CommitRecord } from "../../../rollout/ledger-records.ts";
import { declaredEdge, sampleRelease, sampleService } from "./sample-release.ts";

const withJob = (id: string, revision: string) =>
    sampleRelease([sampleService("migrate", "job", [], { revision }), sampleService("web", "request")], { id });

/** A ledger that holds these commits, the newest first. */
const ledgerOf = (...releases: readonly Release[]) => {
    const files = releases.flatMap((release, index): [string, object][] => {
        const commit: CommitRecord = {
            sequence: releases.length - index,
            release: release.id,
            edge: declaredEdge,
            containers: {},
            images: {},
            transaction: `tx-${index}`,
            previous: null,
            at: "",
            forced: false,
        };
        return [
            [commitFile(commit.sequence), commit],
            [releaseFile(release.id), release],
        ];
    });
    const contents = files.map(([name, content]): [string, Buffer] => [name, Buffer.from(JSON.stringify(content))]);
    return new LedgerFiles(new Map(contents), { project: "sample", volume: "sample_ledger" });
};

describe("a job has done its work", () => {
    const [one, two] = [withJob("1", "00000001"), withJob("2", "00000002")];

    test("when a release that was committed had it in this revision, the newest or an older one", () => {
        expect([...finishedJobs(ledgerOf(two, one), one)]).toEqual(["migrate"]);
        expect([...finishedJobs(ledgerOf(two, one), two)]).toEqual(["migrate"]);
    });

    test("not when only another revision of it was committed, or nothing was", () => {
        expect([...finishedJobs(ledgerOf(one), two)]).toEqual([]);
        expect([...finishedJobs(ledgerOf(), two)]).toEqual([]);
    });

    test("not when what was committed under its name was no job", () => {
        const service = sampleRelease([sampleService("migrate", "consumer")], { id: "3" });
        expect([...finishedJobs(ledgerOf(service), one)]).toEqual([]);
    });
});

test("a committed job stands when it ended well or was not started again, and in no other state", () => {
    expect(standsAsCommitted({ state: "exited", exitCode: 0 })).toBe(true);
    expect(standsAsCommitted({ state: "created", exitCode: 0 })).toBe(true);
    expect(standsAsCommitted({ state: "exited", exitCode: 1 })).toBe(false);
    expect(standsAsCommitted({ state: "running", exitCode: 0 })).toBe(false);
    expect(standsAsCommitted({ state: "dead", exitCode: 0 })).toBe(false);
});
