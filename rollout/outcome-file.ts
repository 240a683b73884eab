/** The last outcome on disk: how a command learns what a rollout inside `pulumi up` ended in. */
import { renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { RolloutOutcome } from "./outcome.ts";
import { reportsFolder } from "./timeline.ts";

/** Path of the file, relative to the project. */
export function lastOutcomePath(stack: string): string {
    return path.join(reportsFolder(stack), "outcome.json");
}

/** Written in one move, so that a reader sees the old outcome or the new one. */
export function writeLastOutcome(outcome: RolloutOutcome, error: string | null): void {
    const file = lastOutcomePath(outcome.stack);
    writeFileSync(`${file}.tmp`, `${JSON.stringify({ ...outcome, error }, null, 4)}\n`, { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
}
