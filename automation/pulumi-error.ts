/** From what the Automation API throws to a failure that a person can read. Pure. */

import { CommandError } from "@pulumi/pulumi/automation/index.js";
import { PlumblineError } from "../release/errors.ts";
import { cleanMessage, type Diagnostics, stripColours } from "./diagnostics.ts";
import { type Failure, failureOf } from "./result.ts";

/**
 * The failure behind a thrown value. Of a failed Pulumi operation it is the error diagnostics, which are only in the
 * events; where there are none, what the CLI wrote to standard error.
 */
export function pulumiFailure(error: unknown, diagnostics: Diagnostics): Failure {
    if (error instanceof PlumblineError) return failureOf(error);
    if (!(error instanceof CommandError)) return failureOf(error);
    const errors = diagnostics.errors();
    const message = errors.length > 0 ? errors.join("\n\n") : commandText(error);
    return { category: "pulumi", message, remedy: null, service: null };
}

/** What the CLI wrote, without the command line and the API's wrapping. */
export function commandText(error: CommandError): string {
    const text = stripColours(error.message);
    const stderr = /\n stderr: ([\s\S]*?)\n err\?: /.exec(text)?.[1] ?? text;
    const lines = stderr.split("\n").filter((line) => !/^Command failed with exit code \d+:/.test(line));
    return cleanMessage(lines.join("\n")) || cleanMessage(stderr);
}
