/** How long something took, as the set-up says it. */
import { expect, test } from "@jest/globals";
import { duration } from "../../toolchain/progress.ts";

test.each([
    [0, "0.0 s"],
    [4_240, "4.2 s"],
    [12_400, "12 s"],
    [60_000, "1 min 00 s"],
    [185_000, "3 min 05 s"],
    [3_600_000, "60 min 00 s"],
    // Rounded as a whole: never 60 seconds beside a minute.
    [119_600, "2 min 00 s"],
])("%i ms are %s", (ms, text) => expect(duration(ms)).toBe(text));
