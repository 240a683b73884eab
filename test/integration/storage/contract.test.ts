/** The contract of Supabase Storage, method by method: with the official client, and with raw HTTP where that hides things. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { StorageClient } from "@supabase/storage-js";
import { type CallOptions, envelope, StorageBed } from "./support.ts";

let bed: StorageBed;
let client: StorageClient;

beforeAll(async () => {
    bed = await StorageBed.open();
    client = await bed.client();
    await client.createBucket("files", { public: false });
    await client.createBucket("open", { public: true });
}, 300_000);

afterAll(async () => {
    await bed.close();
}, 60_000);

const call: StorageBed["call"] = (method, path, options) =>
    bed.call(method, path, { token: bed.serviceKey, ...options });
const notFound = envelope("404", "NoSuchKey", "not_found", "Object not found");
const noBucket = envelope("404", "NoSuchBucket", "Bucket not found", "Bucket not found");

describe("health", () => {
    test("/status answers without a word, /health says that database and volume are there [R32]", async () => {
        expect(await bed.call("GET", "/status")).toMatchObject({ status: 200, text: "" });
        expect(await bed.call("GET", "/health")).toMatchObject({ status: 200, json: { healthy: true } });
    });
});

describe("buckets", () => {
    test("are created, read, listed, changed, and deleted, with their limits [R05]", async () => {
        const limits = { public: true, fileSizeLimit: "20KB", allowedMimeTypes: ["text/plain", "image/*"] };
        expect(await client.createBucket("limits", limits)).toEqual({ data: { name: "limits" }, error: null });
        const expected = {
            id: "limits",
            name: "limits",
            public: true,
            file_size_limit: 20_000,
            allowed_mime_types: ["text/plain", "image/*"],
            created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z$/),
        };
        expect((await client.getBucket("limits")).data).toMatchObject(expected);
        const listed = (await client.listBuckets({ search: "imit" })).data;
        expect(listed).toEqual([expect.objectContaining(expected)]);
        const names = (await client.listBuckets({ sortColumn: "name", sortOrder: "desc", limit: 2 })).data;
        expect(names?.map(({ name }) => name)).toEqual(["open", "limits"]);

        const changed = await client.updateBucket("limits", {
            public: false,
            fileSizeLimit: null,
            allowedMimeTypes: null,
        });
        expect(changed).toEqual({ data: { message: "Successfully updated" }, error: null });
        expect((await client.getBucket("limits")).data).toMatchObject({
            public: false,
            file_size_limit: null,
            allowed_mime_types: null,
        });
        await client.updateBucket("limits", { public: true });
        expect((await client.getBucket("limits")).data).toMatchObject({ public: true, file_size_limit: null });

        expect(await client.deleteBucket("limits")).toEqual({ data: { message: "Successfully deleted" }, error: null });
        expect(await call("GET", "/bucket/limits")).toMatchObject({ status: 400, json: noBucket });
        expect(await bed.rows("select from storage.buckets where id = 'limits'")).toHaveLength(0);
    });

    test("are refused with the official words: twice the same, a bad name, a bad limit, none of that name", async () => {
        const create = (body: Record<string, unknown>) => call("POST", "/bucket", { body });
        expect(await create({ name: "files" })).toMatchObject({
            status: 400,
            json: envelope("409", "BucketAlreadyExists", "Duplicate", "The resource already exists"),
        });
        for (const name of ["a/b", "x".repeat(64), "..", "ümlaut", ""]) {
            expect(await create({ name })).toMatchObject({
                status: 400,
                json: envelope("400", "InvalidBucketName", "Invalid Input", "Bucket name invalid"),
            });
        }
        expect((await create({})).json).toMatchObject({
            statusCode: "400",
            message: expect.stringContaining("'name'"),
        });
        expect((await create({ name: "n", file_size_limit: "20 apples" })).json).toMatchObject({
            code: "InvalidRequest",
        });
        expect((await create({ name: "n", file_size_limit: "51GB" })).json).toMatchObject({ statusCode: "413" });
        expect((await create({ name: "n", allowed_mime_types: ["text"] })).json).toMatchObject({ statusCode: "415" });
        expect((await create({ name: "n", public: "yes" })).json).toMatchObject({ statusCode: "400" });
        expect(await call("POST", "/bucket", { body: "{" })).toMatchObject({ status: 400 });
        expect(await call("PUT", "/bucket/none", { body: { public: true } })).toMatchObject({
            status: 400,
            json: noBucket,
        });
        expect(await call("DELETE", "/bucket/none")).toMatchObject({ status: 400, json: noBucket });
        expect(await call("POST", "/bucket/none/empty")).toMatchObject({ status: 400, json: noBucket });
        expect(await bed.rows("select from storage.buckets where id = 'n'")).toHaveLength(0);
    });

    test("are deleted only when empty, and emptied with every file", async () => {
        await client.createBucket("full", { public: false });
        for (let number = 0; number < 12; number++) await client.from("full").upload(`d/${number}`, `${number}`);
        expect(await call("DELETE", "/bucket/full")).toMatchObject({
            status: 400,
            json: {
                statusCode: "409",
                code: "ResourceNotEmpty",
                message: "The bucket you tried to delete is not empty",
            },
        });
        expect(await client.emptyBucket("full")).toEqual({ data: { message: "Successfully emptied" }, error: null });
        expect(await bed.rows("select from storage.objects where bucket_id = 'full'")).toHaveLength(0);
        expect((await client.deleteBucket("full")).error).toBeNull();
    });
});

describe("uploads", () => {
    test("raw: bytes, type, cache time and metadata come back as they were sent", async () => {
        const bytes = randomBytes(300_000);
        const uploaded = await client.from("files").upload("raw/one.bin", bytes, {
            contentType: "application/x-thing",
            cacheControl: "120",
            metadata: { colour: "blue", parts: [1, 2] },
        });
        expect(uploaded).toMatchObject({ data: { path: "raw/one.bin", fullPath: "files/raw/one.bin" }, error: null });
        const answer = await call("GET", "/object/files/raw/one.bin");
        expect(answer).toMatchObject({
            status: 200,
            headers: {
                "content-type": "application/x-thing",
                "cache-control": "max-age=120",
                "content-length": "300000",
                "accept-ranges": "bytes",
                etag: `"${createHash("md5").update(bytes).digest("hex")}"`,
            },
        });
        const blob = (await client.from("files").download("raw/one.bin")).data;
        expect(Buffer.from((await blob?.bytes()) ?? []).equals(bytes)).toBe(true);
        const [row] = await bed.rows(
            "select id, name, owner, metadata, user_metadata, path_tokens from storage.objects where name = 'raw/one.bin'",
        );
        expect(row).toMatchObject({
            id: uploaded.data?.id,
            owner: null,
            metadata: {
                size: 300_000,
                mimetype: "application/x-thing",
                cacheControl: "max-age=120",
                contentLength: 300_000,
            },
            user_metadata: { colour: "blue", parts: [1, 2] },
            path_tokens: ["raw", "one.bin"],
        });
    });

    test("multipart: a Blob, and a form with its fields", async () => {
        const blob = new Blob(["a blob of text"], { type: "text/csv" });
        expect((await client.from("files").upload("form/blob.csv", blob, { metadata: { k: "v" } })).error).toBeNull();
        expect(await call("GET", "/object/files/form/blob.csv")).toMatchObject({
            text: "a blob of text",
            headers: { "content-type": "text/csv", "cache-control": "max-age=3600" },
        });
        const form = new FormData();
        form.append("cacheControl", "77");
        form.append("contentType", "text/x-own");
        form.append("file", new Blob([randomBytes(700_000)]), "name.bin");
        expect((await client.from("files").upload("form/form.bin", form)).error).toBeNull();
        const { data } = await client.from("files").info("form/form.bin");
        expect(data).toMatchObject({ size: 700_000, contentType: "text/x-own", cacheControl: "max-age=77" });
    });

    test("a multipart body without a file, or cut off in its middle, stores nothing", async () => {
        const form = (body: string) =>
            call("POST", "/object/files/form/broken", {
                body,
                headers: { "content-type": "multipart/form-data; boundary=b" },
            });
        const head = '--b\r\nContent-Disposition: form-data; name=""; filename="f"\r\nContent-Type: text/plain\r\n\r\n';
        const whole = await form(`${head}text\r\n--b--\r\n`);
        expect(whole.status).toBe(200);
        for (const body of [`${head}text`, `${head}text\r\n--b`, "--b--\r\n", "", "nonsense"]) {
            expect(await form(body)).toMatchObject({
                status: 400,
                json: { statusCode: expect.stringMatching(/400|409/) },
            });
        }
        await client.from("files").remove(["form/broken"]);
        for (const body of [`${head}text`, `${head}text\r\n--b`, "--b--\r\n", "", "nonsense"]) {
            expect(await form(body)).toMatchObject({ status: 400, json: { message: "No content provided" } });
        }
        expect(await bed.rows("select from storage.objects where name = 'form/broken'")).toHaveLength(0);
    });

    test("the same name again is a duplicate, unless x-upsert or PUT asks for the new one", async () => {
        const files = client.from("files");
        expect((await files.upload("again.txt", "one")).error).toBeNull();
        expect(await call("POST", "/object/files/again.txt", { body: "two" })).toMatchObject({
            status: 400,
            json: envelope("409", "KeyAlreadyExists", "Duplicate", "The resource already exists"),
        });
        expect(await (await files.download("again.txt")).data?.text()).toBe("one");
        expect((await files.upload("again.txt", "three", { upsert: true })).error).toBeNull();
        expect(await (await files.download("again.txt")).data?.text()).toBe("three");
        expect((await files.update("again.txt", "four")).error).toBeNull();
        expect(await (await files.download("again.txt")).data?.text()).toBe("four");
        expect(await bed.rows("select from storage.objects where name = 'again.txt'")).toHaveLength(1);
    });

    test("into no bucket, or under a name that is no key, are refused", async () => {
        expect(await call("POST", "/object/none/a.txt", { body: "x" })).toMatchObject({ status: 400, json: noBucket });
        for (const name of [
            "../../etc/passwd",
            "a/../../b",
            "a/./b",
            "..%2f..%2fetc%2fpasswd",
            "caf%C3%A9",
            "a%00b",
            "a%5Cb",
            "a%23b",
        ]) {
            const refused = await call("POST", `/object/files/${name}`, { body: "x" });
            expect(refused).toMatchObject({ status: 400, json: { statusCode: "400", code: "InvalidKey" } });
        }
        const odd = "it's (a) file & more = 1; 2+2, $5 @x!*.txt";
        expect((await client.from("files").upload(odd, "odd")).error).toBeNull();
        expect((await client.from("files").exists(odd)).data).toBe(true);
    });

    test("over the server's or the bucket's limit, or of a type that the bucket does not allow, are refused", async () => {
        const limits = { public: false, fileSizeLimit: 1000, allowedMimeTypes: ["text/plain", "image/*"] };
        await client.createBucket("strict", limits);
        const tooLarge = envelope(
            "413",
            "EntityTooLarge",
            "Payload too large",
            "The object exceeded the maximum allowed size",
        );
        const put = (name: string, size: number, type: string, more: Record<string, string> = {}) =>
            call("POST", `/object/strict/${name}`, {
                body: Buffer.alloc(size, "x"),
                headers: { "content-type": type, ...more },
            });
        expect(await put("edge", 1000, "text/plain;charset=UTF-8")).toMatchObject({ status: 200 });
        expect(await put("over", 1001, "text/plain")).toMatchObject({ status: 400, json: tooLarge });
        const stream = new ReadableStream({
            start(controller) {
                for (let number = 0; number < 4; number++)
                    controller.enqueue(new TextEncoder().encode("y".repeat(500)));
                controller.close();
            },
        });
        const streamed = await client.from("strict").upload("chunked", stream, { contentType: "text/plain" });
        expect(streamed.error).toMatchObject({ status: 400, statusCode: "413" });
        const form = await client.from("strict").upload("form", new Blob(["z".repeat(1001)], { type: "text/plain" }));
        expect(form.error).toMatchObject({ status: 400, statusCode: "413" });
        expect(await put("type", 10, "application/pdf")).toMatchObject({
            status: 400,
            json: envelope("415", "InvalidMimeType", "invalid_mime_type", "mime type application/pdf is not supported"),
        });
        expect(await put("picture", 10, "image/webp")).toMatchObject({ status: 200 });
        expect((await bed.rows("select name from storage.objects where bucket_id = 'strict' order by 1")).length).toBe(
            2,
        );

        const large = await call("POST", "/object/files/large", { body: Buffer.alloc(52_428_801) });
        expect(large).toMatchObject({ status: 400, json: tooLarge });
        expect((await call("POST", "/object/files/large", { body: Buffer.alloc(52_428_800) })).status).toBe(200);
        const { data } = await client.from("files").info("large");
        expect(data).toMatchObject({ size: 52_428_800 });
    });

    test("leave nothing on the volume but one file for each object", async () => {
        await expect(
            (async () => {
                for (let round = 0; round < 100; round++) {
                    const versions = await bed.rows<{ version: string }>("select version from storage.objects");
                    const named = versions.map(({ version }) => `objects/${version.slice(0, 2)}/${version}`).sort();
                    const found = await bed.files();
                    if (JSON.stringify(found) === JSON.stringify(named)) return "same";
                }
                return "different";
            })(),
        ).resolves.toBe("same");
    });
});

describe("downloads", () => {
    const text = "0123456789abcdefghijklmnopqrstuvwxyz";

    beforeAll(async () => {
        await client.from("files").upload("range.txt", text, { contentType: "text/plain" });
        await client.from("files").upload("empty.txt", "", { contentType: "text/plain" });
    });

    test.each([
        ["bytes=0-9", "0123456789", "bytes 0-9/36"],
        ["bytes=10-", text.slice(10), "bytes 10-35/36"],
        ["bytes=-6", "uvwxyz", "bytes 30-35/36"],
        ["bytes=35-35", "z", "bytes 35-35/36"],
        ["bytes=30-999", "uvwxyz", "bytes 30-35/36"],
        ["bytes=-999", text, "bytes 0-35/36"],
    ])("a range %s comes with 206 and just its bytes", async (range, expected, contentRange) => {
        const answer = await call("GET", "/object/files/range.txt", { headers: { range } });
        expect(answer).toMatchObject({
            status: 206,
            text: expected,
            headers: { "content-range": contentRange, "content-length": String(expected.length) },
        });
    });

    test.each(["bytes=36-", "bytes=99-100", "bytes=-0"])(
        "a range %s behind the end is refused with 416",
        async (range) => {
            expect(await call("GET", "/object/files/range.txt", { headers: { range } })).toMatchObject({
                status: 416,
                headers: { "content-range": "bytes */36" },
                json: envelope("416", "InvalidRange", "invalid_range", "invalid range provided"),
            });
        },
    );

    test.each(["lines=0-1", "bytes=", "bytes=5-2", "bytes=0-1,4-5", "bytes=a-b"])(
        "a Range header %s that is no byte range gives the whole object",
        async (range) => {
            expect(await call("GET", "/object/files/range.txt", { headers: { range } })).toMatchObject({
                status: 200,
                text,
            });
        },
    );

    test("an object of no bytes is one, too", async () => {
        expect(await call("GET", "/object/files/empty.txt")).toMatchObject({
            status: 200,
            text: "",
            headers: { "content-length": "0" },
        });
        expect((await call("GET", "/object/files/empty.txt", { headers: { range: "bytes=0-" } })).status).toBe(416);
    });

    test("conditions give 304, and If-Range decides about the range", async () => {
        const path = "/object/files/range.txt";
        const { headers } = await call("GET", path);
        const etag = String(headers.etag);
        const modified = String(headers["last-modified"]);
        expect(await call("GET", path, { headers: { "if-none-match": etag } })).toMatchObject({
            status: 304,
            text: "",
        });
        expect((await call("GET", path, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
        expect((await call("GET", path, { headers: { "if-modified-since": modified } })).status).toBe(304);
        expect(
            (await call("GET", path, { headers: { "if-modified-since": "Thu, 01 Jan 2015 00:00:00 GMT" } })).status,
        ).toBe(200);
        expect((await call("GET", path, { headers: { range: "bytes=0-1", "if-range": etag } })).status).toBe(206);
        expect((await call("GET", path, { headers: { range: "bytes=0-1", "if-range": '"other"' } })).status).toBe(200);
    });

    test("HEAD, info and exists describe the object without its bytes", async () => {
        for (const path of ["/object/files/range.txt", "/object/authenticated/files/range.txt"]) {
            expect(await call("HEAD", path)).toMatchObject({
                status: 200,
                text: "",
                headers: { "content-length": "36" },
            });
        }
        const { data } = await client.from("files").info("range.txt");
        expect(data).toMatchObject({ name: "range.txt", bucketId: "files", size: 36, contentType: "text/plain" });
        expect(await client.from("files").exists("range.txt")).toEqual({ data: true, error: null });
        expect((await client.from("files").exists("none.txt")).data).toBe(false);
        expect(await call("GET", "/object/info/files/none.txt")).toMatchObject({ status: 400, json: notFound });
    });

    test("?download names the file; a page of HTML is never served as one", async () => {
        expect((await call("GET", "/object/files/range.txt?download")).headers["content-disposition"]).toBe(
            "attachment;",
        );
        expect(
            (await call("GET", "/object/files/range.txt?download=my%20file.txt")).headers["content-disposition"],
        ).toBe("attachment; filename=my%20file.txt; filename*=UTF-8''my%20file.txt;");
        await client.from("open").upload("page.html", "<script>alert(1)</script>", { contentType: "text/html" });
        expect((await bed.call("GET", "/object/public/open/page.html")).headers["content-type"]).toBe("text/plain");
    });

    test("a public bucket is open to all, a private one is not", async () => {
        await client.from("open").upload("hello.txt", "hello", { contentType: "text/plain" });
        const { publicUrl } = client.from("open").getPublicUrl("hello.txt").data;
        expect(await (await fetch(publicUrl)).text()).toBe("hello");
        expect(await bed.call("GET", "/object/open/hello.txt")).toMatchObject({ status: 200, text: "hello" });
        expect(await bed.call("GET", "/object/info/public/open/hello.txt")).toMatchObject({ status: 200 });
        expect(await bed.call("GET", "/object/public/files/range.txt")).toMatchObject({ status: 400, json: noBucket });
        expect(await bed.call("GET", "/object/files/range.txt")).toMatchObject({ status: 400, json: noBucket });
        expect(await call("GET", "/object/files/none.txt")).toMatchObject({ status: 400, json: notFound });
        expect(await call("GET", "/object/none/none.txt")).toMatchObject({ status: 400, json: noBucket });
    });
});

describe("lists", () => {
    beforeAll(async () => {
        await client.createBucket("tree", { public: false });
        for (const name of [
            "b.txt",
            "a.txt",
            "C.txt",
            "docs/one.txt",
            "docs/two.txt",
            "docs/deep/three.txt",
            "100_/x",
            "1000/z",
            "under_score/y",
            "underXscore/z",
        ]) {
            await client.from("tree").upload(name, name, { contentType: "text/plain" });
        }
    });

    const names = async (prefix: string, options = {}) =>
        (await client.from("tree").list(prefix, options)).data?.map(({ name }) => name);

    test("folders come first, with nothing but a name; then the objects, with all that is known", async () => {
        expect(await names("")).toEqual([
            "1000",
            "100_",
            "docs",
            "underXscore",
            "under_score",
            "C.txt",
            "a.txt",
            "b.txt",
        ]);
        const { data } = await client.from("tree").list("docs");
        expect(data).toEqual([
            { name: "deep", id: null, updated_at: null, created_at: null, last_accessed_at: null, metadata: null },
            expect.objectContaining({
                name: "one.txt",
                id: expect.any(String),
                metadata: expect.objectContaining({ size: 12 }),
            }),
            expect.objectContaining({ name: "two.txt" }),
        ]);
        expect(await names("docs/")).toEqual(["deep", "one.txt", "two.txt"]);
        expect(await names("docs/deep")).toEqual(["three.txt"]);
        expect(await names("nowhere")).toEqual([]);
    });

    test("limit, offset, search and order cut and sort them", async () => {
        expect(await names("", { limit: 2 })).toEqual(["1000", "100_"]);
        expect(await names("", { limit: 2, offset: 5 })).toEqual(["C.txt", "a.txt"]);
        expect(await names("", { search: "do" })).toEqual(["docs"]);
        expect(await names("docs", { search: "T" })).toEqual(["two.txt"]);
        expect(await names("docs", { sortBy: { column: "name", order: "desc" } })).toEqual([
            "deep",
            "two.txt",
            "one.txt",
        ]);
        expect(await names("", { sortBy: { column: "created_at", order: "asc" }, search: "" })).toEqual([
            "1000",
            "100_",
            "docs",
            "underXscore",
            "under_score",
            "b.txt",
            "a.txt",
            "C.txt",
        ]);
    });

    test("signs that mean something in a pattern mean themselves", async () => {
        expect(await names("100_")).toEqual(["x"]);
        expect(await names("under_score")).toEqual(["y"]);
        expect(await names("", { search: "%" })).toEqual([]);
    });

    test("what is no question is refused", async () => {
        const list = (body: Record<string, unknown>) => call("POST", "/object/list/tree", { body });
        for (const body of [
            {},
            { prefix: "", limit: 0 },
            { prefix: "", limit: "5" },
            { prefix: "", sortBy: { column: "id; drop" } },
            { prefix: "", limit: 10 ** 20 },
        ]) {
            expect(await list(body)).toMatchObject({ status: 400, json: { statusCode: "400" } });
        }
    });
});

describe("removing", () => {
    test("many: answers those that were there; one: answers, or says that there is none", async () => {
        const files = client.from("files");
        for (const name of ["gone/1", "gone/2", "gone/3"]) await files.upload(name, name);
        const { data, error } = await files.remove(["gone/1", "gone/2", "gone/none"]);
        expect(error).toBeNull();
        expect(data?.map(({ name }) => name).sort()).toEqual(["gone/1", "gone/2"]);
        expect((await files.exists("gone/1")).data).toBe(false);
        expect(await call("DELETE", "/object/files/gone/3")).toMatchObject({
            status: 200,
            json: { message: "Successfully deleted" },
        });
        expect(await call("DELETE", "/object/files/gone/3")).toMatchObject({ status: 400, json: notFound });
        expect(await call("DELETE", "/object/files", { body: { prefixes: [] } })).toMatchObject({ status: 400 });
        expect(await call("DELETE", "/object/none", { body: { prefixes: ["x"] } })).toMatchObject({
            status: 200,
            json: [],
        });
    });
});

describe("signed URLs", () => {
    test("let anybody read that one object, until they expire", async () => {
        await client.from("files").upload("signed/secret file.txt", "for you", { contentType: "text/plain" });
        const { data } = await client
            .from("files")
            .createSignedUrl("signed/secret file.txt", 60, { download: "n.txt" });
        const answer = await fetch(data?.signedUrl ?? "");
        expect([answer.status, await answer.text()]).toEqual([200, "for you"]);
        expect(answer.headers.get("content-disposition")).toContain("n.txt");
        expect(new Date(answer.headers.get("expires") ?? "").getTime()).toBeGreaterThan(Date.now());

        const token = new URL(data?.signedUrl ?? "").searchParams.get("token") ?? "";
        expect(await bed.call("GET", `/object/sign/files/range.txt?token=${token}`)).toMatchObject({
            status: 400,
            json: { statusCode: "400", code: "InvalidSignature" },
        });
        const path = "/object/sign/files/signed/secret%20file.txt";
        const expired = bed.token({ url: "files/signed/secret file.txt", exp: 1_600_000_000 });
        const forged = bed.token({ url: "files/signed/secret file.txt" }, "another secret, just as long as that");
        for (const bad of [expired, forged, "nonsense", bed.serviceKey]) {
            const refused = await bed.call("GET", `${path}?token=${bad}`);
            expect(refused).toMatchObject({
                status: 400,
                json: { code: expect.stringMatching(/InvalidJWT|InvalidSignature/) },
            });
        }
        expect((await bed.call("GET", path)).json).toMatchObject({
            statusCode: "400",
            message: expect.stringContaining("token"),
        });
        // The token is good for nothing else.
        expect((await bed.call("GET", "/bucket", { token })).json).toEqual([]);
    });

    test("many at once: each found one gets its URL, each other its reason", async () => {
        const { data } = await client.from("files").createSignedUrls(["range.txt", "none.txt"], 60);
        expect(data).toEqual([
            expect.objectContaining({ path: "range.txt", error: null, signedUrl: expect.stringContaining("token=") }),
            expect.objectContaining({
                path: "none.txt",
                signedUrl: null,
                error: expect.stringContaining("does not exist"),
            }),
        ]);
        expect((await fetch(data?.[0]?.signedUrl ?? "")).status).toBe(200);
        expect(await call("POST", "/object/sign/files/none.txt", { body: { expiresIn: 5 } })).toMatchObject({
            status: 400,
            json: notFound,
        });
        expect((await call("POST", "/object/sign/files/range.txt", { body: {} })).json).toMatchObject({
            statusCode: "400",
        });
        expect((await call("POST", "/object/sign/files/range.txt", { body: { expiresIn: 0 } })).json).toMatchObject({
            statusCode: "400",
        });
    });
});

describe("each method, asked without a client that hides the answer", () => {
    const stamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z$/);
    const uuid = expect.stringMatching(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    const bucket = {
        id: "bare",
        name: "bare",
        owner: null,
        owner_id: null,
        public: false,
        type: expect.any(String),
        file_size_limit: null,
        allowed_mime_types: null,
        created_at: stamp,
        updated_at: stamp,
    };
    const metadata = expect.objectContaining({ size: 8, mimetype: "text/plain", cacheControl: expect.any(String) });
    const listed = (name: string) => ({
        name,
        id: uuid,
        metadata,
        updated_at: stamp,
        created_at: stamp,
        last_accessed_at: stamp,
    });
    const signed = (name: string) =>
        expect.stringMatching(new RegExp(`^/object/sign/plain/${name}\\?token=eyJ[\\w-]+\\.[\\w-]+\\.[\\w-]+$`));
    const stored = (name: string) => ({ Id: uuid, Key: `plain/${name}` });

    interface State {
        readonly buckets: readonly unknown[];
        readonly objects: readonly { readonly id: string; readonly name: string; readonly file: string }[];
    }
    type Effect = (answer: Awaited<ReturnType<typeof call>>, before: State) => Promise<void>;

    const state = async (): Promise<State> => ({
        buckets: await bed.rows("select id, public from storage.buckets order by id"),
        objects: await bed.rows(
            `select id, name, 'objects/' || left(version, 2) || '/' || version as file
            from storage.objects where bucket_id = 'plain' order by name`,
        ),
    });
    const fileOf = ({ objects }: State, name: string) => objects.find((object) => object.name === name)?.file ?? "";
    const bytesOf = async (name: string) =>
        (await bed.storage.exec(["cat", `/var/lib/storage/${fileOf(await state(), name)}`])).output;

    /** Bytes are removed from the volume after the answer. */
    async function untilGone(file: string): Promise<void> {
        for (let round = 0; round < 100; round++) if (!(await bed.files()).includes(file)) return;
        throw new Error(`${file} is still on the volume`);
    }

    const nothing: Effect = async (_, before) => {
        expect(await state()).toEqual(before);
        expect(await bytesOf("a.txt")).toBe("of a.txt");
    };
    const bucketIs = (id: string, isPublic: boolean): Effect => {
        return async () => expect((await state()).buckets).toContainEqual({ id, public: isPublic });
    };
    const opens =
        (url: (json: unknown) => string): Effect =>
        async (answer, before) => {
            expect(await bed.call("GET", url(answer.json))).toMatchObject({ status: 200, text: "of a.txt" });
            await nothing(answer, before);
        };
    const holds =
        (name: string, text: string): Effect =>
        async ({ json }, before) => {
            const { id } = (await state()).objects.find((object) => object.name === name) ?? {};
            expect(id).toBe((json as { Id: string }).Id);
            expect(await bytesOf(name)).toBe(text);
            if (fileOf(before, name) !== "") await untilGone(fileOf(before, name));
        };
    const leaves =
        (...names: string[]): Effect =>
        async (_, before) => {
            const { objects } = await state();
            expect(objects.map(({ name }) => name)).toEqual(names);
            for (const { name, file } of before.objects) if (!names.includes(name)) await untilGone(file);
            for (const name of names) expect(await bytesOf(name)).toBe(`of ${name}`);
        };

    beforeEach(async () => {
        for (const name of ["bare", "plain"]) {
            await client.emptyBucket(name);
            await client.deleteBucket(name);
            expect((await client.createBucket(name, { public: false })).error).toBeNull();
        }
        for (const name of ["a.txt", "b.txt"]) {
            const options = { contentType: "text/plain" };
            expect((await client.from("plain").upload(name, `of ${name}`, options)).error).toBeNull();
        }
    });

    const post = (body: Record<string, unknown>) => ({ body });
    const text = (body: string) => ({ body, headers: { "content-type": "text/plain" } });
    const methods: readonly (readonly [string, CallOptions, unknown, Effect])[] = [
        ["POST /bucket", post({ name: "fresh", public: true }), { name: "fresh" }, bucketIs("fresh", true)],
        ["GET /bucket/bare", {}, bucket, nothing],
        ["GET /bucket?search=bare", {}, [bucket], nothing],
        ["PUT /bucket/bare", post({ public: true }), { message: "Successfully updated" }, bucketIs("bare", true)],
        [
            "DELETE /bucket/bare",
            {},
            { message: "Successfully deleted" },
            async () => expect(await bed.rows("select from storage.buckets where id = 'bare'")).toEqual([]),
        ],
        ["POST /bucket/plain/empty", {}, { message: "Successfully emptied" }, leaves()],
        ["POST /object/list/plain", post({ prefix: "" }), [listed("a.txt"), listed("b.txt")], nothing],
        [
            "POST /object/sign/plain/a.txt",
            post({ expiresIn: 60 }),
            { signedURL: signed("a.txt") },
            opens((json) => (json as { signedURL: string }).signedURL),
        ],
        [
            "POST /object/sign/plain",
            post({ expiresIn: 60, paths: ["a.txt", "none.txt"] }),
            [
                { error: null, path: "a.txt", signedURL: signed("a.txt") },
                { error: expect.stringContaining("does not exist"), path: "none.txt", signedURL: null },
            ],
            opens((json) => (json as { signedURL: string }[])[0]?.signedURL ?? ""),
        ],
        ["POST /object/plain/new.txt", text("brand new"), stored("new.txt"), holds("new.txt", "brand new")],
        ["PUT /object/plain/a.txt", text("replaced"), stored("a.txt"), holds("a.txt", "replaced")],
        ["DELETE /object/plain/a.txt", {}, { message: "Successfully deleted" }, leaves("b.txt")],
        [
            "DELETE /object/plain",
            post({ prefixes: ["a.txt", "none.txt"] }),
            [
                {
                    ...listed("a.txt"),
                    bucket_id: "plain",
                    owner: null,
                    owner_id: null,
                    version: expect.any(String),
                    user_metadata: null,
                },
            ],
            leaves("b.txt"),
        ],
        [
            "GET /object/info/authenticated/plain/a.txt",
            {},
            {
                id: uuid,
                name: "a.txt",
                version: expect.any(String),
                bucket_id: "plain",
                size: 8,
                content_type: "text/plain",
                cache_control: expect.any(String),
                etag: expect.any(String),
                metadata: null,
                last_modified: stamp,
                created_at: stamp,
            },
            nothing,
        ],
    ];

    test.each(methods)("%s: its status, its whole body and its effect [R05]", async (line, options, json, effect) => {
        const [method = "", path = ""] = line.split(" ");
        const before = await state();
        const answer = await call(method, path, options);
        expect([answer.status, answer.json]).toEqual([200, json]);
        await effect(answer, before);
    });
});

test("an unknown route is 404, and no log line holds a token or a query", async () => {
    expect(await call("GET", "/nothing/here")).toMatchObject({ status: 404 });
    expect(await call("PATCH", "/bucket/files")).toMatchObject({ status: 404 });
    const logs = await bed.storage.logs();
    expect(logs).toContain("GET /object/files/range.txt 206");
    expect(logs).not.toMatch(/eyJ|token=/);
    expect(logs).not.toContain(bed.variables.STORAGE_DB_PASSWORD);
    expect(logs).not.toMatch(/Traceback/);
});
