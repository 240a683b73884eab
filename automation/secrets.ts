/** `secrets`: gives a stack the secrets that its baseline asks for, encrypted in `Pulumi.<stack>.yaml`. */

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { PlumblineError } from "../release/errors.ts";
import { loadRelease } from "../release/load.ts";
import { generateSecrets } from "../release/secrets.ts";
import { didYouMean } from "../release/suggest.ts";
import type { SecretSource } from "../release/types.ts";
import { conclude } from "./context.ts";
import type { CommandOptions } from "./options.ts";
import { runPulumi } from "./pulumi-cli.ts";
import type { CommandResult } from "./result.ts";
import { readStackSettings } from "./stack-settings.ts";
import { openStack } from "./workspace.ts";

export interface SecretsOptions extends CommandOptions {
    /** Name of a secret that gets a new value, with the keys signed with it. */
    readonly rotate?: string;
}

export interface SecretsResult extends CommandResult {
    /** Names of the secrets that got a value now. */
    readonly set: readonly string[];
    /** Names of the secrets that had one. */
    readonly present: readonly string[];
}

type SecretsExtra = Pick<SecretsResult, "set" | "present">;

/**
 * Generates what is missing and sets it as Pulumi secrets. Values are never shown, and never stand in a command line.
 * The outcome is `secrets-set` (exit code 0), also when nothing was missing, or `refused` (30).
 */
export async function secrets(options: SecretsOptions = {}): Promise<SecretsResult> {
    return conclude("secrets", options, { set: [], present: [] }, async (context) => {
        const stack = await openStack(context, "create", { allowMissingSecrets: true, writes: true });
        const extra = await setMissingSecrets(stack, context.projectDir, options.rotate);
        if (extra.set.length > 0) {
            context.note(`Pulumi.${context.stack}.yaml now holds them encrypted: commit it, and keep the passphrase.`);
        }
        return { outcome: "secrets-set", release: null, evidence: null, extra };
    });
}

/**
 * Sets what is missing, and what is to be renewed.
 * @throws PlumblineError `settings` for a name to rotate that the baseline does not have
 */
export async function setMissingSecrets(stack: Stack, projectDir: string, rotate?: string): Promise<SecretsExtra> {
    const { settings, raw } = await readStackSettings(stack);
    const { release } = await loadRelease(projectDir, stack.name, raw, { allowMissingSecrets: true });
    const kept = withoutRotated(release.secretSources, settings.secrets, rotate);
    const values = await generateSecrets(release.secretSources, kept);
    const set = Object.keys(values).filter((name) => kept[name] === undefined);
    for (const name of set) await setSecret(stack, name, values[name] ?? "");
    return { set: set.sort(), present: Object.keys(kept).sort() };
}

/** The values that stay: all but the one to renew and the keys that are signed with it. */
export function withoutRotated(
    sources: Readonly<Record<string, SecretSource>>,
    given: Readonly<Record<string, string>>,
    rotate?: string,
): Record<string, string> {
    if (rotate !== undefined && !Object.hasOwn(sources, rotate)) {
        const hint = didYouMean(rotate, Object.keys(sources));
        throw new PlumblineError("settings", `The baseline has no secret ${rotate}${hint}.`, {
            remedy: `Name one of ${Object.keys(sources).sort().join(", ")}.`,
        });
    }
    return Object.fromEntries(
        Object.entries(given).filter(([name]) => {
            const source = sources[name];
            return name !== rotate && !(source?.type === "jwt" && source.signedWith === rotate);
        }),
    );
}

/** By standard input: a command line can be read by every user of the machine. */
async function setSecret(stack: Stack, name: string, value: string): Promise<void> {
    const args = ["config", "set", "--path", `plumbline:secrets.${name}`, "--secret", "--stack", stack.name];
    const result = await runPulumi(stack.workspace, args, value);
    if (result.ok) return;
    throw new PlumblineError("settings", `The secret ${name} could not be set: ${result.stderr}`, {
        remedy: "Correct what Pulumi names, and run the command again.",
    });
}

/** What was set and what was there, by name, as text for people. */
export function renderSecrets(result: SecretsResult): string {
    const lines = [
        ...result.set.map((name) => `  set      ${name}`),
        ...result.present.map((name) => `  present  ${name}`),
    ];
    return `Secrets of ${result.stack}:\n${lines.join("\n")}\n`;
}
