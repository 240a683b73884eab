/** Times, ports and hints. */
import { expect, test } from "@jest/globals";
import { didYouMean } from "../../../release/suggest.ts";
import { durationMs, portRange } from "../../../release/units.ts";

test.each([
    ["1m30s", 90_000],
    ["1h0m0.5s", 3_600_500],
    ["3s", 3000],
    ["500ms", 500],
    ["0s", 0],
    ["250us", 0.25],
])("%s is %d milliseconds", (text, ms) => {
    expect(durationMs(text)).toBe(ms);
});

test.each(["", "5", "s", "-1s", "1 s", "1s2", "1d", "1m30"])("%j is no duration", (text) => {
    expect(durationMs(text)).toBeUndefined();
});

test("ports are one or a range, of tcp", () => {
    expect(portRange("8000")).toEqual([8000]);
    expect(portRange("8000-8002/tcp")).toEqual([8000, 8001, 8002]);
    for (const text of ["53/udp", "0", "65536", "9-8", "a", "", "1-2-3"]) expect(portRange(text)).toBeUndefined();
});

test("a hint is given for a slip or a beginning, and not for another word", () => {
    expect(didYouMean("postgers", ["redis", "postgres"])).toBe(" (did you mean postgres?)");
    expect(didYouMean("prod", ["local", "production"])).toBe(" (did you mean production?)");
    expect(didYouMean("elephant", ["redis", "postgres"])).toBe("");
    expect(didYouMean("x", [])).toBe("");
});
