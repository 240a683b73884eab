/** The api, in its container, against real Postgres, Redis and storage: who may what, what is promised, and what holds when things behind it go away. */
import { createHmac, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { FormData } from "undici";
import { z } from "zod";
import { type Service, signToken } from "../support/containers.ts";
import { type Answer, ApiStack, ask, type Call } from "./api-stack.ts";

const page = z.object({ documents: z.array(z.object({ id: z.string() })), next: z.string().nullable() });
const health = z.object({
    status: z.string(),
    revision: z.string(),
    checks: z.record(z.string(), z.object({ status: z.string() })),
});

let stack: ApiStack;

beforeAll(async () => {
    stack = await ApiStack.open();
}, 300_000);

afterAll(async () => {
    await stack?.close();
}, 60_000);

const id = (answer: Answer): string => z.object({ id: z.string() }).parse(answer.json).id;

const text = (body: string, token: string, headers: Readonly<Record<string, string>> = {}): Call => ({
    method: "POST",
    token,
    headers: { "content-type": "text/plain", ...headers },
    body,
});

/** Asks until the answer is as wanted, for a minute at most; answers the last one. */
async function eventually(wanted: (answer: Answer) => boolean, question: () => Promise<Answer>): Promise<Answer> {
    const deadline = Date.now() + 60_000;
    for (;;) {
        const answer = await question();
        if (wanted(answer) || Date.now() > deadline) return answer;
        await sleep(100);
    }
}

describe("health", () => {
    test("/health needs no token and tells revision and every check [R32] [R80]", async () => {
        const answer = await stack.ask("/health");
        expect(answer.status).toBe(200);
        expect(health.parse(answer.json)).toEqual({
            status: "ok",
            revision: "development",
            checks: { postgres: { status: "ok" }, redis: { status: "ok" }, storage: { status: "ok" } },
        });
    });

    test.each([
        ["redis", ["redis"]],
        ["storage", ["storage"]],
        // Storage keeps its metadata in Postgres: its own answer is 200 then, with a body that says otherwise.
        ["postgres", ["postgres", "storage"]],
    ] as const)("without %s it is 503 naming %p, and 200 again when that is back [R32]", async (name, failing) => {
        const service: Service = stack[name];
        await service.container.stop();
        try {
            const lost = await eventually(
                (answer) => failing.every((check) => health.parse(answer.json).checks[check]?.status === "failed"),
                () => stack.ask("/health"),
            );
            expect(lost.status).toBe(503);
            const { status, checks } = health.parse(lost.json);
            expect(status).toBe("unavailable");
            expect(Object.keys(checks).filter((check) => checks[check]?.status === "failed")).toEqual(failing);
        } finally {
            await service.container.start();
        }
        const back = await eventually(
            (answer) => answer.status === 200,
            () => stack.ask("/health"),
        );
        expect(back.status).toBe(200);
    });

    test("starts when nothing behind it is there, and says so", async () => {
        const environment = {
            DATABASE_URL: "postgresql://authenticator:x@nowhere.invalid:5432/postgres",
            REDIS_URL: "redis://:x@nowhere.invalid:6379/0",
            STORAGE_URL: "http://nowhere.invalid:5000",
            PLUMBLINE_REVISION: "0badcafe",
        };
        const { variables } = stack;
        const lonely = await stack.bed.start("api", { variables, environment, untilHealthy: false });
        let answer: Answer | undefined;
        for (let tries = 0; answer === undefined && tries < 100; tries += 1) {
            await sleep(100);
            answer = await stack.ask("/health", {}, lonely).catch(() => undefined);
        }
        expect(answer?.status).toBe(503);
        const report = health.parse(answer?.json);
        expect(report.revision).toBe("0badcafe");
        expect(Object.values(report.checks).map((check) => check.status)).toEqual(["failed", "failed", "failed"]);
        await lonely.container.stop();
    });
});

describe("who may what", () => {
    const missing = randomUUID();
    const endpoints: readonly (readonly [string, Call, user: number, service: number])[] = [
        ["/documents", text("A document.", ""), 201, 201],
        ["/documents", {}, 200, 200],
        [`/documents/${missing}`, {}, 404, 404],
        [`/documents/${missing}`, { method: "DELETE" }, 404, 404],
        ["/openapi.json", {}, 200, 200],
        ["/metrics", {}, 403, 200],
    ];

    test.each(endpoints)(
        "%s %j: 401 without a valid token, 403 for anon [R34] [R65]",
        async (path, call, user, own) => {
            const secret = stack.variables.JWT_SECRET ?? "";
            const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${stack.serviceKey.split(".")[1]}.`;
            const otherAlgorithm = (() => {
                const head = Buffer.from('{"alg":"HS512","typ":"JWT"}').toString("base64url");
                const signed = `${head}.${stack.serviceKey.split(".")[1]}`;
                return `${signed}.${createHmac("sha512", secret).update(signed).digest("base64url")}`;
            })();
            const tokens: readonly (readonly [string, string | undefined, number])[] = [
                ["no token", undefined, 401],
                ["no JWT", "nonsense", 401],
                [
                    "signed by another",
                    signToken({ role: "service_role" }, "another-secret-of-at-least-32-characters"),
                    401,
                ],
                ["not signed", unsigned, 401],
                ["another algorithm", otherAlgorithm, 401],
                ["expired", signToken({ role: "service_role", exp: 1735689601 }, secret), 401],
                ["without role", signToken({ sub: randomUUID() }, secret), 401],
                ["a user without id", signToken({ role: "authenticated" }, secret), 401],
                ["anon", stack.anonKey, 403],
                ["a role that Postgres has", signToken({ role: "postgres" }, secret), 403],
                ["a user", stack.userToken(), user],
                ["a service", stack.serviceKey, own],
            ];
            const seen: [string, number][] = [];
            for (const [name, token] of tokens) {
                const { token: _, ...rest } = call;
                const answer = await stack.ask(path, token === undefined ? rest : { ...rest, token });
                seen.push([name, answer.status]);
            }
            expect(seen).toEqual(tokens.map(([name, , status]) => [name, status]));
        },
    );

    /** What another user can reach of a document. */
    async function leaks(document: string, stranger: string): Promise<readonly string[]> {
        const found: string[] = [];
        const one = await stack.ask(`/documents/${document}?chunks=true`, { token: stranger });
        if (one.status !== 404) found.push("get");
        const list = page.parse((await stack.ask("/documents?limit=100", { token: stranger })).json);
        if (list.documents.some((listed) => listed.id === document)) found.push("list");
        const removed = await stack.ask(`/documents/${document}`, { method: "DELETE", token: stranger });
        if (removed.status !== 404) found.push("delete");
        return found;
    }

    test("a user reaches nothing of another's; a service reaches everything [R34] [R62]", async () => {
        const owner = stack.userToken();
        const document = await stack.post("The secret of one user.", "text/plain", owner);
        expect(await leaks(document, stack.userToken())).toEqual([]);
        expect((await stack.get(document, owner)).id).toBe(document);
        expect((await stack.get(document)).id).toBe(document);
    });

    test("it is row-level security that keeps users apart: without it the same check finds the leak", async () => {
        const document = await stack.post("The secret of one user.", "text/plain", stack.userToken());
        await stack.rows("alter table app.documents disable row level security");
        try {
            expect(await leaks(document, stack.userToken())).toEqual(["get", "list", "delete"]);
        } finally {
            await stack.rows("alter table app.documents enable row level security");
        }
    });
});

describe("posting", () => {
    test("stores bytes, document and job: raw and as a form [R80]", async () => {
        const form = new FormData();
        form.append("file", new File(["<p>Grüße</p>"], "grüße.html", { type: "text/html" }));
        const posted = [
            await stack.ask("/documents", text("Raw.", stack.serviceKey, { "x-document-name": "gr%C3%BC%C3%9Fe.txt" })),
            await stack.ask("/documents", { method: "POST", token: stack.serviceKey, body: form }),
        ];
        expect(posted.map((answer) => answer.status)).toEqual([201, 201]);
        const rows = await stack.rows(
            `select d.name, d.content_type, d.size::int, d.owner, j.state, o.metadata ->> 'size' as stored
             from app.documents d join app.jobs j on j.document_id = d.id
             join storage.objects o on o.name = d.storage_path and o.bucket_id = 'documents'
             where d.id = any($1) order by d.created_at`,
            [posted.map(id)],
        );
        expect(rows).toEqual([
            { name: "grüße.txt", content_type: "text/plain", size: 4, owner: null, state: "queued", stored: "4" },
            { name: "grüße.html", content_type: "text/html", size: 14, owner: null, state: "queued", stored: "14" },
        ]);
    });

    test("refuses what is no document: too large, empty, of another type, a broken form", async () => {
        const large = Buffer.alloc(20 * 1024 * 1024 + 1, "a");
        const base = { method: "POST", token: stack.serviceKey } as const;
        const type = { "content-type": "text/plain" };
        const form = { "content-type": "multipart/form-data; boundary=x" };
        const answers = [
            await stack.ask("/documents", { ...base, headers: type, body: large }),
            await stack.ask("/documents", { ...base, token: "nonsense", headers: type, body: large }),
            // In parts, so that no length is announced.
            await stack.ask("/documents", {
                ...base,
                headers: type,
                body: Readable.from([large.subarray(9), large.subarray(0, 9)]),
            }),
            await stack.ask("/documents", { ...base, headers: type, body: "" }),
            await stack.ask("/documents", { ...base, headers: { "content-type": "image/png" }, body: "x" }),
            await stack.ask("/documents", { ...base, headers: form, body: "--x\r\nnonsense" }),
            await stack.ask("/documents", {
                ...base,
                headers: { ...type, "x-document-name": "n".repeat(256) },
                body: "x",
            }),
        ];
        expect(answers.map((answer) => answer.status)).toEqual([413, 401, 413, 400, 415, 400, 400]);
        const within = await stack.ask("/documents", { ...base, headers: type, body: large.subarray(1) });
        expect(within.status).toBe(201);
    }, 60_000);

    test("the same Idempotency-Key gives the same document, also at once; another content is refused", async () => {
        const [one, other] = [stack.userToken(), stack.userToken()];
        const key = { "idempotency-key": randomUUID() };
        const answers = await Promise.all(
            Array.from({ length: 8 }, () => stack.ask("/documents", text("A", one, key))),
        );
        expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]));
        expect(new Set(answers.map(id)).size).toBe(1);
        expect((await stack.ask("/documents", text("B", one, key))).status).toBe(409);
        const ofOther = await stack.ask("/documents", text("A", other, key));
        expect(ofOther.status).toBe(201);
        expect(id(ofOther)).not.toBe(id(answers[0] as Answer));
        const rows = await stack.rows("select count(*)::int from app.documents where idempotency_key = $1", [
            key["idempotency-key"],
        ]);
        expect(rows).toEqual([{ count: 2 }]);
        // Without the key the same content is a document of its own each time.
        const [first, second] = [await stack.post("A"), await stack.post("A")];
        expect(first).not.toBe(second);
    });

    test("a failure in between leaves no document that anybody sees", async () => {
        const { variables, bed } = stack;
        const hasty = await bed.start("api", { variables, environment: { WAIT_SECONDS: "1" } });
        const before = await stack.rows("select count(*)::int from app.documents");
        await stack.storage.container.stop();
        try {
            const answer = await stack.ask("/documents", text("Nowhere to keep it.", stack.serviceKey), hasty);
            expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "2"]);
        } finally {
            await stack.storage.container.start();
            await stack.storage.healthy();
        }
        // The bytes can be kept, the row cannot.
        await stack.rows("alter table app.documents add constraint seeded check (size <> 5) not valid");
        try {
            expect((await stack.ask("/documents", text("12345", stack.serviceKey), hasty)).status).toBe(500);
        } finally {
            await stack.rows("alter table app.documents drop constraint seeded");
        }
        expect(await stack.rows("select count(*)::int from app.documents")).toEqual(before);
        await hasty.container.stop();
    });

    test("what was acknowledged is there after api, Postgres and storage were killed [R92]", async () => {
        const document = await stack.post("Kept.");
        await Promise.all([stack.api, stack.postgres, stack.storage].map((service) => service.killAndStart()));
        await Promise.all([stack.api, stack.postgres, stack.storage].map((service) => service.healthy()));
        expect((await stack.get(document)).id).toBe(document);
        const [row] = await stack.rows("select storage_path from app.documents where id = $1", [document]);
        const authorization = { token: stack.serviceKey };
        const stored = await stack.ask(`/object/documents/${row?.storage_path}`, authorization, stack.storage, 5000);
        expect([stored.status, stored.text]).toEqual([200, "Kept."]);
    });
});

describe("reading and removing", () => {
    test("pages go through all of a user's documents once, newest first", async () => {
        const token = stack.userToken();
        const posted: string[] = [];
        for (let number = 0; number < 7; number += 1)
            posted.push(await stack.post(`Number ${number}.`, "text/plain", token));
        const listed: string[] = [];
        let query = "?limit=3";
        for (;;) {
            const answer = page.parse((await stack.ask(`/documents${query}`, { token })).json);
            listed.push(...answer.documents.map((document) => document.id));
            if (answer.next === null) break;
            query = `?limit=3&after=${answer.next}`;
        }
        expect(listed).toEqual(posted.reverse());
        expect((await stack.ask("/documents?after=nonsense", { token })).status).toBe(400);
        expect((await stack.ask("/documents?limit=101", { token })).status).toBe(422);
    });

    test("removing takes document, job, chunks and bytes", async () => {
        const token = stack.userToken();
        const document = await stack.post("To be removed.", "text/plain", token);
        const [row] = await stack.rows("select storage_path from app.documents where id = $1", [document]);
        await stack.rows("insert into app.chunks (document_id, index, content) values ($1, 0, 'x')", [document]);
        expect((await stack.ask(`/documents/${document}`, { method: "DELETE", token })).status).toBe(204);
        expect((await stack.ask(`/documents/${document}`, { token })).status).toBe(404);
        expect((await stack.ask(`/documents/${document}`, { method: "DELETE", token })).status).toBe(404);
        const left = await stack.rows(
            `select (select count(*)::int from app.jobs where document_id = $1) as jobs,
                    (select count(*)::int from app.chunks where document_id = $1) as chunks,
                    (select count(*)::int from storage.objects where name = $2) as objects`,
            [document, row?.storage_path],
        );
        expect(left).toEqual([{ jobs: 0, chunks: 0, objects: 0 }]);
    });
});

describe("while something behind it goes away", () => {
    /** Posts and reads without a pause until `act` has ended and a second more; answers what failed and what was kept. */
    async function load(api: Service, act: () => Promise<unknown>) {
        const failed: string[] = [];
        const kept: string[] = [];
        let running = true;
        const address = await api.address(8000);
        const client = async () => {
            while (running) {
                try {
                    const posted = await ask(`http://${address}/documents`, text("Under load.", stack.serviceKey));
                    if (posted.status !== 201) failed.push(`post ${posted.status} ${posted.text}`);
                    else {
                        kept.push(id(posted));
                        const read = await ask(`http://${address}/documents/${id(posted)}`, {
                            token: stack.serviceKey,
                        });
                        if (read.status !== 200) failed.push(`get ${read.status} ${read.text}`);
                    }
                } catch (error) {
                    failed.push(String(error));
                }
                await sleep(50);
            }
        };
        const clients = Array.from({ length: 4 }, client);
        await sleep(500);
        await act();
        await sleep(1000);
        running = false;
        await Promise.all(clients);
        return { failed, kept };
    }

    test.each([
        ["postgres", "restarted"],
        ["storage", "restarted"],
        ["redis", "restarted"],
        // Connections stay open and nothing answers, as while an edge holds them.
        ["postgres", "frozen"],
    ] as const)(
        "%s is %s: no request fails and every acknowledged document is there [R91] [R92]",
        async (name, how) => {
            const { container } = stack[name];
            const act = async () => {
                if (how === "restarted") return await container.restart();
                await container.pause();
                await sleep(4000);
                await container.unpause();
            };
            const { failed, kept } = await load(stack.api, act);
            expect(failed).toEqual([]);
            expect(kept.length).toBeGreaterThan(0);
            const rows = await stack.rows("select count(*)::int from app.documents where id = any($1)", [kept]);
            expect(rows).toEqual([{ count: kept.length }]);
        },
        120_000,
    );

    test("an api that does not repeat fails under the same restart: the check above can be red", async () => {
        const { variables, bed } = stack;
        const impatient = await bed.start("api", { variables, environment: { WAIT_SECONDS: "0.05" } });
        const { failed } = await load(impatient, () => stack.postgres.container.restart());
        expect(failed.length).toBeGreaterThan(0);
        await impatient.container.stop();
        await stack.postgres.healthy();
    }, 120_000);

    test("a stop lets requests in flight end", async () => {
        const { variables, bed } = stack;
        const stopping = await bed.start("api", { variables });
        const address = await stopping.address(8000);
        let half: () => void = () => undefined;
        const sentHalf = new Promise<void>((resolve) => {
            half = resolve;
        });
        async function* slowly() {
            yield Buffer.from("The first half, ");
            half();
            await sleep(3000);
            yield Buffer.from("the second half.");
        }
        const call = { ...text("", stack.serviceKey), body: Readable.from(slowly()) };
        const posting = ask(`http://${address}/documents`, call);
        await sentHalf;
        const stopped = stopping.container.stop();
        const answer = await posting;
        await stopped;
        expect(answer.status).toBe(201);
        expect(await stopping.exited()).toBe(0);
        expect((await stack.get(id(answer))).id).toBe(id(answer));
    });
});

