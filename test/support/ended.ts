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
export function expectEnd(told: Told, exitCode: number, outcome: string): void {
    const ended = `${told.outcome} (${told.exitCode})`;
    const expected = `${outcome} (${exitCode})`;
    const more = ended === expected ? "" : `: ${told.failure?.message}\n${lastLines(told.ran)}`;
    expect(ended + more).toBe(expected);
}

/** What it said before its end tells most; a whole deploy would hide it. */
function lastLines({ output }: Ran): string {
    return output.split("\n").slice(-60).join("\n");
}
