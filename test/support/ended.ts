/**
 * How a command ended. A failed expectation shows what the command printed last, which Jest hides wherever a matcher such
 * as `expect.any(String)` accepts it.
 */
import { expect } from "@jest/globals";
import type { Ran } from "./project.ts";
import type { Told } from "./small.ts";

/** @param code the exit code; null: killed; `failing`: any but 0 */
export function expectExit(ran: Ran, code: number | null | "failing"): void {
    const asExpected = code === "failing" ? ran.code !== 0 : ran.code === code;
    expect(asExpected ? "as expected" : `ended with ${ran.code}:\n${lastLines(ran)}`).toBe("as expected");
}

/** The end of one of our commands with `--json`: its exit code and its outcome. */
export function expectEnd({ exitCode, outcome, failure, ran }: Told, ...expected: readonly [number, string]): void {
    const asExpected = exitCode === expected[0] && outcome === expected[1];
    const words = (...[code, name]: readonly [number, string]) => `${name} (${code})`;
    const more = asExpected ? "" : `: ${failure?.message}\n${lastLines(ran)}`;
    expect(words(exitCode, outcome) + more).toBe(words(...expected));
}

/** What it said before its end tells most; a whole deploy would hide it. */
function lastLines({ output }: Ran): string {
    return output.split("\n").slice(-60).join("\n");
}
