import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { answers, download, publishedDigest } from "../../toolchain/download.ts";
import { type Served, sha256, standIn } from "./support/stand-in.ts";
import { inTemporaryFolder } from "./support/temporary.ts";

const content = Buffer.alloc(300_000, "plumbline");
const impatient = { answerMs: 300, idleMs: 300 };

/** Downloads `/file` as it is served; returns the error, if any, and what is in the folder afterwards. */
async function attempt(served: Record<string, Served>, digest = sha256(content)) {
    return await inTemporaryFolder(async (folder) => {
        const server = await standIn(served);
        try {
            const target = path.join(folder, "file");
            const error = await download(`${server.url}/file`, target, digest, impatient).then(
                () => undefined,
                (reason: Error) => reason.message,
            );
            const left = readdirSync(folder);
            return { error, left, content: left.includes("file") ? readFileSync(target) : undefined };
        } finally {
            await server.close();
        }
    });
}

describe("a download", () => {
    test("that is whole and has the expected digest is kept", async () => {
        const result = await attempt({ "/file": { file: content } });
        expect(result.error).toBeUndefined();
        expect(result.content?.equals(content)).toBe(true);
        expect(result.left).toEqual(["file"]);
    });

    test("with another digest is thrown away, and both digests are named", async () => {
        const result = await attempt({ "/file": { file: Buffer.from("something else") } });
        expect(result.error).toContain(sha256(content));
        expect(result.error).toContain(sha256(Buffer.from("something else")));
        expect(result.left).toEqual([]);
    });

    test("that is cut leaves nothing", async () => {
        const result = await attempt({ "/file": { cut: content } });
        expect(result.error).toMatch(/cut off/);
        expect(result.left).toEqual([]);
    });

    test("that stops coming is given up", async () => {
        const result = await attempt({ "/file": { stalled: content } });
        expect(result.error).toMatch(/sent nothing for 0.3 s/);
        expect(result.left).toEqual([]);
    });

    test("that does not exist is an error with its status", async () => {
        const result = await attempt({});
        expect(result.error).toMatch(/answered 404/);
        expect(result.left).toEqual([]);
    });
});

describe("a server", () => {
    test("answers when it has the file, and not when it is silent, lacks it or is not there", async () => {
        const server = await standIn({ "/file": { file: content }, "/silent": { silent: true } });
        expect(await answers(`${server.url}/file`, impatient)).toBe(true);
        expect(await answers(`${server.url}/silent`, impatient)).toBe(false);
        expect(await answers(`${server.url}/other`, impatient)).toBe(false);
        await server.close();
        expect(await answers(`${server.url}/file`, impatient)).toBe(false);
    });
});

describe("published checksums", () => {
    const digest = "a".repeat(64);

    test("are read in both usual forms", () => {
        expect(publishedDigest(`${"b".repeat(64)}  other\n${digest}  file\n`, "file")).toBe(digest);
        expect(publishedDigest(`${digest} *file\n`, "file")).toBe(digest);
    });

    test("that do not name the file, or no digest, are an error", () => {
        expect(() => publishedDigest(`${digest}  file.sig\n`, "file")).toThrow(/name no file/);
        expect(() => publishedDigest("not-a-digest  file\n", "file")).toThrow(/name no file/);
    });
});
