/** From what the Automation API throws to a failure that a person can read. Pure. */

import { CommandError } from "@pulumi/pulumi/automation/index.js";
import { type ErrorCategory, PlumblineError } from "../release/errors.ts";
import { cleanMessage, type Diagnostics, stripColours } from "./diagnostics.ts";
import { type Failure, failureOf } from "./result.ts";

const errorCategories: readonly ErrorCategory[] = [
    "usage",
    "baseline",
    "settings",
    "port-conflict",
    "dependency",
    "engine",
    "image",
    "startup",
    "health",
    "performance",
    "security",
    "backup",
    "migration",
    "switch",
    "rollback",
];

/**
 * The failure behind a thrown value. Of a failed Pulumi operation it is the error diagnostics, which are only in the
 * events; where there are none, what the CLI wrote to standard error.
 */
export function pulumiFailure(error: unknown, diagnostics: Diagnostics): Failure {
    if (error instanceof PlumblineError) return failureOf(error);
    if (!(error instanceof CommandError)) return failureOf(error);
    const errors = diagnostics.errors();
    const message = errors.length > 0 ? errors.join("\n\n") : commandText(error);
    return (
        ownFailure(message) ??
        passphraseFailure(message) ?? { category: "pulumi", message, remedy: null, service: null }
    );
}

function passphraseFailure(message: string): Failure | null {
    if (!/passphrase must be set|incorrect passphrase/.test(message)) return null;
    const remedy = "Set PULUMI_CONFIG_PASSPHRASE (or PULUMI_CONFIG_PASSPHRASE_FILE) to the passphrase of this stack.";
    return { category: "settings", message, remedy, service: null };
}

/** The failure in a text that one of our errors formatted, as in `… [baseline, api]\n  Next: …`; null where there is none. */
export function ownFailure(text: string): Failure | null {
    const match =
        /^([\s\S]*?) \[([a-z-]+)(?:, ([^\]\n]+))?\]((?:\n {2}because: [\s\S]*?)?)\n {2}Next: ([^\n]+)\s*$/.exec(text);
    const category = errorCategories.find((name) => name === match?.[2]);
    if (!match || category === undefined) return null;
    const [, message = "", , service = null, because = "", remedy = null] = match;
    return { category, message: `${message}${because}`, remedy, service };
}

/** What the CLI wrote, without the command line and the API's wrapping. */
export function commandText(error: CommandError): string {
    const text = stripColours(error.message);
    const signal = /Command was killed with (\w+)/.exec(text)?.[1];
    if (signal !== undefined) return `Pulumi was ended by ${signal} before it was done.`;
    const stderr = /\n stderr: ([\s\S]*?)\n err\?: /.exec(text)?.[1] ?? text;
    const lines = stderr.split("\n").filter((line) => !/^Command failed with exit code \d+:/.test(line));
    return cleanMessage(lines.join("\n")) || cleanMessage(stderr);
}
