/**
 * `kill -9` from another process, at every boundary of an update of three services and at chance moments. Asked for by its
 * folder (`npm run test:faults`) it tries everything; among all tests a sample. `PLUMBLINE_FAULTS` sets the number of cases
 * of each test, `PLUMBLINE_SEED` repeats a run.
 */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Toy } from "../support/toy.ts";
import { describeCase, KillBed, type KillCase, seeded } from "../support/toy-kills.ts";
import { type Victim, victims } from "../support/toy-run.ts";

const isAskedFor = process.argv.some((word) => word.includes("test/faults"));
const given = process.env.PLUMBLINE_FAULTS;
/** Cases of each test; Infinity for all of them. */
const limit = given === "all" || (given === undefined && isAskedFor) ? Number.POSITIVE_INFINITY : Number(given ?? 4);
// One run is like another unless a seed is given: what fails can be repeated.
const seed = Number(process.env.PLUMBLINE_SEED ?? 20261124);
/** More than any rollout of the toy has: the rollout itself says where it ends. */
const mostBoundaries = 70;
/** About the boundaries of an update, and of one that is undone: what a sample draws from. */
const usual = { forward: 28, undo: 44 } as const;
/** Longest chance moment, in milliseconds. */
const longestMs = 12_000;
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

const chance = seeded(seed);
const pick = <T>(from: readonly [T, ...T[]]): T => from[Math.floor(chance() * from.length)] ?? from[0];
const thaws: readonly [KillCase["thaw"], ...KillCase["thaw"][]] = ["at once", "after the end"];

describe("F12 an update that is killed ends in all old or all new by itself", () => {
    if (limit === Number.POSITIVE_INFINITY) {
        for (const way of ["forward", "undo"] as const) {
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
    test(
        "a sample of boundaries [R90, R95]",
        async () => {
            for (let count = 0; count < limit; count += 1) {
                const way = pick<KillCase["way"]>(["forward", "undo"]);
                const boundary = 1 + Math.floor(chance() * usual[way]);
                const victim = victims[Math.floor(chance() * victims.length)] ?? "both";
                await tryCase({ victim, way, moment: { boundary }, thaw: pick(thaws) });
            }
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
    for (let done = 0; done < count; done += 1) {
        const victim = victims[Math.floor(chance() * victims.length)] ?? "both";
        const afterMs = Math.round(chance() * longestMs);
        await tryCase({
            victim,
            way: pick<KillCase["way"]>(["forward", "undo"]),
            moment: { afterMs },
            thaw: "at once",
        });
    }
}

async function tryCase(kill: KillCase): Promise<boolean> {
    const started = Date.now();
    const reached = await bed.runCase(kill);
    console.log(
        `${describeCase(kill)}: ${reached ? "" : "over before, "}${((Date.now() - started) / 1000).toFixed(1)} s`,
    );
    return reached;
}
