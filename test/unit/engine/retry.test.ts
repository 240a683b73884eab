import { describe, expect, test } from "@jest/globals";
import { delayBefore, enginePolicy, type RetryPolicy, sleep, withRetry } from "../../../engine/retry.ts";
import { networkPolicy } from "../../../release/freeze.ts";
import { parseSettings } from "../../../release/settings.ts";
import { stackNames } from "../../../release/settings-schema.ts";

const policy: RetryPolicy = { attempts: 4, firstDelayMs: 100, factor: 2, maxDelayMs: 300, jitter: 0.5 };
const quick: RetryPolicy = { ...policy, firstDelayMs: 1, maxDelayMs: 1 };

describe("the waits", () => {
    test.each(stackNames)(
        "of a door without a release are those of the settings' defaults, as in %s [R21]",
        (stack) => {
            expect(enginePolicy).toEqual(networkPolicy(parseSettings(stack, {})).retry);
        },
    );

    test("grow by the factor up to the longest [R21]", () => {
        expect([2, 3, 4, 5].map((attempt) => delayBefore(attempt, policy, 0.5))).toEqual([100, 200, 300, 300]);
    });

    test("are spread by chance within the jitter's share", () => {
        expect([0, 0.5, 1].map((random) => delayBefore(2, policy, random))).toEqual([50, 100, 150]);
        expect(delayBefore(2, { ...policy, jitter: 0 }, 0.99)).toBe(100);
    });
});

describe("repeating", () => {
    test("ends with the first success and tells of each failure [R21]", async () => {
        const told: number[] = [];
        const act = async (attempt: number) => {
            if (attempt < 3) throw new Error("not yet");
            return attempt;
        };
        const onRetry = (_error: unknown, attempt: number) => told.push(attempt);
        expect(await withRetry(act, { policy: quick, isTransient: () => true, onRetry })).toBe(3);
        expect(told).toEqual([1, 2]);
    });

    test("gives up with the last error after the last try", async () => {
        let tries = 0;
        const act = async () => {
            tries++;
            throw new Error(`try ${tries}`);
        };
        await expect(withRetry(act, { policy: quick, isTransient: () => true })).rejects.toThrow("try 4");
    });

    test("does not repeat what will not pass", async () => {
        let tries = 0;
        const act = async () => {
            tries++;
            throw new Error("for good");
        };
        await expect(withRetry(act, { policy: quick, isTransient: () => false })).rejects.toThrow("for good");
        expect(tries).toBe(1);
    });

    test("ends when it is told to, also in the middle of a wait", async () => {
        const stop = new AbortController();
        const act = async () => {
            throw new Error("away");
        };
        const onRetry = () => stop.abort(new Error("enough"));
        const long = { ...policy, firstDelayMs: 600_000, maxDelayMs: 600_000 };
        const running = withRetry(act, { policy: long, isTransient: () => true, signal: stop.signal, onRetry });
        await expect(running).rejects.toThrow("enough");
        await expect(sleep(600_000, stop.signal)).rejects.toThrow("enough");
    });
});
