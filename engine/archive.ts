/** Tar archives, as the engine takes and gives files. */

import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { extract, pack } from "tar-stream";
import type { FileEntry } from "./docker-facts.ts";

export async function packFiles(files: readonly FileEntry[]): Promise<Buffer> {
    const archive = pack();
    for (const file of files) {
        const content = typeof file.content === "string" ? Buffer.from(file.content) : file.content;
        archive.entry(
            { name: file.name, mode: file.mode ?? 0o644, uid: file.uid ?? 0, gid: file.gid ?? 0, size: content.length },
            content,
        );
    }
    archive.finalize();
    return buffer(archive);
}

/** The content of the first file; undefined when there is none. The source is read to its end or destroyed. */
export async function firstFile(source: Readable): Promise<Buffer | undefined> {
    let found: Buffer | undefined;
    for await (const entry of unpack(source)) {
        if (found === undefined && entry.header.type === "file") found = await buffer(entry);
        else entry.resume();
    }
    return found;
}

/** The content of every file by its name, which is told without the first folder: the one that was asked for. */
export async function filesOf(source: Readable): Promise<Map<string, Buffer>> {
    const files = new Map<string, Buffer>();
    for await (const entry of unpack(source)) {
        const { name, type } = entry.header;
        if (type === "file") files.set(name.slice(name.indexOf("/") + 1), await buffer(entry));
        else entry.resume();
    }
    return files;
}

function unpack(source: Readable) {
    const archive = extract();
    source.on("error", (error) => archive.destroy(error));
    archive.on("error", () => source.destroy());
    source.pipe(archive);
    return archive;
}
