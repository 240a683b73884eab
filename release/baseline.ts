/** The baseline: the compose file as `docker compose config` normalises it, in our own vocabulary. */
import type { Settings } from "./settings.ts";

export interface Baseline {
    readonly project: string;
}

export async function loadBaseline(
    _projectDir: string,
    _settings: Settings,
    _options: { readonly composeCommand: readonly string[] },
): Promise<Baseline> {
    throw new Error("not yet");
}
