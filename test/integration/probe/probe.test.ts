/** Probes of real services through the real edge, each with the fault that turns it red. */

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { emptySlots } from "../../../engine/edge/slots.ts";
import { probeListenerPort } from "../../../release/probe-address.ts";
import type { HealthPolicy, Probe } from "../../../release/types.ts";
import { type ProbeSubject, proveReady, runProbe } from "../../../validation/facts/probe.ts";
import { buildImage, type Service, Stage } from "../edge/stage.ts";

const timeoutMs = 5_000;
const password = "a-password-of-the-test";
const stage = new Stage({
    listeners: [
        { service: "api", port: 8000, protocol: "http", kind: "request" },
        { service: "late", port: 8001, protocol: "http", kind: "request" },
        { service: "postgres", port: 5432, protocol: "tcp", kind: "stateful" },
        { service: "standby", port: 5433, protocol: "tcp", kind: "stateful" },
        { service: "redis", port: 6379, protocol: "tcp", kind: "stateful" },
    ],
});
let api: Service;
let late: Service;
let postgres: Service;
let redis: Service;

const http = (expectation: Partial<Extract<Probe, { type: "http" }>["expect"]> = {}, port = 8000): Probe => ({
    type: "http",
    port,
    path: "/health",
    headers: {},
    expect: { status: 200, ...expectation },
});
const pg: Probe = { type: "postgres", port: 5432, user: "postgres", password, database: "postgres" };
const cache: Probe = { type: "redis", port: 6379, password };

async function subject(service: string, role: ProbeSubject["role"] = "active"): Promise<ProbeSubject> {
    const port = await stage.hostPort(probeListenerPort);
    return { host: "127.0.0.1", port, role, service, revision: "abc12345" };
}

/** A server that never leaves recovery: it answers and takes no writes. */
const standbyScript = `initdb -D /tmp/d -U postgres --auth=trust > /dev/null
echo "host all all all trust" >> /tmp/d/pg_hba.conf
touch /tmp/d/standby.signal
exec postgres -D /tmp/d -c listen_addresses='*' -c port=5433 -c unix_socket_directories=/tmp`;

beforeAll(async () => {
    await stage.open();
    api = await stage.service("api", 8000, { body: ',"status":"ok","revision":"abc12345"' });
    late = await stage.service("late", 8001, { start: false });
    const image = await buildImage("postgres");
    postgres = await stage.create("postgres", {
        image,
        environment: {
            POSTGRES_PASSWORD: password,
            AUTHENTICATOR_PASSWORD: password,
            STORAGE_DB_PASSWORD: password,
            WORKER_DB_PASSWORD: password,
        },
    });
    const standby = await stage.create("standby", { image, entrypoint: ["sh", "-ec", standbyScript] });
    redis = await stage.create("redis", {
        image: await buildImage("redis"),
        environment: { REDIS_PASSWORD: password },
    });
    for (const { id } of [postgres, standby, redis]) await stage.engine.start(id);
    const serves = ({ container }: Service) => ({ ...emptySlots, a: container, active: "a" as const });
    await stage.edge.applyConfig(
        stage.render({
            api: serves(api),
            postgres: serves(postgres),
            standby: serves(standby),
            redis: serves(redis),
            late: { ...emptySlots, candidate: late.container },
        }),
    );
}, 300_000);

afterAll(() => stage.close());

const patient: HealthPolicy = {
    initialDelayMs: 90_000,
    retries: 3,
    intervalMs: 20,
    successThreshold: 1,
    failureThreshold: 3,
    backoffFactor: 2,
};
const impatient: HealthPolicy = { ...patient, initialDelayMs: 0 };

describe("a database and a cache", () => {
    test("become ready within the time granted [R32]", async () => {
        const [database, caching] = await Promise.all([
            proveReady([pg], await subject("postgres"), { policy: patient, timeoutMs }),
            proveReady([cache], await subject("redis"), { policy: patient, timeoutMs }),
        ]);
        expect(database).toMatchObject({
            ready: true,
            results: [{ result: "pass", actual: "database postgres answers" }],
        });
        expect(caching).toMatchObject({ ready: true, results: [{ result: "pass", actual: "PONG, loading:0" }] });
    });

    test("a wrong password fails", async () => {
        const wrong = "not-the-password";
        const results = [
            await runProbe({ ...pg, password: wrong }, await subject("postgres"), timeoutMs),
            await runProbe({ ...cache, password: wrong }, await subject("redis"), timeoutMs),
        ];
        expect(results).toMatchObject([
            { result: "fail", actual: expect.stringContaining("password authentication failed") },
            { result: "fail", actual: expect.stringContaining("WRONGPASS") },
        ]);
        expect(JSON.stringify(results)).not.toContain(wrong);
    });

    test("a database in recovery fails: it answers, but takes no writes", async () => {
        const probe: Probe = { ...pg, port: 5433 };
        let last = await runProbe(probe, await subject("standby"), timeoutMs);
        for (let asked = 0; asked < 60 && last.actual.startsWith("no answer"); asked++) {
            await new Promise((resolve) => setTimeout(resolve, 500));
            last = await runProbe(probe, await subject("standby"), timeoutMs);
        }
        expect(last).toMatchObject({ result: "fail", actual: "in recovery: takes no writes" });
    });
});

