/** Stamps: what the set-up installed, in which version and from which source. Written last, so that a stamp proves a whole part. */

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { SourceKind } from "./part.ts";
import type { ToolPaths } from "./paths.ts";

export interface Stamp {
    readonly version: string;
    readonly source: SourceKind;
}

/** The stamp of a part, or undefined where there is none or it cannot be read as one. */
export function readStamp(paths: ToolPaths, part: string): Stamp | undefined {
    try {
        const stamp: unknown = JSON.parse(readFileSync(stampFile(paths, part), "utf8"));
        return isStamp(stamp) ? stamp : undefined;
    } catch {
        // Absent or cut short: the part is looked upon as missing, and installed again.
        return undefined;
    }
}

/** Writes a stamp whole or not at all. */
export function writeStamp(paths: ToolPaths, part: string, stamp: Stamp): void {
    mkdirSync(paths.stamps, { recursive: true });
    const draft = `${stampFile(paths, part)}.${process.pid}`;
    writeFileSync(draft, `${JSON.stringify(stamp)}\n`);
    renameSync(draft, stampFile(paths, part));
}

/** Removes a stamp before its part is replaced. */
export function removeStamp(paths: ToolPaths, part: string): void {
    rmSync(stampFile(paths, part), { force: true });
}

function stampFile(paths: ToolPaths, part: string): string {
    return path.join(paths.stamps, `${part}.json`);
}

function isStamp(value: unknown): value is Stamp {
    if (typeof value !== "object" || value === null) return false;
    const { version, source } = value as Record<string, unknown>;
    return typeof version === "string" && (source === "ordinary" || source === "registries");
}
