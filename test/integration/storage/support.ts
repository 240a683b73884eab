/** What the tests of the storage server share: the server with its Postgres, clients in each role, and the raw HTTP. */
import { StorageClient } from "@supabase/storage-js";
import { Client, type QueryResultRow } from "pg";
import { Client as HttpClient } from "undici";
import { randomVariables, type Service, signToken, TestBed, type Variables } from "../../support/containers.ts";

export const ada = "11111111-1111-4111-8111-111111111111";
export const bob = "22222222-2222-4222-8222-222222222222";

/** An answer as it came: the official client hides codes and headers. */
export interface Answer {
    readonly status: number;
    readonly headers: Readonly<Record<string, string | string[] | undefined>>;
    readonly text: string;
    /** The body as JSON; null where it is none. */
    readonly json: unknown;
}

export interface CallOptions {
    readonly token?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Buffer | Readonly<Record<string, unknown>>;
}

export class StorageBed {
    readonly bed: TestBed;
    readonly variables: Variables;
    readonly postgres: Service;
    storage: Service;

    private constructor(bed: TestBed, variables: Variables, postgres: Service, storage: Service) {
        this.bed = bed;
        this.variables = variables;
        this.postgres = postgres;
        this.storage = storage;
    }

    static async open(): Promise<StorageBed> {
        const bed = await TestBed.open();
        try {
            const variables = randomVariables();
            const postgres = await bed.start("postgres", { variables });
            return new StorageBed(bed, variables, postgres, await bed.start("storage", { variables }));
        } catch (error) {
            await bed.close();
            throw error;
        }
    }

    close(): Promise<void> {
        return this.bed.close();
    }

    get serviceKey(): string {
        return this.variables.SERVICE_ROLE_KEY ?? "";
    }

    get anonKey(): string {
        return this.variables.ANON_KEY ?? "";
    }

    /** A token of a signed-in user. */
    userKey(sub: string): string {
        return this.token({ role: "authenticated", sub });
    }

    token(claims: Readonly<Record<string, unknown>>, secret = this.variables.JWT_SECRET ?? ""): string {
        return signToken(claims, secret);
    }

    async url(): Promise<string> {
        return `http://${await this.storage.address(5000)}`;
    }

    /** The official client with this token. */
    async client(token: string = this.serviceKey): Promise<StorageClient> {
        return new StorageClient(await this.url(), { authorization: `Bearer ${token}` });
    }

    /** One request, exactly as written: no path is tidied up on the way. */
    async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
        const { body, token, headers } = options;
        const json = body !== undefined && typeof body !== "string" && !Buffer.isBuffer(body);
        const http = new HttpClient(await this.url());
        try {
            const response = await http.request({
                path,
                method,
                headers: {
                    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
                    ...(json ? { "content-type": "application/json" } : {}),
                    ...headers,
                },
                ...(body === undefined ? {} : { body: json ? JSON.stringify(body) : body }),
            });
            const text = await response.body.text();
            return { status: response.statusCode, headers: response.headers, text, json: parseJson(text) };
        } finally {
            await http.destroy();
        }
    }

    /** Rows of a query that runs as the superuser. */
    async rows<R extends QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> {
        const [host, port] = (await this.postgres.address(5432)).split(":");
        const password = this.variables.POSTGRES_PASSWORD ?? "";
        const client = new Client({
            host: host ?? "",
            port: Number(port),
            user: "postgres",
            password,
            database: "postgres",
        });
        client.on("error", () => undefined);
        try {
            await client.connect();
            return (await client.query<R>(text, values)).rows;
        } finally {
            await client.end().catch(() => undefined);
        }
    }

    /** Files that hold bytes on the volume, by path below its root. */
    async files(): Promise<string[]> {
        const find = "cd /var/lib/storage && find incoming objects -type f | sort";
        const { output } = await this.storage.exec(["sh", "-c", find]);
        return output.split("\n").filter((line) => line !== "");
    }
}

/** The error envelope of Supabase Storage. */
export function envelope(statusCode: string, code: string, error: string, message: string): Record<string, string> {
    return { statusCode, code, error, message };
}

function parseJson(text: string): unknown {
    try {
        return JSON.parse(text);
    } catch {
        return null;
    }
}
