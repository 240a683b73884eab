/** Containers that are made anew in the revision that runs: by the same transaction as every change, with the same way back. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { RolloutOutcome } from "../../rollout/outcome.ts";
import type { RolloutRequest } from "../../rollout/session.ts";
import { Toy } from "../support/toy.ts";
import { dataDeviations, deviationsFrom, untilClosed, Writer } from "../support/toy-judge.ts";
import type { Victim } from "../support/toy-run.ts";

type Recorded = RolloutOutcome & { readonly error: string | null };

let toy: Toy;
let runs: RolloutRequest;

beforeAll(async () => {
    toy = await Toy.open();
    runs = await toy.deploy({ policy: { bakeMs: 300, bakeIntervalMs: 100 } });
}, 300_000);

afterAll(async () => {
    await toy?.close();
}, 120_000);

const idsOf = ({ edge, containers }: RolloutRequest) =>
    Object.fromEntries(Object.entries({ edge, ...containers }).map(([name, { id }]) => [name, id]));
const quarantined = async () => Object.keys((await toy.ledger.state()).quarantine);

async function rollOut(next: RolloutRequest): Promise<{ readonly code: number | null; readonly output: string }> {
    const run = toy.run(next);
    const code = await run.ended();
    await untilClosed(toy);
    return { code, output: run.output() };
}

describe("containers that are made anew", () => {
    test("follow those of their own revision, all services at once, without a failed request [R31] [R91]", async () => {
        const next = await toy.renew(runs, ["store", "consumer", "web"]);
        expect(next.release).toBe(runs.release);
        const writer = new Writer(toy);
        const { code, output } = await rollOut(next);
        await writer.end();
        expect([code, output]).toEqual([0, expect.stringContaining("committed")]);
        await toy.sweep(next);
        expect(await deviationsFrom(toy, next)).toEqual([]);
        expect([writer.failed, await dataDeviations(toy, writer)]).toEqual([[], []]);
        expect(writer.acknowledged.length).toBeGreaterThan(5);
        const last = await toy.ledger.lastCommit();
        expect(last).toMatchObject({ release: runs.release.id, renewals: next.renewals, containers: next.containers });
        expect(Object.values(last?.renewals ?? {})).toEqual([1, 1, 1]);
        runs = next;
    }, 120_000);

    test("touch nothing but the one that is asked for, also where that is the edge [R31]", async () => {
        for (const subject of ["web", "edge"] as const) {
            const before = idsOf(runs);
            const next = await toy.renew(runs, [subject]);
            expect((await rollOut(next)).code).toBe(0);
            await toy.sweep(next);
            expect(await deviationsFrom(toy, next)).toEqual([]);
            const changed = Object.entries(idsOf(next)).filter(([name, id]) => before[name] !== id);
            expect(changed.map(([name]) => name)).toEqual([subject]);
            for (const [name, id] of Object.entries(before))
                expect([name, (await toy.engine.inspect(id)) !== undefined]).toEqual([name, name !== subject]);
            runs = next;
        }
    }, 120_000);

    test("may do what was committed, although the one that drifted could do less [R31] [R50]", async () => {
        const weak = await toy.renew(runs, ["web"], { host: { web: { CapDrop: ["ALL"] } } });
        expect((await rollOut(weak)).code).toBe(0);
        await toy.sweep(weak);
        const restored = await toy.renew(weak, ["web"]);
        expect((await rollOut(restored)).code).toBe(0);
        await toy.sweep(restored);
        expect(await deviationsFrom(toy, restored)).toEqual([]);
        runs = restored;
    }, 120_000);
});

describe("a fresh container that does not pass", () => {
    test("gives way to the one that ran, and the release is not quarantined for it [R31] [R95]", async () => {
        const commits = (await toy.ledger.commits()).length;
        const next = await toy.renew(runs, ["store", "web"], { faults: { web: "exit-at-boot" } });
        const { code, output } = await rollOut(next);
        expect([code, output]).toEqual([1, expect.stringContaining("broken on purpose")]);
        expect(toy.report<Recorded>("outcome.json")).toMatchObject({ outcome: "rolled-back" });
        expect(await deviationsFrom(toy, runs)).toEqual([]);
        expect((await toy.ledger.commits()).length).toBe(commits);
        expect(await quarantined()).toEqual([]);
        await toy.sweep(runs);
    }, 120_000);
});

describe("a correction that is killed", () => {
    const cases: readonly (readonly [Victim, number])[] = [
        ["both", 9],
        ["provider", 16],
    ];
    test.each(cases)(
        "%s at boundary %s, ends in all old or all new by itself [R31] [R94]",
        async (victim, freezeAt) => {
            const next = await toy.renew(runs, ["store", "consumer", "web"]);
            const run = toy.run(next, { freezeAt });
            expect([await run.frozen(), run.output()]).toEqual([true, expect.any(String)]);
            run.kill(victim);
            await run.ended();
            await run.providerGone();
            await untilClosed(toy);
            const last = await toy.ledger.lastCommit();
            const wanted = last?.containers.web?.name === next.containers.web?.name ? next : runs;
            expect(await deviationsFrom(toy, wanted)).toEqual([]);
            expect(await quarantined()).toEqual([]);
            await toy.sweep(wanted);
            runs = wanted;
        },
        120_000,
    );
});
