/** Clients that write to Postgres without a break: what was acknowledged must be there afterwards. */
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";

export interface WritersOptions {
    /** Published port of Postgres, on 127.0.0.1. */
    readonly port: number;
    readonly password: string;
    /** @default 20 */
    readonly clients?: number;
    /** The writers end by themselves after this many seconds. */
    readonly mostSeconds: number;
}

export interface WritersResult {
    readonly acknowledged: number;
    /** Acknowledged, and not there afterwards. */
    readonly lost: number;
    /** Connections that were refused. */
    readonly refused: number;
    /** Connections that were accepted and came to nothing. */
    readonly failedConnections: number;
    /** Statements that were under way when their connection ended: not acknowledged, so the client knows. */
    readonly cut: number;
    readonly otherErrors: Readonly<Record<string, number>>;
    /** Longest time in which no client got an acknowledgement, in milliseconds. */
    readonly heldMs: number;
    /** Longest wait of one write that was acknowledged, its connection included. */
    readonly longestMs: number;
    readonly seconds: number;
}

const table = "public.bench_writes";
/** Time between two writes of one client: 20 of them write some hundred times a second. */
const thinkMs = 10;
/** Longer than the edge holds anything. */
const patienceMs = 45_000;

/** Twenty writers that run; every second one opens a connection for each write, the others keep theirs. */
export class Writers {
    readonly #options: Required<WritersOptions>;
    readonly #acknowledged: number[][];
    readonly #running: Promise<unknown>;
    readonly #end: number;
    #stopping = false;
    #last = performance.now();
    #refused = 0;
    #failedConnections = 0;
    #cut = 0;
    #held = 0;
    #longest = 0;
    readonly #other: Record<string, number> = {};
    readonly #began = performance.now();

    private constructor(options: WritersOptions) {
        this.#options = { clients: 20, ...options };
        this.#end = performance.now() + options.mostSeconds * 1000;
        this.#acknowledged = Array.from({ length: this.#options.clients }, () => []);
        this.#running = Promise.all(this.#acknowledged.map((mine, writer) => this.#write(writer, mine)));
        this.#running.catch(() => undefined); // Awaited by `stop`.
    }

    /** Makes the table anew and starts the writers; returns when each has an acknowledgement. */
    static async start(options: WritersOptions): Promise<Writers> {
        await withClient(options, async (client) => {
            await client.query(`DROP TABLE IF EXISTS ${table}`);
            await client.query(`CREATE TABLE ${table} (writer int, number int, PRIMARY KEY (writer, number))`);
        });
        const writers = new Writers(options);
        const deadline = performance.now() + 30_000;
        while (writers.#acknowledged.some((mine) => mine.length === 0)) {
            if (performance.now() > deadline) {
                await writers.close();
                throw new Error(`not every writer could write within 30 s: ${JSON.stringify(writers.#other)}`);
            }
            await pause(100);
        }
        writers.#held = 0;
        return writers;
    }

    /** Ends the writers, looks for everything that was acknowledged, and removes the table. */
    async stop(): Promise<WritersResult> {
        await this.close();
        const seconds = (performance.now() - this.#began) / 1000;
        const lost = await withClient(this.#options, async (client) => {
            const { rows } = await client.query<{ writer: number; number: number }>({
                text: `SELECT writer, number FROM ${table}`,
            });
            const there = new Set(rows.map(({ writer, number }) => `${writer}.${number}`));
            await client.query(`DROP TABLE ${table}`);
            return this.#acknowledged.flatMap((mine, writer) => mine.filter((n) => !there.has(`${writer}.${n}`)))
                .length;
        });
        return {
            acknowledged: this.#acknowledged.reduce((sum, mine) => sum + mine.length, 0),
            lost,
            refused: this.#refused,
            failedConnections: this.#failedConnections,
            cut: this.#cut,
            otherErrors: this.#other,
            heldMs: Math.round(this.#held),
            longestMs: Math.round(this.#longest),
            seconds: Math.round(seconds * 10) / 10,
        };
    }

    /** Ends the writers. */
    async close(): Promise<void> {
        this.#stopping = true;
        await this.#running;
    }

    async #write(writer: number, mine: number[]): Promise<void> {
        let client: pg.Client | undefined;
        try {
            for (let number = 0; !this.#stopping && performance.now() < this.#end; number += 1) {
                const began = performance.now();
                client ??= await this.#connect();
                if (client === undefined) continue;
                try {
                    await client.query(`INSERT INTO ${table} (writer, number) VALUES ($1, $2)`, [writer, number]);
                    this.#acknowledge(mine, number, began);
                } catch (error) {
                    this.#countStatement(error);
                    await closeQuietly(client);
                    client = undefined;
                }
                if (writer % 2 === 1 && client !== undefined) {
                    await closeQuietly(client);
                    client = undefined;
                }
                await pause(thinkMs);
            }
        } finally {
            if (client !== undefined) await closeQuietly(client);
        }
    }

    async #connect(): Promise<pg.Client | undefined> {
        const client = newClient(this.#options);
        try {
            await client.connect();
            return client;
        } catch (error) {
            if (codeOf(error) === "ECONNREFUSED") this.#refused += 1;
            else {
                this.#failedConnections += 1;
                this.#count(`connection: ${codeOf(error)}`);
            }
            await closeQuietly(client);
            await pause(thinkMs);
            return undefined;
        }
    }

    #acknowledge(mine: number[], number: number, began: number): void {
        const now = performance.now();
        mine.push(number);
        this.#held = Math.max(this.#held, now - this.#last);
        this.#longest = Math.max(this.#longest, now - began);
        this.#last = now;
    }

    #countStatement(error: unknown): void {
        const code = codeOf(error);
        const wasCut =
            /^(57P01|57P02|ECONNRESET|EPIPE)$/.test(code) || /terminated|not queryable|ended/i.test(String(error));
        if (wasCut) this.#cut += 1;
        else this.#count(`statement: ${code}`);
    }

    #count(what: string): void {
        this.#other[what] = (this.#other[what] ?? 0) + 1;
    }
}

function newClient({ port, password }: WritersOptions): pg.Client {
    const client = new pg.Client({
        host: "127.0.0.1",
        port,
        user: "postgres",
        password,
        database: "postgres",
        connectionTimeoutMillis: patienceMs,
        query_timeout: patienceMs,
    });
    client.on("error", () => undefined); // Every statement tells of it too.
    return client;
}

async function withClient<T>(options: WritersOptions, use: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = newClient(options);
    await client.connect();
    try {
        return await use(client);
    } finally {
        await closeQuietly(client);
    }
}

async function closeQuietly(client: pg.Client): Promise<void> {
    await Promise.race([client.end().catch(() => undefined), pause(2_000, undefined, { ref: false })]);
}

function codeOf(error: unknown): string {
    if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "string") {
        return error.code;
    }
    return error instanceof Error ? error.message : String(error);
}
