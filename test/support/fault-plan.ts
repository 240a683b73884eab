/** How many faults a run tries, and chance that comes again with the same seed: the same for all files of test/faults. */

/** Whether the folder was asked for (`npm run test:faults`), and not all tests. */
export const isAskedFor = process.argv.some((word) => word.includes("test/faults"));

/** One run is like another unless `PLUMBLINE_SEED` is given: what fails can be repeated. */
export const seed = Number(process.env.PLUMBLINE_SEED ?? 20261124);

/** Where a run over every boundary begins, as `PLUMBLINE_FROM` sets it: one that was cut off can be continued. */
export const firstBoundary = Number(process.env.PLUMBLINE_FROM ?? 1);
/** More than any rollout of the toy has: the rollout itself says where it ends. */
export const mostBoundaries = 70;
/** About the boundaries of an update, and of one that is undone: what a sample draws from. */
export const usualBoundaries = { forward: 28, undo: 44 } as const;
/** About as long as a rollout takes, in milliseconds: a moment after its end is drawn again. */
export const longestMs = 5_000;
export const ways = ["forward", "undo"] as const;

/**
 * Cases of each test, as `PLUMBLINE_FAULTS` sets them; Infinity for all of them.
 *
 * @param usual among all tests, where nothing is set
 */
export function faultLimit(usual: number): number {
    const given = process.env.PLUMBLINE_FAULTS;
    if (given === "all" || (given === undefined && isAskedFor)) return Number.POSITIVE_INFINITY;
    return Number(given ?? usual);
}

/** Numbers that look like chance and come again with the same seed (mulberry32), 0 up to 1. */
export function seeded(from: number): () => number {
    let state = from >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

export const chance = seeded(seed);

export function pick<T>(from: readonly [T, ...T[]]): T {
    return from[Math.floor(chance() * from.length)] ?? from[0];
}

/** @param tryOne false when the rollout was over before its moment had come: so many that were not too late */
export async function untilReached(count: number, tryOne: () => Promise<boolean>): Promise<void> {
    for (let reached = 0; reached < count; ) if (await tryOne()) reached += 1;
}
