/** The engine's log stream taken apart: frames of two streams, and lines out of them. */

import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

export type LogStream = "stdout" | "stderr";

export interface Frame {
    readonly stream: LogStream;
    readonly data: Buffer;
}

const headerBytes = 8;

/** Cuts chunks, however they fall, into the engine's frames. A stream without frames (a terminal's) passes as stdout. */
export class Frames {
    private rest: Buffer = Buffer.alloc(0);
    private raw = false;

    /** The frames that this chunk completes. */
    push(chunk: Buffer): readonly Frame[] {
        if (this.raw) return [{ stream: "stdout", data: chunk }];
        this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
        const frames: Frame[] = [];
        while (this.rest.length >= headerBytes) {
            const kind = this.rest[0] ?? 0;
            if (kind > 2 || this.rest.readUIntBE(1, 3) !== 0) {
                this.raw = true;
                frames.push({ stream: "stdout", data: this.rest });
                this.rest = Buffer.alloc(0);
                break;
            }
            const end = headerBytes + this.rest.readUInt32BE(4);
            if (this.rest.length < end) break;
            frames.push({ stream: kind === 2 ? "stderr" : "stdout", data: this.rest.subarray(headerBytes, end) });
            this.rest = this.rest.subarray(end);
        }
        return frames;
    }
}

/** Turns chunks into lines, in the order written; a character or a line may be cut anywhere. */
export class LogLines {
    private readonly frames = new Frames();
    private readonly open: Record<LogStream, { text: string; decoder: StringDecoder }> = {
        stdout: { text: "", decoder: new StringDecoder("utf8") },
        stderr: { text: "", decoder: new StringDecoder("utf8") },
    };
    private readonly onLine: (line: { stream: LogStream; line: string }) => void;

    constructor(onLine: (line: { stream: LogStream; line: string }) => void) {
        this.onLine = onLine;
    }

    push(chunk: Buffer): void {
        for (const frame of this.frames.push(chunk)) {
            const open = this.open[frame.stream];
            const lines = (open.text + open.decoder.write(frame.data)).split("\n");
            open.text = lines.pop() ?? "";
            for (const line of lines) this.onLine({ stream: frame.stream, line: line.replace(/\r$/, "") });
        }
    }

    /** Gives out what stands without a line end. */
    end(): void {
        for (const stream of ["stdout", "stderr"] as const) {
            const { text } = this.open[stream];
            this.open[stream].text = "";
            if (text !== "") this.onLine({ stream, line: text });
        }
    }
}

/** Reads a stream to its end or until the signal, whichever is first; only a broken stream is an error. */
export function drain(stream: Readable, onChunk: (chunk: Buffer) => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
        const finish = (error?: Error) => {
            signal.removeEventListener("abort", onAbort);
            if (error === undefined || signal.aborted) resolve();
            else reject(error);
        };
        const onAbort = () => {
            stream.destroy();
            finish();
        };
        stream.on("data", onChunk);
        stream.once("end", () => finish());
        stream.once("close", () => finish());
        // Stays on: a destroyed stream may complain once more.
        stream.on("error", finish);
        if (signal.aborted) onAbort();
        else signal.addEventListener("abort", onAbort, { once: true });
    });
}
