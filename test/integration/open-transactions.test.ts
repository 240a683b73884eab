/** Before a database is handed over: what its clients have begun is waited for, as long as the policy says, and no longer. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { Client } from "pg";
import { emptySlots } from "../../engine/edge/slots.ts";
import { probeListenerPort } from "../../release/probe-address.ts";
import type { Probe } from "../../release/types.ts";
import type { RolloutContext } from "../../rollout/context.ts";
import { awaitOpenTransactions } from "../../rollout/open-transactions.ts";
import { proveReady } from "../../validation/facts/probe.ts";
import { sampleRelease, sampleService } from "../unit/rollout/sample-release.ts";
import { buildImage, Stage } from "./edge/stage.ts";

const password = "open-transactions-password";
const probe: Probe = { type: "postgres", port: 5432, user: "postgres", password: "<secret:DB>", database: "postgres" };
const stage = new Stage({ listeners: [{ service: "postgres", port: 5432, protocol: "tcp", kind: "stateful" }] });
const clients: Client[] = [];

beforeAll(async () => {
    await stage.open();
    const keys = ["POSTGRES_PASSWORD", "AUTHENTICATOR_PASSWORD", "STORAGE_DB_PASSWORD", "WORKER_DB_PASSWORD"];
    const postgres = await stage.create("postgres", {
        image: await buildImage("postgres"),
        environment: Object.fromEntries(keys.map((key) => [key, password])),
    });
    await stage.engine.start(postgres.id);
    const slots = { ...emptySlots, a: postgres.container, active: "a" as const };
    await stage.edge.applyConfig(stage.render({ postgres: slots }));
    const policy = { initialDelayMs: 90_000, retries: 3, intervalMs: 100, successThreshold: 1, failureThreshold: 3 };
    const host = { host: "127.0.0.1", port: await stage.hostPort(probeListenerPort) };
    const subject = { ...host, role: "active" as const, service: "postgres", revision: "" };
    const ready = await proveReady([{ ...probe, password }], subject, {
        policy: { ...policy, backoffFactor: 1 },
        timeoutMs: 2_000,
    });
    expect(ready).toMatchObject({ ready: true });
}, 300_000);

afterEach(async () => {
    for (const client of clients.splice(0)) await client.end();
});

afterAll(() => stage.close(), 60_000);

/** A client of the service, as an api is one: through the edge. */
async function connected(): Promise<Client> {
    const client = new Client({ ...(await address()), user: "postgres", password, database: "postgres" });
    clients.push(client);
    await client.connect();
    return client;
}

const address = async () => ({ host: "127.0.0.1", port: await stage.hostPort(5432) });

/** Begins to wait. @returns what was noted, whether it has ended, and its end */
async function waiting({ openTransactionsMs = 60_000, secret = password, stop = new AbortController() } = {}) {
    const notes: string[] = [];
    const seen = { ended: false };
    const release = sampleRelease();
    const context = {
        release: { ...release, rollout: { ...release.rollout, openTransactionsMs } },
        previousSecrets: { DB: secret },
        probeAddress: { host: "127.0.0.1", port: await stage.hostPort(probeListenerPort) },
        timeline: { record: ({ message }: { message: string }) => notes.push(message) },
    } as unknown as RolloutContext;
    const service = { ...sampleService("postgres", "stateful"), probes: [probe] };
    const end = awaitOpenTransactions(context, service, stop.signal).finally(() => {
        seen.ended = true;
    });
    return { notes, seen, end };
}

/** How often the wait has asked by now, seen from the database. */
async function untilAsked(by: Client): Promise<void> {
    for (let asked = 0; asked < 600; asked += 1) {
        const { rows } = await by.query<{ query: string }>(
            "select query from pg_stat_activity where application_name = 'plumbline' and query like '%xact_start%'",
        );
        if (rows.length > 0) return;
        await sleep(20);
    }
    throw new Error("the wait never asked");
}

test("without an open transaction it ends at once; a connection that does nothing is none", async () => {
    await connected();
    const { notes, end } = await waiting();
    await end;
    expect(notes).toEqual([]);
});

test("it waits for a transaction that was open, until it is committed, and not for one that began meanwhile [R91]", async () => {
    const [writer, late, watcher] = [await connected(), await connected(), await connected()];
    await writer.query("create table if not exists kept (line text)");
    await writer.query("begin");
    await writer.query("insert into kept values ('acknowledged')");
    const { notes, seen, end } = await waiting();
    await untilAsked(watcher);
    expect(seen.ended).toBe(false);
    await late.query("begin");
    await late.query("select 1");
    await writer.query("commit");
    await end;
    expect(notes).toEqual([]);
    expect((await watcher.query("select line from kept")).rows).toEqual([{ line: "acknowledged" }]);
    await late.query("rollback");
});

test("it ends at the limit, and says how many are cut off", async () => {
    const [one, two] = [await connected(), await connected()];
    for (const client of [one, two]) {
        await client.query("begin");
        await client.query("select 1");
    }
    const { notes, end } = await waiting({ openTransactionsMs: 300 });
    await end;
    expect(notes).toEqual(["2 transactions are still open; they are cut off and their clients told so"]);
});

test("a database that cannot be asked is said, and replaced all the same", async () => {
    const { notes, end } = await waiting({ secret: "not-the-password" });
    await end;
    expect(notes).toEqual([expect.stringContaining("it cannot be asked for open transactions: password auth")]);
    expect(notes.join()).not.toContain("not-the-password");
});

test("a rollout that is stopped ends the wait with its reason", async () => {
    const [writer, watcher] = [await connected(), await connected()];
    await writer.query("begin");
    await writer.query("select 1");
    const stop = new AbortController();
    const { notes, end } = await waiting({ stop });
    await untilAsked(watcher);
    stop.abort(new Error("another step has failed"));
    await expect(end).rejects.toThrow("another step has failed");
    expect(notes).toEqual([]);
});
