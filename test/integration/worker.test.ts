/** The worker, in its container, against real Postgres, Redis, storage and api: every document becomes chunks exactly once, whatever happens to the worker. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { z } from "zod";
import type { Service, Variables } from "../support/containers.ts";
import { type Answer, ApiStack, makeLongPdf, makePdf } from "./api-stack.ts";

/** Short times, so that a test sees leases run out and retries come. */
const quick: Variables = { LEASE_SECONDS: "3", BACKOFF_SECONDS: "0.2", POLL_SECONDS: "0.5" };
const report = z.object({
    status: z.string(),
    revision: z.string(),
    checks: z.record(z.string(), z.object({ status: z.string() })),
    redis: z.string(),
});
const longPdf = makeLongPdf();

let stack: ApiStack;
const workers: Service[] = [];

beforeAll(async () => {
    stack = await ApiStack.open();
}, 300_000);

/** No worker of one test takes a job of the next. */
afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.container.kill().catch(() => undefined);
    await stack.rows("delete from app.documents");
});

afterAll(async () => {
    await stack?.close();
}, 60_000);

async function startWorker(environment: Variables = {}, untilHealthy = true): Promise<Service> {
    const { variables } = stack;
    const worker = await stack.bed.start("worker", {
        variables,
        environment: { ...quick, ...environment },
        untilHealthy,
    });
    workers.push(worker);
    return worker;
}

async function askWorker(worker: Service, path: string, token?: string): Promise<Answer> {
    return await stack.ask(path, token === undefined ? {} : { token }, worker, 8001);
}

