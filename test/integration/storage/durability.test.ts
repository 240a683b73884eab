/** What the storage server promises about bytes: whole or not at all, and never lost once acknowledged, however it or its
 * database ends. */
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Service } from "../../support/containers.ts";
import { StorageBed } from "./support.ts";

let bed: StorageBed;

beforeAll(async () => {
    bed = await StorageBed.open();
    await (await bed.client()).createBucket("files", { public: false });
}, 300_000);

afterAll(async () => {
    await bed.close();
}, 60_000);

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function download(name: string): Promise<Buffer | undefined> {
    const response = await fetch(`${await bed.url()}/object/files/${name}`, {
        headers: { authorization: `Bearer ${bed.serviceKey}` },
    });
    const body = Buffer.from(await response.arrayBuffer());
    return response.status === 200 ? body : undefined;
}

/** Starts an upload of `bytes` that stops after the first part; `go` lets it send the rest and answers its status. */
async function halfUpload(name: string, bytes: Buffer): Promise<{ readonly go: () => Promise<number> }> {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
        release = resolve;
    });
    const half = bytes.length / 2;
    const body = new ReadableStream<Uint8Array>({
        async start(controller) {
            controller.enqueue(bytes.subarray(0, half));
            await released;
            controller.enqueue(bytes.subarray(half));
            controller.close();
        },
    });
    const init: RequestInit & { duplex: "half" } = {
        method: "PUT",
        headers: { authorization: `Bearer ${bed.serviceKey}`, "content-type": "application/octet-stream" },
        body,
        duplex: "half",
    };
    const status = fetch(`${await bed.url()}/object/files/${name}`, init).then(
        (response) => response.status,
        () => 0,
    );
    // Until a part of it is on the volume.
    await until(async () => (await bed.files()).some((file) => file.startsWith("incoming/")));
    return {
        go: () => {
            release();
            return status;
        },
    };
}

async function until(condition: () => Promise<boolean>, withinMs = 30_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!(await condition())) {
        if (Date.now() > deadline) throw new Error("it did not come true in time");
        await sleep(50);
    }
}

/** The rows and the files say the same: one file for each object, none beside. */
async function tidy(): Promise<void> {
    await until(async () => {
        const rows = await bed.rows<{ version: string }>("select version from storage.objects");
        const named = rows.map(({ version }) => `objects/${version.slice(0, 2)}/${version}`).sort();
        return JSON.stringify(named) === JSON.stringify(await bed.files());
    });
}

async function isHealthy(): Promise<unknown> {
    return (await bed.call("GET", "/health")).json;
}

test("killed with -9 in the middle of a replacement, it has the old object, whole, and no leftovers [R92]", async () => {
    const old = randomBytes(400_000);
    await (await bed.client()).from("files").upload("replaced.bin", old);
    const upload = await halfUpload("replaced.bin", randomBytes(2_000_000));
    const fresh = await halfUpload("never-there.bin", randomBytes(2_000_000));
    await bed.storage.killAndStart();
    expect(await upload.go()).toBe(0);
    expect(await fresh.go()).toBe(0);
    await bed.storage.healthy();
    expect(digest((await download("replaced.bin")) ?? Buffer.alloc(0))).toBe(digest(old));
    expect(await download("never-there.bin")).toBeUndefined();
    await tidy();
});

