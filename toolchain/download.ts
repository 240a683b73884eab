/** Downloads that are whole and proven, or not there at all. */

import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Time-outs in milliseconds. */
export interface Patience {
    /** To learn whether a server is there at all. */
    readonly answerMs: number;
    /** Between two pieces of a file. */
    readonly idleMs: number;
}

export const usualPatience: Patience = { answerMs: 4_000, idleMs: 30_000 };

/** A web server's address, or that of the stand-in which PLUMBLINE_MIRROR names: `<mirror>/<host>/<path>`. */
export function releaseUrl(address: string, env: Readonly<NodeJS.ProcessEnv> = process.env): string {
    const mirror = env.PLUMBLINE_MIRROR;
    return mirror ? `${mirror}/${address.replace(/^https:\/\//, "")}` : address;
}

/** Whether a server has something at an address, and says so in time. */
export async function answers(url: string, patience: Patience = usualPatience): Promise<boolean> {
    try {
        const response = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(patience.answerMs) });
        return response.ok;
    } catch {
        return false;
    }
}

/** The text at an address, for checksum files. */
export async function fetchText(url: string, patience: Patience = usualPatience): Promise<string> {
    const response = await fetch(url, { signal: AbortSignal.timeout(patience.idleMs) });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    return await response.text();
}

/**
 * The SHA-256 of a file in a published list of lines `<digest>  <file>`.
 * @throws Error when the list does not name the file
 */
export function publishedDigest(list: string, file: string): string {
    for (const line of list.split("\n")) {
        const [digest, name] = line.trim().split(/\s+\*?/);
        if (name === file && digest !== undefined && /^[0-9a-f]{64}$/i.test(digest)) return digest.toLowerCase();
    }
    throw new Error(`the published checksums name no ${file}`);
}

/**
 * Downloads a file under its final name once its SHA-256 is proven.
 * @throws Error on an error status, a cut or stalled transfer, or another digest; then nothing is left behind
 */
export async function download(
    url: string,
    target: string,
    sha256: string,
    patience: Patience = usualPatience,
): Promise<void> {
    mkdirSync(path.dirname(target), { recursive: true });
    const draft = `${target}.${process.pid}.part`;
    const abort = new AbortController();
    const stalled = () => abort.abort(new Error(`${url} sent nothing for ${patience.idleMs / 1000} s`));
    let timer = setTimeout(stalled, patience.idleMs);
    const hash = createHash("sha256");
    const watch = new Transform({
        transform(piece: Buffer, _encoding, done) {
            clearTimeout(timer);
            timer = setTimeout(stalled, patience.idleMs);
            hash.update(piece);
            done(null, piece);
        },
    });
    try {
        const response = await fetch(url, { signal: abort.signal });
        if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
        await pipeline(Readable.fromWeb(response.body), watch, createWriteStream(draft));
        const digest = hash.digest("hex");
        if (digest !== sha256) throw new Error(`${url} has SHA-256 ${digest}, expected ${sha256}`);
        renameSync(draft, target);
    } catch (error) {
        if (abort.signal.aborted) throw abort.signal.reason;
        if (isNetworkFailure(error)) throw new Error(`${url} was cut off or cannot be reached`, { cause: error });
        throw error;
    } finally {
        clearTimeout(timer);
        rmSync(draft, { force: true });
    }
}

/** `fetch` reports every failure of the network as a TypeError, whose cause says more. */
function isNetworkFailure(error: unknown): boolean {
    return typeof error === "object" && error !== null && "name" in error && error.name === "TypeError";
}
