/**
 * `kill -9` from another process, at every boundary of an update of three services and at chance moments. Asked for by its
 * folder (`npm run test:faults`) it tries everything; among all tests a sample. `PLUMBLINE_FAULTS` sets the number of chance
 * moments, and of boundaries over all victims, each of whom has one at least; `PLUMBLINE_SEED` repeats a run.
 */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
    chance,
    faultLimit,
    longestMs,
    mostBoundaries,
    pick,
    seed,
    untilReached,
    usualBoundaries,
    ways,
} from "../support/fault-plan.ts";
import { Toy } from "../support/toy.ts";
import { describeCase, KillBed, type KillCase } from "../support/toy-kills.ts";
import { type Victim, victims } from "../support/toy-run.ts";

const limit = faultLimit(4);
const hour = 3_600_000;

let toy: Toy;
let bed: KillBed;

beforeAll(async () => {
    console.log(`kills: PLUMBLINE_SEED=${seed}`);
    toy = await Toy.open();
    bed = new KillBed(toy, await toy.deploy());
}, 300_000);

afterAll(async () => {
    await toy?.close();
}, 120_000);

const thaws: readonly [KillCase["thaw"], ...KillCase["thaw"][]] = ["at once", "after the end"];

describe("F12 an update that is killed ends in all old or all new by itself", () => {
    if (limit === Number.POSITIVE_INFINITY) {
        for (const way of ways) {
            for (const victim of victims)
                test(
                    `${victim}, at every boundary on the way ${way} [R90, R95]`,
                    async () => everyBoundary(victim, way),
                    6 * hour,
                );
        }
        test("anybody, at 50 chance moments [R90, R95]", async () => chanceMoments(50), 6 * hour);
        return;
    }
    test.each(victims)(
        "%s, at a sample of boundaries [R90, R95]",
        async (victim) => {
            await untilReached(Math.max(1, Math.round(limit / victims.length)), () => {
                const way = pick(ways);
                const boundary = 1 + Math.floor(chance() * usualBoundaries[way]);
                return tryCase({ victim, way, moment: { boundary }, thaw: pick(thaws) });
            });
        },
        hour,
    );
    test("a sample of chance moments [R90, R95]", async () => chanceMoments(limit), hour);
});

async function everyBoundary(victim: Victim, way: KillCase["way"]): Promise<void> {
    let boundary = 1;
    while (boundary < mostBoundaries && (await tryCase({ victim, way, moment: { boundary }, thaw: pick(thaws) })))
        boundary += 1;
    expect(boundary).toBeGreaterThan(20);
    expect(boundary).toBeLessThan(mostBoundaries);
}

async function chanceMoments(count: number): Promise<void> {
    await untilReached(count, () => {
        const victim = victims[Math.floor(chance() * victims.length)] ?? "both";
        const moment = { afterMs: Math.round(chance() * longestMs) };
        return tryCase({ victim, way: pick(ways), moment, thaw: "at once" });
    });
}

async function tryCase(kill: KillCase): Promise<boolean> {
    const started = Date.now();
    const reached = await bed.runCase(kill);
    console.log(
        `${describeCase(kill)}: ${reached ? "" : "over before, "}${((Date.now() - started) / 1000).toFixed(1)} s`,
    );
    return reached;
}