describe("what it tells of itself", () => {
    test("the OpenAPI document describes every endpoint, and each but /health needs the bearer token", async () => {
        const operation = z.object({
            responses: z.record(z.string(), z.object({ description: z.string().min(1) })),
            security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
        });
        const answer = await stack.ask("/openapi.json", { token: stack.serviceKey });
        const described = z
            .object({
                openapi: z.string().regex(/^3\.1\./),
                info: z.object({ title: z.string(), version: z.literal("development") }),
                paths: z.record(z.string(), z.record(z.string(), operation)),
                components: z.object({ securitySchemes: z.record(z.string(), z.object({ type: z.literal("http") })) }),
            })
            .parse(answer.json);
        const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
            Object.entries(methods).map(
                ([method, found]) => [`${method} ${path}`, found.security !== undefined] as const,
            ),
        );
        expect(Object.fromEntries(operations)).toEqual({
            "get /health": false,
            "get /metrics": true,
            "get /documents": true,
            "post /documents": true,
            "get /documents/{document}": true,
            "delete /documents/{document}": true,
        });
        // Every reference leads somewhere.
        const references = [...answer.text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) =>
            (match[1] ?? "").split("/"),
        );
        expect(references.length).toBeGreaterThan(0);
        const lost = references.filter((parts) => {
            let at: unknown = answer.json;
            for (const part of parts) at = z.record(z.string(), z.unknown()).safeParse(at).data?.[part];
            return at === undefined;
        });
        expect(lost).toEqual([]);
    });

    test("metrics count what happened [R43] [R80]", async () => {
        const count = async () => {
            const { text: metrics } = await stack.ask("/metrics", { token: stack.serviceKey });
            return Number(/^api_documents_accepted_total (\S+)$/m.exec(metrics)?.[1]);
        };
        const before = await count();
        await stack.post("Counted.");
        expect(await count()).toBe(before + 1);
    });

    test("logs are JSON lines without any secret; the search finds one where it stands", async () => {
        await stack.ask("/documents", { token: stack.anonKey });
        const logs = await stack.api.logs();
        expect(logs).toContain('"route": "/documents"');
        expect(stack.secretsIn(logs)).toEqual([]);
        const { Config } = await stack.api.container.inspect();
        expect(stack.secretsIn(Config.Env.join("\n"))).toContain("JWT_SECRET");
    });
});
