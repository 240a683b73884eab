/** Archives as the engine gives them: what is read out of them, and that a broken one is never taken for an empty one. */
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "@jest/globals";
import { pack } from "tar-stream";
import { filesOf, firstFile, packFiles } from "../../../engine/archive.ts";

/** As the engine sends a folder: its own entry, the entries below it, links among them. */
function folder(): Promise<Buffer> {
    const archive = pack();
    archive.entry({ name: "data/", type: "directory" });
    archive.entry({ name: "data/z.txt" }, "last");
    archive.entry({ name: "data/link", type: "symlink", linkname: "z.txt" });
    archive.entry({ name: "data/sub/a.txt" }, "");
    archive.finalize();
    return buffer(archive);
}

describe("the first file", () => {
    test("comes back as it was packed, byte by byte", async () => {
        const content = Buffer.from([0, 255, 10, 13, 0]);
        const archive = await packFiles([
            { name: "one", content },
            { name: "two", content: "another" },
        ]);
        expect(await firstFile(Readable.from(archive))).toEqual(content);
    });

    test("is the first that is one: folders and links are none", async () => {
        expect((await firstFile(Readable.from(await folder())))?.toString()).toBe("last");
        const archive = pack();
        archive.entry({ name: "data/", type: "directory" });
        archive.finalize();
        expect(await firstFile(Readable.from(await buffer(archive)))).toBeUndefined();
    });
});

describe("all files", () => {
    test("are named below the folder that was asked for, with what each holds; links and folders are none", async () => {
        expect(await filesOf(Readable.from(await folder()))).toEqual(
            new Map([
                ["z.txt", Buffer.from("last")],
                ["sub/a.txt", Buffer.from("")],
            ]),
        );
    });
});

describe.each<[string, (source: Readable) => Promise<unknown>]>([
    ["the first file", firstFile],
    ["all files", filesOf],
])("%s of an archive that breaks off", (_, read) => {
    test("is the failure of its source", async () => {
        const half = (await folder()).subarray(0, 700);
        const source = Readable.from(
            (async function* () {
                yield half;
                throw new Error("the engine is gone");
            })(),
        );
        await expect(read(source)).rejects.toThrow("the engine is gone");
    });

    test("is a failure also where its source ends as if nothing were", async () => {
        await expect(read(Readable.from((await folder()).subarray(0, 700)))).rejects.toThrow("Unexpected end of data");
    });
});
