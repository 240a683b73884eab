/**
 * Crashes of an engine of its own under a rollout of the toy, run where that engine's ports are:
 * `node toy-engine-crash.ts <engine> <bundles> every forward|undo`, `… chance <count>`, `… sample <count>` or `… starting
 * <count>`, where in the folder of bundles the engine begins what it starts. It prints `crash` when the engine is to be
 * killed and `boot` when it is to be started again, and waits for a line on standard input each time. It goes on after a case
 * that failed, with a new toy, and ends with 0 when there was none.
 */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline/promises";
import { setTimeout as sleep } from "node:timers/promises";
import {
    chance,
    firstBoundary,
    longestMs,
    mostBoundaries,
    pick,
    untilReached,
    usualBoundaries,
    ways,
} from "./fault-plan.ts";
import { Toy } from "./toy.ts";
import { describeMoment, KillBed, type KillCase, OverBefore } from "./toy-kills.ts";

const [host = "", bundles = "", plan, of] = process.argv.slice(2);
/** Containers that a rollout starts: on the way forward, and with those that an undo starts again. */
const usualStarts = { forward: 3, undo: 5 } as const;

const lines = createInterface({ input: process.stdin });
const answer = () => new Promise<void>((resolve) => lines.once("line", () => resolve()));

const newBed = async () => {
    const toy = await Toy.open(host);
    return new KillBed(toy, await toy.deploy());
};

let bed = await newBed();
let failed = 0;

/** False when the rollout was over before its moment had come. */
async function tryCase(
    way: KillCase["way"],
    moment: KillCase["moment"],
    until: () => Promise<void> = async () => undefined,
): Promise<boolean> {
    const about = `${way}, ${describeMoment(moment)}`;
    const started = Date.now();
    try {
        const reached = await bed.runEngineCrash(way, moment, async (thaw) => {
            await until();
            console.log("crash");
            await answer();
            // The engine is away: the rollout goes on, and meets nobody.
            thaw();
            console.log("boot");
            await answer();
        });
        const took = ((Date.now() - started) / 1000).toFixed(1);
        console.log(`${about}: ${reached ? "as it should be" : "over before"}, ${took} s`);
        return reached;
    } catch (error) {
        const isOver = error instanceof Error && error.cause instanceof OverBefore;
        if (!isOver) failed += 1;
        console.log(`${about}: ${isOver ? "over as it came" : `FAILED: ${String(error)}`}`);
        await bed.toy.close();
        bed = await newBed();
        return !isOver;
    }
}

async function everyBoundary(way: KillCase["way"]): Promise<void> {
    let boundary = firstBoundary;
    while (boundary < mostBoundaries && (await tryCase(way, { boundary }))) boundary += 1;
}

async function chanceMoments(count: number): Promise<void> {
    await untilReached(count, () => tryCase(pick(ways), { afterMs: Math.round(chance() * longestMs) }));
}

async function sampleOfBoundaries(count: number): Promise<void> {
    await untilReached(count, () => {
        const way = pick(ways);
        return tryCase(way, { boundary: 1 + Math.floor(chance() * usualBoundaries[way]) });
    });
}

/** Each while the engine starts a container, which it cannot start again by itself then. */
async function startsOfContainers(count: number): Promise<void> {
    await untilReached(count, () => {
        const way = pick(ways);
        const start = 1 + Math.floor(chance() * usualStarts[way]);
        console.log(`${way}, in start ${start}`);
        return tryCase(way, { afterMs: 0 }, startBegun(start));
    });
}

/** Waits until so many containers have been begun, also those that ran before; not for ever, as a rollout may have fewer. */
function startBegun(wanted: number): () => Promise<void> {
    const known = new Set(readdirSync(bundles));
    let begun = 0;
    return async () => {
        for (const end = performance.now() + 3 * longestMs; begun < wanted && performance.now() < end; await sleep(2)) {
            const there = readdirSync(bundles);
            for (const id of known) if (!there.includes(id)) known.delete(id);
            for (const id of there) {
                if (known.has(id) || !existsSync(path.join(bundles, id, "runtime"))) continue;
                known.add(id);
                begun += 1;
            }
        }
    };
}

try {
    if (plan === "every") await everyBoundary(of === "undo" ? "undo" : "forward");
    else if (plan === "chance") await chanceMoments(Number(of));
    else if (plan === "starting") await startsOfContainers(Number(of));
    else await sampleOfBoundaries(Number(of));
    process.exitCode = failed === 0 ? 0 : 1;
} finally {
    lines.close();
    await bed.toy.close();
}
