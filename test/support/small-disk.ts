/** A disk of a few megabytes over a folder, which a test can really fill. */
import { execFile } from "node:child_process";
import {
    appendFileSync,
    closeSync,
    mkdirSync,
    mkdtempSync,
    openSync,
    rmdirSync,
    rmSync,
    statfsSync,
    statSync,
    writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const exec = promisify(execFile);
/** What a file system gives at least. */
const pageBytes = 4096;

/** Why none can be made on this machine; null when it can. */
export async function whyNoSmallDisk(): Promise<string | null> {
    if (process.platform !== "linux") return "it needs Linux";
    if (process.getuid?.() !== 0) return "it needs root, to mount a file system";
    const folder = mkdtempSync(path.join(tmpdir(), "plumbline-disk-"));
    try {
        await (await SmallDisk.over(folder, 1)).dispose();
        return null;
    } catch (error) {
        return `a file system cannot be mounted here: ${String(error)}`;
    } finally {
        rmdirSync(folder);
    }
}

export class SmallDisk {
    readonly folder: string;

    private constructor(folder: string) {
        this.folder = folder;
    }

    /** Lies over what the folder holds, until `dispose`. */
    static async over(folder: string, mebibytes: number): Promise<SmallDisk> {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        const options = `size=${mebibytes}m,mode=0700`;
        await exec("mount", ["-t", "tmpfs", "-o", options, "plumbline-test", folder]);
        return new SmallDisk(folder);
    }

    get freeBytes(): number {
        const { bavail, bsize } = statfsSync(this.folder);
        return bavail * bsize;
    }

    /** Writes a file until only so much is free. */
    fill(leaveBytes = 0): void {
        const file = openSync(this.#filler, "a");
        try {
            const block = Buffer.alloc(1024 * pageBytes);
            for (let left = this.freeBytes - leaveBytes; left >= pageBytes; left = this.freeBytes - leaveBytes)
                writeSync(file, block, 0, Math.min(left, block.length));
        } finally {
            closeSync(file);
        }
    }

    /** Until not one more line fits into this file of it either: the room of a file ends at a page. */
    fillUp(file: string): void {
        this.fill();
        try {
            const { size } = statSync(file);
            appendFileSync(file, "\n".repeat(pageBytes - (size % pageBytes)));
        } catch (error) {
            // Whoever writes there at this moment was faster.
            if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        }
    }

    /** Takes the file away again. */
    empty(): void {
        rmSync(this.#filler, { force: true });
    }

    async dispose(): Promise<void> {
        // A guard that is about to go may have its log open there still.
        await exec("umount", ["--lazy", this.folder]);
    }

    get #filler(): string {
        return path.join(this.folder, "filler");
    }
}