describe("a web service", () => {
    test("passes with the asserted body and revision [R32]", async () => {
        const probe = http({ json: { status: "ok" }, revisionAt: "revision" });
        expect(await runProbe(probe, await subject("api"), timeoutMs)).toMatchObject({
            result: "pass",
            probe: "http GET /health on 8000",
        });
        expect(await runProbe({ type: "tcp", port: 8000 }, await subject("api"), timeoutMs)).toMatchObject({
            result: "pass",
        });
    });

    test.each([
        ["another status", http({ status: 204 }), "status 200"],
        ["another body", http({ json: { status: "degraded" } }), "differs at status"],
        ["another revision", http({ revisionAt: "name" }), 'revision at name: "api"'],
    ])("fails on %s, with expected and actual", async (_what, probe, actual) => {
        const result = await runProbe(probe, await subject("api"), timeoutMs);
        expect(result).toMatchObject({ result: "fail", actual: expect.stringContaining(actual) });
        expect(result.expected).not.toBe("");
    });
});

describe("proving", () => {
    test("ends when the failures after the granted time reach the threshold [R32]", async () => {
        const proof = await proveReady([http({ json: { status: "never" } })], await subject("api"), {
            policy: impatient,
            timeoutMs,
        });
        expect(proof).toMatchObject({ ready: false, attempts: 3, results: [{ result: "fail" }] });
    });

    test("one failing probe of two is not ready", async () => {
        const probes = [http(), http({ status: 500 })];
        const proof = await proveReady(probes, await subject("api"), { policy: impatient, timeoutMs });
        expect(proof).toMatchObject({ ready: false, results: [{ result: "pass" }, { result: "fail" }] });
    });

    test("asks a candidate until it is there, as many times in a row as wanted", async () => {
        const proof = await proveReady([http({}, 8001)], await subject("late", "candidate"), {
            policy: { ...patient, successThreshold: 2 },
            timeoutMs,
            onAttempt: (_results, attempt) => {
                if (attempt === 1) void stage.engine.start(late.id);
            },
        });
        expect(proof.ready).toBe(true);
        expect(proof.attempts).toBeGreaterThan(2);
    });

    test("gives up at once when it is told to, or when the watched container is gone", async () => {
        const never = [http({ status: 500 })];
        const stop = new AbortController();
        const onAttempt = () => stop.abort(new Error("enough"));
        const options = { policy: patient, timeoutMs };
        const aborted = proveReady(never, await subject("api"), { ...options, signal: stop.signal, onAttempt });
        await expect(aborted).rejects.toThrow("enough");
        const watch = async () => {
            throw new Error("exited with 1");
        };
        await expect(proveReady(never, await subject("api"), { ...options, watch })).rejects.toThrow("exited with 1");
    });
});

describe("what is dead", () => {
    test("fails", async () => {
        for (const { id } of [api, postgres, redis]) await stage.kill(id);
        for (const service of ["api", "postgres", "redis"]) await stage.edge.remove(service);
        const results = [
            await runProbe({ type: "tcp", port: 6379 }, await subject("redis"), timeoutMs),
            await runProbe(http(), await subject("api"), timeoutMs),
            await runProbe(pg, await subject("postgres"), timeoutMs),
            await runProbe(cache, await subject("redis"), timeoutMs),
        ];
        expect(results.map(({ result }) => result)).toEqual(["fail", "fail", "fail", "fail"]);
        expect(results.every(({ actual }) => actual !== "")).toBe(true);
    });

    test("an edge that cannot be reached is inconclusive, never a pass [R96]", async () => {
        const nowhere = { ...(await subject("api")), port: 1 };
        for (const probe of [http(), pg, cache, { type: "tcp", port: 1 } as const]) {
            expect((await runProbe(probe, nowhere, timeoutMs)).result).toBe("inconclusive");
        }
    });
});
