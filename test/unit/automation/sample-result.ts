/** A result of a command as all commands have it: what a test says of its own is laid over it. */
import type { CommandResult } from "../../../automation/result.ts";

export const sampleResult: CommandResult = {
    command: "any",
    stack: "local",
    outcome: "listed",
    reason: null,
    exitCode: 0,
    release: null,
    startedAt: "",
    durationMs: 1,
    evidence: null,
    notes: [],
    failure: null,
    diagnostics: [],
};
