import { expect, test } from "@jest/globals";
import { LogLines } from "../../../engine/log-lines.ts";

const frame = (stream: 1 | 2, text: string): Buffer => {
    const data = Buffer.from(text);
    const header = Buffer.alloc(8);
    header[0] = stream;
    header.writeUInt32BE(data.length, 4);
    return Buffer.concat([header, data]);
};

function read(chunks: readonly Buffer[]): string[] {
    const seen: string[] = [];
    const lines = new LogLines(({ stream, line }) => seen.push(`${stream}: ${line}`));
    for (const chunk of chunks) lines.push(chunk);
    lines.end();
    return seen;
}

const written = Buffer.concat([frame(1, "one\ntw"), frame(2, "wrong: ü\r\n"), frame(1, "o\n"), frame(2, "no end")]);
const expected = ["stdout: one", "stderr: wrong: ü", "stdout: two", "stderr: no end"];

test("two streams come out as lines in the order written", () => {
    expect(read([written])).toEqual(expected);
});

test("wherever the chunks are cut, also within a character", () => {
    for (let size = 1; size < written.length; size++) {
        const chunks = [];
        for (let at = 0; at < written.length; at += size) chunks.push(written.subarray(at, at + size));
        expect(read(chunks)).toEqual(expected);
    }
});

test("a terminal's stream has no frames and passes as it is", () => {
    expect(read([Buffer.from("plain text of a terminal\nmore")])).toEqual([
        "stdout: plain text of a terminal",
        "stdout: more",
    ]);
});
