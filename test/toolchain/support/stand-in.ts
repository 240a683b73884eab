/** A web server on this machine that stands for the official ones, and misbehaves when asked to. */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

/** What a path gives: a file; one that is cut in the middle; one that stops coming; an answer that never comes. */
export type Served =
    | { readonly file: Buffer }
    | { readonly cut: Buffer }
    | { readonly stalled: Buffer }
    | { readonly silent: true };

export interface StandIn {
    readonly url: string;
    /** Requested paths, in order, with their method. */
    readonly requests: readonly string[];
    close(): Promise<void>;
}

/** Serves the given paths (as in `/get.pulumi.com/releases/…`); everything else is 404. */
export async function standIn(files: Readonly<Record<string, Served>>): Promise<StandIn> {
    const requests: string[] = [];
    const server = createServer((request, response) => {
        const where = request.url ?? "";
        requests.push(`${request.method} ${where}`);
        serve(files[where], request.method === "HEAD", response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        requests,
        close: () =>
            new Promise((resolve, reject) => {
                server.closeAllConnections();
                server.close((error) => (error === undefined ? resolve() : reject(error)));
            }),
    };
}

function serve(served: Served | undefined, headOnly: boolean, response: ServerResponse): void {
    if (served === undefined) {
        response.writeHead(404).end();
    } else if ("file" in served) {
        response.writeHead(200, { "content-length": served.file.length }).end(headOnly ? undefined : served.file);
    } else if ("cut" in served || "stalled" in served) {
        const body = "cut" in served ? served.cut : served.stalled;
        response.writeHead(200, { "content-length": body.length });
        if (headOnly) {
            response.end();
            return;
        }
        response.write(body.subarray(0, body.length / 2), () => {
            if ("cut" in served) response.destroy();
        });
    }
}

/** A `.tar.gz` with the given executables. */
export async function tarball(files: Readonly<Record<string, string>>): Promise<Buffer> {
    const archive = pack();
    for (const [name, text] of Object.entries(files)) archive.entry({ name, mode: 0o755 }, text);
    archive.finalize();
    const pieces: Buffer[] = [];
    archive.on("data", (piece) => pieces.push(Buffer.from(piece as Uint8Array)));
    await once(archive, "end");
    return gzipSync(Buffer.concat(pieces));
}

export function sha256(content: Buffer): string {
    return createHash("sha256").update(content).digest("hex");
}