/** How many jobs of the worker ended so. */
async function ended(worker: Service, outcome: string): Promise<number> {
    const { text } = await askWorker(worker, "/metrics", stack.serviceKey);
    return Number(new RegExp(`^worker_jobs_total\\{outcome="${outcome}"\\} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
}

async function job(document: string): Promise<Record<string, unknown> | undefined> {
    const [row] = await stack.rows("select state, attempts, lease_owner from app.jobs where document_id = $1", [
        document,
    ]);
    return row;
}

/** Number and digest of a document's chunks. */
async function written(document: string): Promise<Record<string, unknown> | undefined> {
    const [row] = await stack.rows(
        `select count(*)::int, min(index), max(index), md5(string_agg(content, E'\\n' order by index)) as digest
         from app.chunks where document_id = $1`,
        [document],
    );
    return row;
}

/** Waits until the worker reads the document: its bytes are fetched and its reader runs. */
async function midway(worker: Service, document: string): Promise<void> {
    await stack.reaches(document, "processing");
    for (let tries = 0; tries < 300; tries += 1) {
        const { Processes } = await worker.container.top();
        if (Processes.some((process: readonly string[]) => process.join(" ").includes("worker.extraction"))) return;
        await sleep(50);
    }
    throw new Error("the document is not being read");
}

describe("documents become chunks", () => {
    let reader: Service | undefined;

    beforeAll(async () => {
        reader = await startWorker();
        // It serves all tests of this group.
        workers.splice(0);
    }, 60_000);

    afterAll(async () => {
        await reader?.container.kill();
    });

    const words = "Größere Schäden prüft der Gutachter. Die Prämie ist fällig.";
    const page = `<html><head><meta charset="utf-8"><title>Police</title><style>p { color: red }</style></head><body>
        <h1>Wasserschaden</h1><p>Größere <b>Schäden</b> zuerst.<script>alert("no")</script><!-- no --></p>
        <ul><li>eins</li><li>zwei</li></ul></body></html>`;

    test.each([
        ["UTF-8", "text/plain", Buffer.from(words), words],
        ["a declared charset", "text/plain; charset=iso-8859-1", Buffer.from(words, "latin1"), words],
        ["no declared charset", "text/plain", Buffer.from(words, "latin1"), words],
        ["a byte order mark", "text/plain", Buffer.from(`\uFEFF${words}`, "utf16le"), words],
        ["HTML", "text/html", Buffer.from(page), "Police Wasserschaden Größere Schäden zuerst. eins zwei"],
        [
            "PDF",
            "application/pdf",
            makePdf([["Policy 4711 (new).", "It is valid."], ["Page two."]]),
            "Policy 4711 (new). It is valid. Page two.",
        ],
    ])("%s, %s", async (_, type, content, expected) => {
        const document = await stack.post(content, type);
        const found = await stack.reaches(document, "processed", "failed");
        expect(found).toMatchObject({ status: "processed", reason: null, chunk_count: 1 });
        expect(found.chunks).toEqual([{ index: 0, content: expected }]);
    });

    test("a long text is split at sentences, in order, with an overlap, and nothing of it is lost", async () => {
        const sentences = Array.from(
            { length: 400 },
            (_, number) => `Sentence ${number} tells ${"much ".repeat(number % 9)}of it.`,
        );
        const document = await stack.post(sentences.join(" "));
        const { chunks = [] } = await stack.reaches(document, "processed", "failed");
        expect(chunks.map((chunk) => chunk.index)).toEqual(chunks.map((_, index) => index));
        expect(chunks.every((chunk) => chunk.content.length <= 1000 && /^Sentence .*it\.$/.test(chunk.content))).toBe(
            true,
        );
        const numbers = chunks.map((chunk) =>
            [...chunk.content.matchAll(/Sentence (\d+)/g)].map((match) => Number(match[1])),
        );
        expect([...new Set(numbers.flat())]).toEqual(sentences.map((_, number) => number));
        const overlapping = numbers.slice(1).filter((list, index) => numbers[index]?.includes(list[0] ?? -1));
        expect(overlapping.length).toBe(chunks.length - 1);
    });
});

describe("the queue", () => {
    test("without Redis documents are processed all the same, found by polling", async () => {
        await stack.redis.container.stop();
        try {
            const worker = await startWorker();
            const document = await stack.post("Nobody wakes the worker.");
            expect((await stack.reaches(document, "processed", "failed")).status).toBe("processed");
            const answer = await askWorker(worker, "/health");
            expect([answer.status, report.parse(answer.json).redis]).toEqual([200, "lost, polling"]);
        } finally {
            await stack.redis.container.start();
            await stack.redis.healthy();
        }
    });

    test("with Redis the worker does not wait for the next look", async () => {
        const worker = await startWorker({ POLL_SECONDS: "600" });
        for (let tries = 0; tries < 100; tries += 1) {
            if (report.parse((await askWorker(worker, "/health")).json).redis === "listening") break;
            await sleep(100);
        }
        const document = await stack.post("Woken up.");
        expect((await stack.reaches(document, "processed", "failed")).status).toBe("processed");
    });

    test("two workers share the jobs, and none is done twice", async () => {
        const [one, other] = [await startWorker(), await startWorker()];
        const documents = await Promise.all(
            Array.from({ length: 30 }, (_, number) => stack.post(`Document ${number}.`)),
        );
        for (const document of documents)
            expect((await stack.reaches(document, "processed", "failed")).chunk_count).toBe(1);
        const counts = [await ended(one, "processed"), await ended(other, "processed")];
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(30);
        expect(await stack.rows("select distinct attempts from app.jobs")).toEqual([{ attempts: 1 }]);
    });

    test("one to whom its name does not lead is healthy and takes no job; the one that serves takes them all [R91]", async () => {
        // The api answers here as another worker would that serves.
        const waiting = await startWorker({ SELF_URL: "http://api:8000/health" });
        const documents = await Promise.all(
            Array.from({ length: 5 }, (_, number) => stack.post(`Document ${number}.`)),
        );
        const serving = await startWorker({ SELF_URL: "http://127.0.0.1:8001/health" });
        for (const document of documents)
            expect((await stack.reaches(document, "processed", "failed")).chunk_count).toBe(1);
        expect([await ended(waiting, "processed"), await ended(serving, "processed")]).toEqual([0, 5]);
        expect(await stack.rows("select distinct attempts from app.jobs")).toEqual([{ attempts: 1 }]);
    });

    test("a worker killed with kill -9 in the middle of a job: none lost, none done twice", async () => {
        const undisturbed = await stack.post(longPdf, "application/pdf");
        const first = await startWorker();
        expect((await stack.reaches(undisturbed, "processed", "failed")).status).toBe("processed");
        const document = await stack.post(longPdf, "application/pdf");
        await midway(first, document);
        await first.container.kill({ signal: "SIGKILL" });
        expect(await job(document)).toMatchObject({ state: "running", attempts: 1 });
        const others = await Promise.all(Array.from({ length: 5 }, (_, number) => stack.post(`Document ${number}.`)));
        await startWorker();
        for (const other of others) expect((await stack.reaches(other, "processed", "failed")).chunk_count).toBe(1);
        expect((await stack.reaches(document, "processed", "failed")).status).toBe("processed");
        expect(await job(document)).toEqual({ state: "done", attempts: 2, lease_owner: null });
        expect(await written(document)).toEqual(await written(undisturbed));
    }, 300_000);

    test("a stopped worker gives its job back at once, uncounted, and ends well", async () => {
        const worker = await startWorker({ LEASE_SECONDS: "600" });
        const document = await stack.post(longPdf, "application/pdf");
        await midway(worker, document);
        expect(await job(document)).toMatchObject({ state: "running", attempts: 1 });
        await worker.container.stop();
        expect(await worker.exited()).toBe(0);
        expect(await job(document)).toEqual({ state: "queued", attempts: 0, lease_owner: null });
        expect((await stack.get(document)).status).toBe("queued");
        await startWorker();
        expect((await stack.reaches(document, "processed", "failed")).status).toBe("processed");
    }, 300_000);

    test("a worker that was frozen past its lease writes nothing when it wakes up", async () => {
        const undisturbed = await stack.post(longPdf, "application/pdf");
        const frozen = await startWorker();
        await stack.reaches(undisturbed, "processed", "failed");
        const document = await stack.post(longPdf, "application/pdf");
        await midway(frozen, document);
        await frozen.container.pause();
        const next = await startWorker();
        expect((await stack.reaches(document, "processed", "failed")).status).toBe("processed");
        const before = await stack.rows("select processed_at from app.documents where id = $1", [document]);
        await frozen.container.unpause();
        for (let tries = 0; tries < 300 && (await ended(frozen, "lease_lost")) === 0; tries += 1) await sleep(100);
        expect(await ended(frozen, "lease_lost")).toBe(1);
        expect(await ended(next, "processed")).toBe(1);
        expect(await stack.rows("select processed_at from app.documents where id = $1", [document])).toEqual(before);
        expect(await written(document)).toEqual(await written(undisturbed));
    }, 300_000);
});

describe("what cannot be read", () => {
    test("a poisoned document is set aside with its reason after three tries, while others go on", async () => {
        const worker = await startWorker({ WORKER_CONCURRENCY: "1" });
        const poisoned = await stack.post("%PDF-1.4 and nothing that a PDF has", "application/pdf");
        const others = [
            await stack.post("One."),
            await stack.post("Two."),
            await stack.post(makePdf([["Three."]]), "application/pdf"),
        ];
        for (const other of others)
            expect((await stack.reaches(other, "processed", "failed")).status).toBe("processed");
        const failed = await stack.reaches(poisoned, "failed", "processed");
        expect(failed).toMatchObject({ status: "failed", chunk_count: 0 });
        expect(failed.reason).toMatch(/^the PDF cannot be read/);
        expect(await job(poisoned)).toEqual({ state: "failed", attempts: 3, lease_owner: null });
        expect([await ended(worker, "retried"), await ended(worker, "set_aside")]).toEqual([2, 1]);
    });

    test("a document whose reading takes too long is stopped, and the worker goes on", async () => {
        const worker = await startWorker({ EXTRACT_SECONDS: "1", MAX_ATTEMPTS: "1" });
        const endless = await stack.post(longPdf, "application/pdf");
        expect((await stack.reaches(endless, "failed", "processed")).reason).toMatch(/longer than 1 seconds/);
        const { Processes } = await worker.container.top();
        expect(
            Processes.filter((process: readonly string[]) => process.join(" ").includes("worker.extraction")),
        ).toEqual([]);
        const next = await stack.post("Short.");
        expect((await stack.reaches(next, "processed", "failed")).status).toBe("processed");
    });

    test("a document that takes its worker down each time is set aside", async () => {
        const document = await stack.post("Deadly.");
        // As three workers leave it that died with it.
        await stack.rows(
            `update app.jobs set state = 'running', attempts = 3, lease_owner = 'dead', lease_until = now() - interval '1 s'
             where document_id = $1`,
            [document],
        );
        await startWorker();
        expect((await stack.reaches(document, "failed", "processed")).reason).toMatch(/the worker was lost each time/);
    });

    test("an outage of storage is not the document's fault: no try is counted", async () => {
        const document = await stack.post("Its bytes are away for a while.");
        await stack.storage.container.stop();
        const worker = await startWorker({}, false);
        try {
            for (let tries = 0; tries < 300; tries += 1) {
                if (/"outcome": "given_back"/.test(await worker.logs())) break;
                await sleep(100);
            }
            expect(await worker.logs()).toMatch(/"outcome": "given_back"/);
        } finally {
            await stack.storage.container.start();
            await stack.storage.healthy();
        }
        expect((await stack.reaches(document, "processed", "failed")).status).toBe("processed");
        expect(await job(document)).toMatchObject({ state: "done", attempts: 1 });
    });
});

describe("what it tells of itself", () => {
    test("/health tells revision and checks, and is 503 naming what is gone [R32] [R80]", async () => {
        const worker = await startWorker({ PLUMBLINE_REVISION: "0badcafe" });
        const well = await askWorker(worker, "/health");
        expect(well.status).toBe(200);
        expect(report.parse(well.json)).toMatchObject({
            status: "ok",
            revision: "0badcafe",
            checks: { postgres: { status: "ok" }, storage: { status: "ok" }, loop: { status: "ok" } },
        });
        await stack.postgres.container.stop();
        try {
            let lost = await askWorker(worker, "/health");
            for (let tries = 0; tries < 100 && lost.status === 200; tries += 1) {
                await sleep(100);
                lost = await askWorker(worker, "/health");
            }
            expect(lost.status).toBe(503);
            expect(report.parse(lost.json).checks).toMatchObject({ postgres: { status: "failed" } });
        } finally {
            await stack.postgres.container.start();
            await stack.postgres.healthy();
        }
        await worker.healthy();
        const document = await stack.post("After Postgres came back.");
        expect((await stack.reaches(document, "processed", "failed")).status).toBe("processed");
    });

    test("metrics need the service key; logs hold no secret", async () => {
        const worker = await startWorker();
        expect((await askWorker(worker, "/metrics")).status).toBe(401);
        expect((await askWorker(worker, "/metrics", stack.anonKey)).status).toBe(401);
        expect((await askWorker(worker, "/metrics", stack.serviceKey)).text).toMatch(
            /^worker_queue_jobs\{state="queued"\} 0/m,
        );
        const logs = await worker.logs();
        expect(logs).toContain('"message": "working"');
        expect(stack.secretsIn(logs)).toEqual([]);
    });
});
