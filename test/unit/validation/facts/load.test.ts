/** The value below which a share of the answers lies. */
import { describe, expect, test } from "@jest/globals";
import { quantile } from "../../../../validation/facts/load.ts";

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe("a quantile", () => {
    test.each<[number, number, number]>([
        [1, 0.5, 1],
        [1, 0.95, 1],
        [2, 0.5, 1],
        [3, 0.5, 2],
        [4, 0.5, 2],
        [10, 0.95, 10],
        [19, 0.95, 19],
        [20, 0.95, 19],
        [100, 0.95, 95],
        [100, 0.5, 50],
        [100, 1, 100],
    ])("of 1 to %d at %d is %d", (count, share, value) => {
        expect(quantile(upTo(count), share)).toBe(value);
    });

    test("is a value that was seen, with at least its share of the values at or below it", () => {
        for (let count = 1; count <= 60; count += 1) {
            for (const share of [0.1, 0.5, 0.9, 0.95, 0.99]) {
                const value = quantile(upTo(count), share) ?? 0;
                expect(value).toBeGreaterThanOrEqual(count * share - 1e-9);
                expect(value - 1).toBeLessThan(count * share);
            }
        }
    });

    test("of nothing is nothing, not zero", () => {
        expect(quantile([], 0.5)).toBeNull();
        expect(quantile([], 0.95)).toBeNull();
    });
});
