/** Whether what runs was deployed from the Pulumi state that is about to change it. */
import { describe, expect, test } from "@jest/globals";
import type { ContainerFacts } from "../../../engine/docker.ts";
import type { CommitRecord } from "../../../rollout/ledger.ts";
import { foreignState } from "../../../rollout/own-state.ts";
import { declaredAll, declaredEdge, sampleRelease } from "./sample-release.ts";

const release = sampleRelease();
const last: CommitRecord = {
    sequence: 1,
    release: release.id,
    edge: declaredEdge,
    containers: declaredAll(release),
    images: {},
    transaction: "tx-1",
    previous: null,
    at: "2026-11-24T17:53:01.123Z",
    forced: false,
};
const all = [last.edge, ...Object.values(last.containers)].map(({ id }) => id);

/** An engine that holds these containers. */
const holding = (ids: readonly string[]) => ({
    inspect: async (id: string) => (ids.includes(id) ? ({ id } as ContainerFacts) : undefined),
});
const judged = (known: readonly string[], present: readonly string[]) =>
    foreignState("sample", last, new Set(known), holding(present));

describe("a Pulumi state", () => {
    test("that has all containers of the last commit is its own, whatever else it has", async () => {
        expect(await judged([...all, "a candidate"], all)).toBeUndefined();
    });

    test("that lacks one which is on the engine is another one, and the refusal says which to use", async () => {
        for (const missing of all) {
            const known = all.filter((id) => id !== missing);
            const refusal = await judged(known, all);
            expect(refusal?.message).toContain(`release ${release.id}, which transaction tx-1 committed`);
            expect(refusal?.format()).toContain("PULUMI_BACKEND_URL");
        }
    });

    test("is its own where what it lacks is gone, and where nothing was committed", async () => {
        expect(await judged([], [])).toBeUndefined();
        expect(await foreignState("sample", undefined, new Set(), holding(all))).toBeUndefined();
    });
});
