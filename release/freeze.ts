/** Freezing: from baseline and settings to the release, with every name, number and revision in its place. */
import type { Baseline } from "./baseline.ts";
import type { Settings } from "./settings.ts";
import type { Release } from "./types.ts";

export async function freezeRelease(_baseline: Baseline, _settings: Settings, _projectDir: string): Promise<Release> {
    throw new Error("not yet");
}
