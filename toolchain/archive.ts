/** Takes single executables out of a `.tar.gz`. */

import { createReadStream, createWriteStream, renameSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";

/**
 * Puts the named files of an archive into a folder, each whole or not at all.
 * @param files names as they stand in the archive, whose last part names the file in the folder
 * @throws Error when the archive is damaged or does not hold them all
 */
export async function extractExecutables(archive: string, files: readonly string[], folder: string): Promise<void> {
    const missing = new Set(files);
    const entries = extract();
    const fed = pipeline(createReadStream(archive), createGunzip(), entries);
    // Awaited below; until then a failure must not count as one that nobody handles.
    fed.catch(() => {});
    for await (const entry of entries) {
        if (!missing.delete(entry.header.name)) {
            entry.resume();
            continue;
        }
        const target = path.join(folder, path.basename(entry.header.name));
        await pipeline(entry, createWriteStream(`${target}.part`, { mode: 0o755 }));
        renameSync(`${target}.part`, target);
    }
    await fed;
    if (missing.size > 0) throw new Error(`${path.basename(archive)} holds no ${[...missing].join(", ")}`);
}
