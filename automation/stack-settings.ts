/** A stack's settings and secrets as its configuration holds them, for commands that work without the program. */

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { stackConfiguration } from "../release/config.ts";
import { parseSettings, type Settings } from "../release/settings.ts";

/** What the commands read of a stack's configuration. */
export interface StackSettings {
    readonly settings: Settings;
    /** Keys without `plumbline:`, structured values as JSON: what `loadRelease` takes. Holds secrets in clear. */
    readonly raw: Readonly<Record<string, string>>;
    /** The engine's address where the stack sets `docker:host`. */
    readonly engineHost: string | undefined;
}

/**
 * Reads and validates a stack's settings.
 * @throws PlumblineError `settings`
 */
export async function readStackSettings(stack: Stack): Promise<StackSettings> {
    const config = await stack.getAllConfig();
    const raw = stackConfiguration(Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value])));
    return { settings: parseSettings(stack.name, raw), raw, engineHost: config["docker:host"]?.value };
}
