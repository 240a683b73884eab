/**
 * Load on the api: an open model. A request leaves when it is due, whatever became of the others, and nothing is tried again, so
 * that what a client would have felt is what is counted.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { Agent, type Dispatcher, request } from "undici";
import { quantile } from "../validation/facts/load.ts";

export interface LoadOptions {
    /** Where the api is, as in `http://127.0.0.1:8000`; loopback only. */
    readonly origin: string;
    readonly token: string;
    /** Requests a second. */
    readonly rate: number;
    /** The load goes on until this many were sent, also when it was told to stop. */
    readonly leastRequests: number;
    /** The load ends by itself after this many seconds. */
    readonly mostSeconds: number;
    /** Every so many requests one posts a small document, through Postgres, Redis and storage; 0: none. @default 25 */
    readonly writeEvery?: number;
    /** An answer that takes longer is a failure (R91). @default 5000 */
    readonly timeoutMs?: number;
    /** Seconds of load before the counting begins. @default 3 */
    readonly warmUpSeconds?: number;
}

/** What a load has felt. Times are milliseconds from the moment at which a request was due. */
export interface LoadResult {
    readonly sent: number;
    readonly failed: number;
    /** How often each reason was met. */
    readonly reasons: Readonly<Record<string, number>>;
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    /** Of answers and failures alike. */
    readonly longest: number;
    /** Seconds of the load in which at least one request failed. */
    readonly outageSeconds: number;
    readonly seconds: number;
    readonly onNewConnections: number;
    /** By how much the worst request left too late: a large value says that this machine was too busy to measure. */
    readonly latest: number;
}

interface Sample {
    readonly due: number;
    readonly ms: number;
    readonly reason: string | undefined;
    readonly isNew: boolean;
}

const document = "Policy 4711. The insured event is water damage. The deductible is 300 euros.";

/** A load that runs. */
export class Load {
    readonly #options: Required<LoadOptions>;
    readonly #kept = new Agent({ keepAliveTimeout: 60_000 });
    /** Without keep-alive undici opens a connection for every request and asks the server to close it. */
    readonly #fresh = new Agent({ pipelining: 0 });
    readonly #samples: Sample[] = [];
    readonly #waiting = new Set<Promise<void>>();
    readonly #wake = new AbortController();
    readonly #done: Promise<void>;
    #counting = false;
    #stopping = false;
    #sent = 0;
    #late = 0;
    #began = 0;
    #ended = 0;

    private constructor(options: LoadOptions) {
        const { hostname } = new URL(options.origin);
        if (hostname !== "127.0.0.1") throw new Error(`a load goes to this machine only, not to ${hostname}`);
        this.#options = { writeEvery: 25, timeoutMs: 5_000, warmUpSeconds: 3, ...options };
        this.#done = this.#run();
        this.#done.catch(() => undefined); // Awaited by `stop`.
    }

    /** Starts a load and returns when it is warm, so that everything from now on is counted. */
    static async start(options: LoadOptions): Promise<Load> {
        const load = new Load(options);
        await pause(load.#options.warmUpSeconds * 1000);
        load.#counting = true;
        return load;
    }

    /** Lets the load end, as soon as enough was sent, and returns what it has felt. */
    async stop(): Promise<LoadResult> {
        this.#stopping = true;
        await this.#done;
        await Promise.all(this.#waiting);
        await this.close();
        return this.#result();
    }

    /** Ends everything at once. */
    async close(): Promise<void> {
        this.#stopping = true;
        this.#wake.abort();
        await Promise.all([this.#kept.destroy(), this.#fresh.destroy()]);
    }

    async #run(): Promise<void> {
        const { rate, leastRequests, mostSeconds, warmUpSeconds } = this.#options;
        const start = performance.now();
        const end = start + (mostSeconds + warmUpSeconds) * 1000;
        for (let number = 0; ; number += 1) {
            const due = start + (number * 1000) / rate;
            if (due > end || this.#wake.signal.aborted) break;
            if (this.#stopping && this.#sent >= leastRequests) break;
            const wait = due - performance.now();
            if (wait > 0) await pause(wait);
            this.#launch(number, due);
        }
        this.#ended = performance.now();
    }

    #launch(number: number, due: number): void {
        const counted = this.#counting;
        if (counted) {
            if (this.#sent === 0) this.#began = due;
            this.#sent += 1;
            this.#late = Math.max(this.#late, performance.now() - due);
        }
        const isNew = number % 2 === 1;
        const sending = this.#send(number, isNew).then((reason) => {
            if (counted) this.#samples.push({ due, ms: performance.now() - due, reason, isNew });
            this.#waiting.delete(sending);
        });
        this.#waiting.add(sending);
    }

    /** Sends one request; undefined when its answer was right. */
    async #send(number: number, isNew: boolean): Promise<string | undefined> {
        const { origin, token, writeEvery, timeoutMs } = this.#options;
        const isWrite = writeEvery > 0 && number % writeEvery === 0;
        const dispatcher: Dispatcher = isNew ? this.#fresh : this.#kept;
        const headers = { authorization: `Bearer ${token}` };
        try {
            const answer = await request(`${origin}/documents`, {
                dispatcher,
                signal: AbortSignal.timeout(timeoutMs),
                ...(isWrite
                    ? {
                          method: "POST" as const,
                          headers: { ...headers, "content-type": "text/plain", "x-document-name": "bench.txt" },
                          body: document,
                      }
                    : { method: "GET" as const, headers }),
            });
            const body = (await answer.body.json()) as { documents?: unknown; id?: unknown };
            if (answer.statusCode !== (isWrite ? 201 : 200)) return `${method(isWrite)} ${answer.statusCode}`;
            const isWhole = isWrite ? typeof body.id === "string" : Array.isArray(body.documents);
            return isWhole ? undefined : `${method(isWrite)} not the whole answer`;
        } catch (error) {
            return `${method(isWrite)} ${reasonOf(error)}`;
        }
    }

    #result(): LoadResult {
        const times = this.#samples.map(({ ms }) => ms).sort((a, b) => a - b);
        const failures = this.#samples.filter(({ reason }) => reason !== undefined);
        const reasons: Record<string, number> = {};
        for (const { reason = "" } of failures) reasons[reason] = (reasons[reason] ?? 0) + 1;
        const at = (share: number) => Math.round(quantile(times, share) ?? 0);
        return {
            sent: this.#sent,
            failed: failures.length,
            reasons,
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            longest: Math.round(times.at(-1) ?? 0),
            outageSeconds: new Set(failures.map(({ due }) => Math.floor((due - this.#began) / 1000))).size,
            seconds: Math.round((this.#ended - this.#began) / 100) / 10,
            onNewConnections: this.#samples.filter(({ isNew }) => isNew).length,
            latest: Math.round(this.#late),
        };
    }
}

function method(isWrite: boolean): string {
    return isWrite ? "POST" : "GET";
}

function reasonOf(error: unknown): string {
    if (!(error instanceof Error)) return String(error);
    if (error.name === "TimeoutError") return "time-out";
    return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
