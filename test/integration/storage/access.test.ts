/** Who may what: tokens, default deny, policies in Postgres that open, and nothing that leaks from one caller to the next. */
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ada, bob, envelope, StorageBed } from "./support.ts";

let bed: StorageBed;

beforeAll(async () => {
    bed = await StorageBed.open();
    const client = await bed.client();
    await client.createBucket("files", { public: false });
    await client.from("files").upload("secret.txt", "secret");
}, 300_000);

afterAll(async () => {
    await bed.close();
}, 60_000);

const denied = envelope("403", "AccessDenied", "Unauthorized", "new row violates row-level security policy");
const noBucket = envelope("404", "NoSuchBucket", "Bucket not found", "Bucket not found");
const notFound = envelope("404", "NoSuchKey", "not_found", "Object not found");

async function nothingChanged(): Promise<void> {
    expect(await bed.rows("select id from storage.buckets")).toEqual([{ id: "files" }]);
    expect(await bed.rows("select bucket_id, name from storage.objects")).toEqual([
        { bucket_id: "files", name: "secret.txt" },
    ]);
}

describe("without a policy", () => {
    test.each(["anon", "authenticated"])("%s sees nothing and changes nothing [R62]", async (role) => {
        const token = role === "anon" ? bed.anonKey : bed.userKey(ada);
        const client = await bed.client(token);
        expect(await client.listBuckets()).toEqual({ data: [], error: null });
        expect(await bed.call("GET", "/bucket/files", { token })).toMatchObject({ status: 400, json: noBucket });
        expect(await bed.call("POST", "/bucket", { token, body: { name: "mine" } })).toMatchObject({
            status: 400,
            json: denied,
        });
        expect(await bed.call("PUT", "/bucket/files", { token, body: { public: true } })).toMatchObject({
            status: 400,
            json: noBucket,
        });
        expect((await client.emptyBucket("files")).error).toMatchObject({ statusCode: "404" });
        expect((await client.deleteBucket("files")).error).toMatchObject({ status: 400 });
        expect(await bed.call("POST", "/object/files/new.txt", { token, body: "x" })).toMatchObject({
            status: 400,
            json: denied,
        });
        expect(await bed.call("PUT", "/object/files/secret.txt", { token, body: "x" })).toMatchObject({
            status: 400,
            json: denied,
        });
        expect(await bed.call("GET", "/object/files/secret.txt", { token })).toMatchObject({
            status: 400,
            json: notFound,
        });
        expect(await bed.call("GET", "/object/authenticated/files/secret.txt", { token })).toMatchObject({
            status: 400,
            json: notFound,
        });
        expect((await client.from("files").info("secret.txt")).error).toMatchObject({ status: 400, statusCode: "404" });
        expect(await client.from("files").list("")).toEqual({ data: [], error: null });
        expect(await client.from("files").remove(["secret.txt"])).toEqual({ data: [], error: null });
        expect(await bed.call("DELETE", "/object/files/secret.txt", { token })).toMatchObject({
            status: 400,
            json: notFound,
        });
        expect((await client.from("files").createSignedUrl("secret.txt", 60)).error).toMatchObject({
            statusCode: "404",
        });
        const signed = await client.from("files").createSignedUrls(["secret.txt"], 60);
        expect(signed.data).toEqual([expect.objectContaining({ signedUrl: null })]);
        await nothingChanged();
    });

    test("row-level security is on for every table in storage, and the check sees one that is not", async () => {
        const open = async () =>
            (
                await bed.rows<{ name: string }>(
                    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where n.nspname = 'storage' and c.relkind in ('r', 'p') and not c.relrowsecurity`,
                )
            ).map(({ name }) => name);
        expect(await open()).toEqual([]);
        await bed.rows("create table storage.forgotten (id integer)");
        expect(await open()).toEqual(["forgotten"]);
        await bed.rows("drop table storage.forgotten");
    });
});

describe("tokens", () => {
    const routes: readonly (readonly [string, string])[] = [
        ["GET", "/bucket"],
        ["POST", "/bucket"],
        ["GET", "/bucket/files"],
        ["PUT", "/bucket/files"],
        ["DELETE", "/bucket/files"],
        ["POST", "/bucket/files/empty"],
        ["POST", "/object/list/files"],
        ["POST", "/object/sign/files"],
        ["POST", "/object/sign/files/secret.txt"],
        ["GET", "/object/authenticated/files/secret.txt"],
        ["GET", "/object/info/authenticated/files/secret.txt"],
        ["POST", "/object/files/new.txt"],
        ["PUT", "/object/files/secret.txt"],
        ["DELETE", "/object/files/secret.txt"],
        ["DELETE", "/object/files"],
    ];

    test("a request without one is refused on every route that needs one [R65]", async () => {
        for (const [method, path] of routes) {
            expect(await bed.call(method, path)).toMatchObject({
                status: 400,
                json: { statusCode: "400", message: "headers must have required property 'authorization'" },
            });
        }
        await nothingChanged();
    });

    test("a damaged, forged, expired, unsigned or strangely signed one is refused on every route [R65]", async () => {
        const good = bed.serviceKey;
        const [head = "", claims = "", signature = ""] = good.split(".");
        const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
        const admin = encode({ role: "service_role", exp: 2051222400 });
        const hs512 = `${encode({ alg: "HS512", typ: "JWT" })}.${admin}`;
        const bad: Readonly<Record<string, string>> = {
            nonsense: "nonsense",
            empty: "",
            cut: good.slice(0, -1),
            "changed claims": `${head}.${admin}.${signature}`,
            forged: bed.token({ role: "service_role" }, "a secret that is not the server's"),
            expired: bed.token({ role: "service_role", exp: 1_600_000_000 }),
            "not yet valid": bed.token({ role: "service_role", nbf: 2_000_000_000 }),
            unsigned: `${encode({ alg: "none" })}.${claims}.`,
            "another algorithm": `${hs512}.${createHmac("sha512", bed.variables.JWT_SECRET ?? "")
                .update(hs512)
                .digest("base64url")}`,
            "a role that is none": bed.token({ role: "postgres" }),
            "a role that is no text": bed.token({ role: ["service_role"] }),
        };
        expect((await bed.call("GET", "/bucket/files", { token: good })).status).toBe(200);
        for (const [name, token] of Object.entries(bad)) {
            for (const [method, path] of routes) {
                const refused = await bed.call(method, path, { token });
                expect([name, method, path, refused.status, refused.json]).toEqual([
                    name,
                    method,
                    path,
                    400,
                    { statusCode: "403", code: "AccessDenied", error: "Unauthorized", message: expect.any(String) },
                ]);
            }
        }
        await nothingChanged();
    });

    test("a valid one without a role is anonymous", async () => {
        expect((await bed.call("GET", "/bucket", { token: bed.token({ sub: ada }) })).json).toEqual([]);
    });
});

describe("with policies of the user's own", () => {
    const own = "bucket_id = 'files' and (storage.foldername(name))[1] = auth.uid()::text";

    beforeAll(async () => {
        await (await bed.client()).from("files").upload("shown/a.txt", "shown");
        await bed.rows(`
            create policy own_select on storage.objects for select to authenticated using (${own});
            create policy own_insert on storage.objects for insert to authenticated with check (${own});
            create policy anon_select on storage.objects for select to anon using (name like 'shown/%');
        `);
    });

    test("a user works in its own folder, and in no other [R62]", async () => {
        const files = (await bed.client(bed.userKey(ada))).from("files");
        expect((await files.upload(`${ada}/note.txt`, "of ada")).error).toBeNull();
        expect(await (await files.download(`${ada}/note.txt`)).data?.text()).toBe("of ada");
        const [row] = await bed.rows("select owner, owner_id from storage.objects where name = $1", [
            `${ada}/note.txt`,
        ]);
        expect(row).toEqual({ owner: ada, owner_id: ada });
        expect((await files.list("")).data?.map(({ name }) => name)).toEqual([ada]);
        expect((await files.upload(`${bob}/note.txt`, "of ada")).error).toMatchObject({ statusCode: "403" });
        const bobs = (await bed.client(bed.userKey(bob))).from("files");
        expect((await bobs.download(`${ada}/note.txt`)).error).not.toBeNull();
        expect((await bobs.list("")).data).toEqual([]);
    });

    test("what no policy allows stays denied: replacing and removing, until one does", async () => {
        const files = (await bed.client(bed.userKey(ada))).from("files");
        const name = `${ada}/note.txt`;
        expect((await files.upload(name, "changed", { upsert: true })).error).toMatchObject({ statusCode: "403" });
        expect(await files.remove([name])).toEqual({ data: [], error: null });
        expect(await (await files.download(name)).data?.text()).toBe("of ada");
        await bed.rows(`create policy own_update on storage.objects for update to authenticated using (${own})`);
        expect((await files.upload(name, "changed", { upsert: true })).error).toBeNull();
        expect(await (await files.download(name)).data?.text()).toBe("changed");
        await bed.rows(`create policy own_delete on storage.objects for delete to authenticated using (${own})`);
        expect((await files.remove([name])).data).toHaveLength(1);
        expect((await files.exists(name)).data).toBe(false);
    });

    test("an anonymous caller sees what a policy shows", async () => {
        const files = (await bed.client(bed.anonKey)).from("files");
        expect(await (await files.download("shown/a.txt")).data?.text()).toBe("shown");
        expect((await files.download("secret.txt")).error).not.toBeNull();
        const { data } = await files.createSignedUrl("shown/a.txt", 60);
        expect(await (await fetch(data?.signedUrl ?? "")).text()).toBe("shown");
    });

    test("many callers at once never get each other's role", async () => {
        const count = async (token: string) => {
            const { json } = await bed.call("POST", "/object/list/files", { token, body: { prefix: "" } });
            return (json as unknown[]).length;
        };
        const tokens = [bed.serviceKey, bed.anonKey, bed.userKey(bob)];
        const counts = await Promise.all(Array.from({ length: 90 }, (_, index) => count(tokens[index % 3] ?? "")));
        expect(counts).toEqual(Array.from({ length: 90 }, (_, index) => [2, 1, 0][index % 3]));
    });
});