describe.each(["storage", "postgres"] as const)("with kill -9 of %s under load", (victim) => {
    test("every acknowledged object is there, every other one whole or absent [R92]", async () => {
        const acknowledged = new Map<string, string>();
        const attempted = new Map<string, Set<string>>();
        let stopped = false;
        const writer = async (lane: number) => {
            for (let number = 0; !stopped; number++) {
                // Every third one replaces an object that another round wrote.
                const name = `${victim}-${lane}-${number % 3 === 0 ? "same" : number}`;
                const bytes = randomBytes(10_000 + (number % 5) * 60_000);
                const seen = attempted.get(name) ?? new Set();
                attempted.set(name, seen.add(digest(bytes)));
                const status = await fetch(`${await bed.url()}/object/files/${name}`, {
                    method: "PUT",
                    headers: { authorization: `Bearer ${bed.serviceKey}` },
                    body: bytes,
                }).then(
                    (response) => response.status,
                    () => 0,
                );
                if (status === 200) {
                    acknowledged.set(name, digest(bytes));
                    attempted.set(name, new Set([digest(bytes)]));
                } else await sleep(20);
            }
        };
        const target: Service = victim === "storage" ? bed.storage : bed.postgres;
        const writers = Promise.all(
            [0, 1, 2, 3].map((lane) =>
                writer(lane).catch((error: unknown) => {
                    // The published port is gone for as long as the container is.
                    if (!String(error).includes("is not published")) throw error;
                }),
            ),
        );
        await sleep(1500);
        await target.container.kill({ signal: "SIGKILL" });
        await target.container.wait();
        stopped = true;
        await writers;
        await target.container.start();
        await bed.postgres.healthy();
        await until(async () => JSON.stringify(await isHealthy().catch(() => null)) === '{"healthy":true}');
        expect(acknowledged.size).toBeGreaterThan(10);
        for (const [name, possible] of attempted) {
            const bytes = await download(name);
            if (bytes === undefined) expect(acknowledged.has(name)).toBe(false);
            else expect([...possible, acknowledged.get(name)]).toContain(digest(bytes));
        }
        await tidy();
    });
});

test("a file that was flushed but not moved is kept when its row was committed, and swept when not", async () => {
    await (await bed.client()).from("files").upload("moved.txt", "acknowledged");
    const [row] = await bed.rows<{ version: string }>("select version from storage.objects where name = 'moved.txt'");
    const version = row?.version ?? "";
    const orphan = "00000000-0000-4000-8000-000000000000";
    const { code } = await bed.storage.exec([
        "sh",
        "-c",
        `cd /var/lib/storage && mv objects/${version.slice(0, 2)}/${version} incoming/ && echo half > incoming/${orphan}`,
    ]);
    expect(code).toBe(0);
    expect((await download("moved.txt"))?.toString()).toBe("acknowledged");
    await bed.storage.killAndStart();
    await bed.storage.healthy();
    await tidy();
    expect((await download("moved.txt"))?.toString()).toBe("acknowledged");
});

test("a row that is deleted behind the server's back takes its file along", async () => {
    await (await bed.client()).from("files").upload("by-hand.txt", "x");
    await bed.rows("delete from storage.objects where name = 'by-hand.txt'");
    await (await bed.client()).from("files").upload("another.txt", "y");
    await tidy();
    expect(await bed.rows("select from storage.discarded_versions")).toHaveLength(0);
});

test("a download that has begun gets all of the old bytes, although the object is replaced", async () => {
    const old = randomBytes(30_000_000);
    const files = (await bed.client()).from("files");
    await files.upload("long.bin", old);
    const response = await fetch(`${await bed.url()}/object/files/long.bin`, {
        headers: { authorization: `Bearer ${bed.serviceKey}` },
    });
    await files.update("long.bin", "new");
    await tidy();
    expect(digest(await response.bytes())).toBe(digest(old));
    expect((await download("long.bin"))?.toString()).toBe("new");
});

test("large bodies pass through without being held in memory", async () => {
    const peak = async () => {
        const { output } = await bed.storage.exec(["sh", "-c", "cat /proc/[0-9]*/status | grep -E '^(Name|VmHWM)'"]);
        return Number(/Name:\tpython\nVmHWM:\s+(\d+) kB/.exec(output)?.[1]);
    };
    const before = await peak();
    expect(before).toBeGreaterThan(10_000);
    const body = Buffer.alloc(50_000_000, "z");
    const statuses = await Promise.all(
        [0, 1, 2, 3].map((lane) =>
            bed
                .call("PUT", `/object/files/large-${lane}`, { token: bed.serviceKey, body })
                .then(({ status }) => status),
        ),
    );
    expect(statuses).toEqual([200, 200, 200, 200]);
    expect((await download("large-0"))?.length).toBe(50_000_000);
    expect((await peak()) - before).toBeLessThan(50_000);
    await (await bed.client()).from("files").remove([0, 1, 2, 3].map((lane) => `large-${lane}`));
});

