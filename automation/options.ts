/** The options that all commands share, and how a stack's name is checked before anything is touched. */

import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { distance } from "fastest-levenshtein";
import { PlumblineError } from "../release/errors.ts";
import type { ProgressView } from "./progress-view.ts";

/** The stack that a command takes when none is named. */
export const defaultStack = "local";

/** Options of every function of this room. */
export interface CommandOptions {
    /** Name of the stack. @default "local" */
    readonly stack?: string;
    /** Folder with `Pulumi.yaml`. @default the folder of this checkout */
    readonly projectDir?: string;
    /** Environment to work in; the tools of the project are added to it. @default process.env */
    readonly env?: Readonly<NodeJS.ProcessEnv>;
    /** Who is told of the progress. @default nobody */
    readonly view?: ProgressView;
    /** Asks Pulumi to stop at the next safe point. @default never */
    readonly signal?: AbortSignal;
}

/** The folder of this checkout. */
export function projectFolder(options: CommandOptions): string {
    return options.projectDir ?? path.dirname(import.meta.dirname);
}

/** The stacks that have a settings file in the project folder, sorted. */
export function knownStacks(projectDir: string): string[] {
    return readdirSync(projectDir)
        .map((file) => /^Pulumi\.([A-Za-z0-9_-]+)\.yaml$/.exec(file)?.[1])
        .filter((name) => name !== undefined)
        .sort();
}

/**
 * Refuses a stack that has no `Pulumi.<stack>.yaml`: Pulumi itself would create an empty one without a word.
 * @throws PlumblineError `settings`
 */
export function requireStackFile(projectDir: string, stack: string): void {
    if (/^[A-Za-z0-9_-]+$/.test(stack) && existsSync(path.join(projectDir, `Pulumi.${stack}.yaml`))) return;
    const known = knownStacks(projectDir);
    const close = known.find((name) => distance(name, stack) <= 2);
    throw new PlumblineError(
        "settings",
        `There is no stack "${stack}": Pulumi.${stack}.yaml does not exist. Known stacks: ${known.join(", ") || "none"}.`,
        {
            remedy: close
                ? `Did you mean --stack ${close}?`
                : `Name one of the known stacks, or write Pulumi.${stack}.yaml.`,
        },
    );
}
