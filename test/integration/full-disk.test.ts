/** The disk of the reports is full: nothing goes out without its evidence, and the way back needs none. */
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { RolloutRequest } from "../../rollout/session.ts";
import { SmallDisk, whyNoSmallDisk } from "../support/small-disk.ts";
import { Toy } from "../support/toy.ts";
import { deviationsFrom, untilClosed } from "../support/toy-judge.ts";

const why = await whyNoSmallDisk();
if (why !== null) process.stderr.write(`test/integration/full-disk.test.ts is skipped: ${why}\n`);
const suite = why === null ? describe : describe.skip;

/** In the middle of an update of three services: the store is in the hands of neither. */
const inTheMiddle = 12;

suite("a disk that is full", () => {
    let toy: Toy;
    let base: RolloutRequest;
    let disk: SmallDisk;
    let count = 0;

    const timeline = () => path.join(toy.reports, "timeline.jsonl");
    const another = () => {
        count += 1;
        const number = `full ${count}`;
        return toy.declare({ settings: { store: number, consumer: number, web: number } });
    };
    const startedAt = async () =>
        Promise.all(
            Object.values(base.containers).map(async ({ name }) => (await toy.engine.inspect(name))?.startedAt),
        );
    const quarantined = async () => Object.keys((await toy.ledger.state()).quarantine);
    const undoneProven = async () => {
        await untilClosed(toy);
        expect(await deviationsFrom(toy, base)).toEqual([]);
        expect(await quarantined()).toEqual([]);
    };

    beforeAll(async () => {
        toy = await Toy.open();
        base = await toy.deploy();
    }, 300_000);

    beforeEach(async () => {
        disk = await SmallDisk.over(toy.reports, 2);
    });

    afterEach(() => disk.dispose());

    afterAll(() => toy?.close(), 120_000);

    test("at the beginning touches nothing [R10, R95]", async () => {
        disk.fill();
        const before = await startedAt();
        const run = toy.run(await another());
        expect({ code: await run.ended(), output: run.output() }).toMatchObject({ code: 1 });
        expect(run.output()).toMatch(/infrastructure\/reports\/local\S* cannot be written: ENOSPC/);
        await undoneProven();
        expect(await startedAt()).toEqual(before);
    }, 120_000);

    test("in the middle takes everything back and says why; with room again the same release goes out [R90, R95]", async () => {
        const next = await another();
        const run = toy.run(next, { freezeAt: inTheMiddle });
        expect(await run.frozen()).toBe(true);
        disk.fillUp(timeline());
        run.thaw();
        expect({ code: await run.ended(), output: run.output() }).toMatchObject({ code: 1 });
        expect(run.output()).toContain("infrastructure/reports/local/timeline.jsonl cannot be written: ENOSPC");
        expect(run.output()).toContain(`Release ${base.release.id} runs as before, proven.`);
        await undoneProven();

        disk.empty();
        const again = toy.run(next);
        expect({ code: await again.ended(), output: again.output() }).toMatchObject({ code: 0 });
        base = next;
        await toy.sweep(base);
        expect(await deviationsFrom(toy, base)).toEqual([]);
    }, 180_000);

    test("does not keep the guard from ending what a dead deployer has left [R94]", async () => {
        const run = toy.run(await another(), { freezeAt: inTheMiddle });
        expect(await run.frozen()).toBe(true);
        disk.fillUp(timeline());
        run.kill("both");
        expect(run.hadGuard).toBe(true);
        await undoneProven();
    }, 180_000);
});
