/** The api with everything behind it, for the tests of api and worker: started, asked as a client would, looked into. */
import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type FormData, request } from "undici";
import { z } from "zod";
import { randomVariables, type Service, signToken, TestBed, type Variables } from "../support/containers.ts";

const document = z.object({
    id: z.string(),
    owner: z.string().nullable(),
    name: z.string(),
    status: z.string(),
    reason: z.string().nullable(),
    chunk_count: z.number(),
    chunks: z.array(z.object({ index: z.number(), content: z.string() })).optional(),
});
export type Document = z.infer<typeof document>;

export interface Answer {
    readonly status: number;
    readonly headers: Readonly<Record<string, string | string[] | undefined>>;
    readonly text: string;
    readonly json: unknown;
}

export interface Call {
    readonly method?: "GET" | "POST" | "DELETE";
    /** Bearer token; none when left out. */
    readonly token?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Buffer | FormData | Readable;
}

/** Postgres, Redis, storage and an api on a network of their own. */
export class ApiStack {
    readonly bed: TestBed;
    readonly variables: Variables;
    readonly postgres: Service;
    readonly redis: Service;
    readonly storage: Service;
    readonly api: Service;

    private constructor(bed: TestBed, variables: Variables, services: readonly [Service, Service, Service, Service]) {
        this.bed = bed;
        this.variables = variables;
        [this.postgres, this.redis, this.storage, this.api] = services;
    }

    static async open(): Promise<ApiStack> {
        const bed = await TestBed.open();
        const variables = randomVariables();
        try {
            const [postgres, redis] = await Promise.all([
                bed.start("postgres", { variables }),
                bed.start("redis", { variables }),
            ]);
            const storage = await bed.start("storage", { variables });
            const api = await bed.start("api", { variables });
            return new ApiStack(bed, variables, [postgres, redis, storage, api]);
        } catch (error) {
            await bed.close();
            throw error;
        }
    }

    async close(): Promise<void> {
        await this.bed.close();
    }

    get serviceKey(): string {
        return this.variables.SERVICE_ROLE_KEY ?? "";
    }

    get anonKey(): string {
        return this.variables.ANON_KEY ?? "";
    }

    /** A token of a user; a new user when none is named. Claims are added or override. */
    userToken(user: string = randomUUID(), claims: Readonly<Record<string, unknown>> = {}): string {
        return signToken({ role: "authenticated", sub: user, ...claims }, this.variables.JWT_SECRET ?? "");
    }

    /** Asks the api, or another service that listens as it does. */
    async ask(path: string, call: Call = {}, service: Service = this.api, port = 8000): Promise<Answer> {
        return await ask(`http://${await service.address(port)}${path}`, call);
    }

    /** Posts a document and answers its id. Throws when it was not acknowledged. */
    async post(content: string | Buffer, contentType = "text/plain", token = this.serviceKey): Promise<string> {
        const headers = { "content-type": contentType, "x-document-name": "test" };
        const answer = await this.ask("/documents", { method: "POST", token, headers, body: content });
        if (answer.status !== 201) throw new Error(`not acknowledged: ${answer.status} ${answer.text}`);
        return document.parse(answer.json).id;
    }

    async get(id: string, token = this.serviceKey): Promise<Document> {
        const answer = await this.ask(`/documents/${id}?chunks=true`, { token });
        if (answer.status !== 200) throw new Error(`not found: ${answer.status} ${answer.text}`);
        return document.parse(answer.json);
    }

    /** Waits until the document has one of the states; throws with what it has after two minutes. */
    async reaches(id: string, ...states: readonly string[]): Promise<Document> {
        const deadline = Date.now() + 120_000;
        for (;;) {
            const found = await this.get(id);
            if (states.includes(found.status)) return found;
            if (Date.now() > deadline) throw new Error(`still ${JSON.stringify({ ...found, chunks: undefined })}`);
            await sleep(50);
        }
    }

    /** Rows of a query by the superuser, past every policy. */
    async rows(query: string, values: readonly unknown[] = []): Promise<readonly Record<string, unknown>[]> {
        const [host, port] = (await this.postgres.address(5432)).split(":");
        const client = new pg.Client({
            host,
            port: Number(port),
            user: "postgres",
            password: this.variables.POSTGRES_PASSWORD,
            database: "postgres",
        });
        client.on("error", () => undefined);
        await client.connect();
        try {
            const { rows } = await client.query<Record<string, unknown>>(query, [...values]);
            return rows;
        } finally {
            await client.end();
        }
    }

    /** The secrets whose values stand in a text. */
    secretsIn(text: string): readonly string[] {
        return Object.keys(this.variables).filter((name) => text.includes(this.variables[name] ?? ""));
    }
}

/** One HTTP request on a connection of its own, with its body read. */
export async function ask(url: string, call: Call = {}): Promise<Answer> {
    const answer = await request(url, {
        method: call.method ?? "GET",
        headers: { ...(call.token === undefined ? {} : { authorization: `Bearer ${call.token}` }), ...call.headers },
        ...(call.body === undefined ? {} : { body: call.body }),
        reset: true,
    });
    const text = await answer.body.text();
    const isJson = String(answer.headers["content-type"] ?? "").startsWith("application/json");
    return { status: answer.statusCode, headers: answer.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

/** A PDF with these lines of text, one list a page; uncompressed, so that its size tells how long reading it takes. */
export function makePdf(pages: readonly (readonly string[])[]): Buffer {
    const objects: string[] = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        `<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, page) => `${4 + 2 * page} 0 R`).join(" ")}] >>`,
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ];
    for (const [page, lines] of pages.entries()) {
        const shown = lines.map((line) => `(${line.replaceAll(/[\\()]/g, "\\$&")}) Tj T*`).join("\n");
        const content = `BT /F1 10 Tf 12 TL 40 800 Td\n${shown}\nET`;
        const parts = `/Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >>`;
        objects.push(`<< /Type /Page ${parts} /Contents ${5 + 2 * page} 0 R >>`);
        objects.push(`<< /Length ${content.length} >>\nstream\n${content}\nendstream`);
    }
    let text = "%PDF-1.4\n";
    const offsets = objects.map((object, index) => {
        const offset = text.length;
        text += `${index + 1} 0 obj\n${object}\nendobj\n`;
        return `${String(offset).padStart(10, "0")} 00000 n \n`;
    });
    const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.join("")}`;
    const trailer = `trailer << /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`;
    return Buffer.from(text + table + trailer, "latin1");
}

/** A PDF that takes the worker several seconds: many pages of real text. */
export function makeLongPdf(): Buffer {
    return makePdf(
        Array.from({ length: 1200 }, (_, page) =>
            Array.from({ length: 40 }, (_, line) => `Page ${page} line ${line} tells of the insured event in detail.`),
        ),
    );
}