test("while Postgres is down it says so, and it finds Postgres again by itself [R21] [R32]", async () => {
    await bed.postgres.container.stop();
    expect(await isHealthy()).toEqual({ healthy: false });
    expect((await bed.call("GET", "/status")).status).toBe(200);
    expect((await bed.storage.exec(["/usr/local/bin/healthcheck"])).code).not.toBe(0);
    const refused = await bed.call("GET", "/bucket", { token: bed.serviceKey });
    expect(refused).toMatchObject({ status: 544, json: { statusCode: "544", code: "DatabaseTimeout" } });
    // A request that comes while it is away, but not for long, only waits.
    const waiting = bed.call("PUT", "/object/files/waited.txt", { token: bed.serviceKey, body: "waited" });
    await bed.postgres.container.start();
    expect((await waiting).status).toBe(200);
    expect((await download("waited.txt"))?.toString()).toBe("waited");
    await until(async () => JSON.stringify(await isHealthy()) === '{"healthy":true}');
    expect((await bed.storage.exec(["/usr/local/bin/healthcheck"])).code).toBe(0);
});

test("it starts and answers /status without Postgres, and is healthy once that is there", async () => {
    await bed.postgres.container.stop();
    await bed.storage.container.stop();
    await bed.storage.container.start();
    await until(async () => (await bed.call("GET", "/status").catch(() => ({ status: 0 }))).status === 200);
    expect(await isHealthy()).toEqual({ healthy: false });
    await bed.postgres.container.start();
    await until(async () => JSON.stringify(await isHealthy()) === '{"healthy":true}');
    expect((await download("moved.txt"))?.toString()).toBe("acknowledged");
});

test("it is not healthy on a volume that it cannot write to", async () => {
    await bed.storage.exec(["chmod", "0500", "/var/lib/storage/incoming"]);
    await until(async () => JSON.stringify(await isHealthy()) === '{"healthy":false}');
    await bed.storage.exec(["chmod", "0700", "/var/lib/storage/incoming"]);
    await until(async () => JSON.stringify(await isHealthy()) === '{"healthy":true}');
});

test("a stop lets the upload in flight end, then exits with 0", async () => {
    const bytes = randomBytes(2_000_000);
    const upload = await halfUpload("in-flight.bin", bytes);
    const stopping = bed.storage.container.stop();
    await sleep(700);
    expect(await upload.go()).toBe(200);
    await stopping;
    expect((await bed.storage.container.inspect()).State.ExitCode).toBe(0);
    await bed.storage.container.start();
    await bed.storage.healthy();
    expect(digest((await download("in-flight.bin")) ?? Buffer.alloc(0))).toBe(digest(bytes));
    await tidy();
});

test("a second server on the same volume is refused, and the first one serves on", async () => {
    const volume = (await bed.storage.container.inspect()).Mounts[0]?.Name ?? "";
    const second = await bed.bed.start("storage", { variables: bed.variables, volume, untilHealthy: false });
    expect(await second.exited()).not.toBe(0);
    expect(await second.logs()).toContain("another server is using this volume");
    expect(await isHealthy()).toEqual({ healthy: true });
});

test("it runs without root, capabilities or a writable root, and shows its secrets nowhere [R65]", async () => {
    const { output } = await bed.storage.exec([
        "bash",
        "-c",
        "id -u; grep CapEff /proc/self/status; touch /x 2>&1; cat /proc/[0-9]*/cmdline | tr '\\0' ' '",
    ]);
    expect(output).toMatch(/^10003\nCapEff:\t0000000000000000\n/);
    expect(output).toContain("Read-only file system");
    expect(output).toContain("python -m storage");
    const logs = await bed.storage.logs();
    for (const name of ["STORAGE_DB_PASSWORD", "JWT_SECRET", "SERVICE_ROLE_KEY"]) {
        expect(output).not.toContain(bed.variables[name]);
        expect(logs).not.toContain(bed.variables[name]);
    }
});
