/** Secret values never reach a person's eyes, in whatever spelling they stand. */
import { describe, expect, test } from "@jest/globals";
import { redactor } from "../../../release/redact.ts";

describe("the redactor", () => {
    test("puts the name in the place of every occurrence", () => {
        const redact = redactor({ A_KEY: "correct-horse", B_KEY: "battery-staple" });
        expect(redact("correct-horse and battery-staple, correct-horse")).toBe(
            "<secret:A_KEY> and <secret:B_KEY>, <secret:A_KEY>",
        );
    });

    test("leaves text without secrets as it is", () => {
        expect(redactor({ A_KEY: "correct-horse" })("a correct horse")).toBe("a correct horse");
        expect(redactor({})("anything")).toBe("anything");
    });

    test.each([
        ["percent-encoded, as in a URL", (value: string) => `redis://:${encodeURIComponent(value)}@redis`],
        ["as JSON, as in an inspection", (value: string) => JSON.stringify({ Env: [`PASSWORD=${value}`] })],
        ["plain", (value: string) => `password=${value}`],
    ])("finds one with special characters %s", (_, spelled) => {
        const value = 'p@ss/w "o\\r$&d';
        const clean = redactor({ A_KEY: value })(spelled(value));
        expect(clean).toContain("<secret:A_KEY>");
        expect(clean).not.toContain("ss/w");
        expect(clean).not.toContain("ss%2Fw");
    });

    test("takes the longer one first when one secret is part of another", () => {
        const redact = redactor({ SHORT: "abcdefgh", LONG: "abcdefgh-ijklmnop" });
        expect(redact("abcdefgh-ijklmnop abcdefgh")).toBe("<secret:LONG> <secret:SHORT>");
    });

    test("leaves words shorter than eight characters, which occur everywhere", () => {
        const redact = redactor({ SEVEN: "default", EIGHT: "defaults" });
        expect(redact("default defaults")).toBe("default <secret:EIGHT>");
    });
});
