/** The Redis image as the baseline runs it: password, durability, bounded memory, confinement. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { randomVariables, type Service, TestBed, type Variables } from "../../support/containers.ts";

let bed: TestBed;
const variables = randomVariables();

beforeAll(async () => {
    bed = await TestBed.open();
}, 300_000);

afterAll(async () => {
    await bed.close();
}, 60_000);

/** Runs `work` on a connection with this password, which is closed whatever happens. */
async function withRedis<T>(
    service: Service,
    password: string | undefined,
    work: (redis: Redis) => Promise<T>,
): Promise<T> {
    const [host, port] = (await service.address(6379)).split(":");
    const redis = new Redis({
        host: host ?? "",
        port: Number(port),
        ...(password === undefined ? {} : { password }),
        lazyConnect: true,
        maxRetriesPerRequest: 0,
        retryStrategy: () => null,
    });
    // What the server said is in the event; the call only says that the connection was closed.
    let said: Error | undefined;
    redis.on("error", (error) => {
        said = error;
    });
    try {
        await redis.connect();
        return await work(redis);
    } catch (error) {
        throw said ?? error;
    } finally {
        redis.disconnect();
    }
}

const passwordOf = (from: Variables) => from.REDIS_PASSWORD ?? "";

describe("the Redis service", () => {
    let redis: Service;

    beforeAll(async () => {
        redis = await bed.start("redis", { variables });
    }, 300_000);

    test("answers who shows the password and refuses who shows none or another [R01] [R65]", async () => {
        expect(await withRedis(redis, passwordOf(variables), (client) => client.ping())).toBe("PONG");
        await expect(withRedis(redis, undefined, (client) => client.ping())).rejects.toThrow(/NOAUTH/);
        await expect(withRedis(redis, "another", (client) => client.ping())).rejects.toThrow(/WRONGPASS/);
    });

    test("keeps an append-only file and bounds its memory without ever evicting", async () => {
        const settings = await withRedis(redis, passwordOf(variables), async (client) => {
            const names = ["appendonly", "appendfsync", "maxmemory", "maxmemory-policy", "dir"];
            return Object.fromEntries(await Promise.all(names.map((name) => client.config("GET", name)))) as unknown;
        });
        expect(settings).toEqual({
            appendonly: "yes",
            appendfsync: "everysec",
            maxmemory: String(128 * 1024 * 1024),
            "maxmemory-policy": "noeviction",
            dir: "/var/lib/redis",
        });
    });

    test("runs without root, capabilities or a writable root, and shows its password nowhere [R65]", async () => {
        const { output } = await redis.exec([
            "bash",
            "-c",
            "id -u; grep CapEff /proc/self/status; touch /x 2>&1; pid=$(grep -l redis-server /proc/[0-9]*/comm 2>/dev/null | head -n 1 | cut -d / -f 3); cat /proc/$pid/cmdline /proc/$pid/environ",
        ]);
        expect(output).toMatch(/^10002\nCapEff:\t0000000000000000\n/);
        expect(output).toContain("Read-only file system");
        expect(output).toContain("redis-server");
        expect(output).not.toContain(passwordOf(variables));
        expect(await redis.logs()).not.toContain(passwordOf(variables));
        expect(await redis.logs()).toContain("Ready to accept connections");
    });

    test("is not healthy while it does not answer", async () => {
        expect((await redis.exec(["/usr/local/bin/healthcheck"])).code).toBe(0);
        await withRedis(redis, passwordOf(variables), (client) => client.call("CLIENT", "PAUSE", "6000", "ALL"));
        expect((await redis.exec(["/usr/local/bin/healthcheck"])).code).not.toBe(0);
    });

    test("has every acknowledged write after kill -9", async () => {
        const written = await withRedis(redis, passwordOf(variables), async (client) => {
            for (let number = 0; number < 200; number++) await client.set(`key:${number}`, `value ${number}`);
            return client.dbsize();
        });
        await redis.killAndStart();
        await redis.healthy();
        await withRedis(redis, passwordOf(variables), async (client) => {
            expect(await client.dbsize()).toBe(written);
            expect(await client.get("key:199")).toBe("value 199");
        });
    });

    test("a second server on the same volume is refused, and the first one serves on", async () => {
        const volume = (await redis.container.inspect()).Mounts[0]?.Name ?? "";
        const second = await bed.start("redis", { variables, volume, untilHealthy: false });
        expect(await second.exited()).toBe(1);
        expect(await second.logs()).toContain("another server is using this volume");
        expect(await withRedis(redis, passwordOf(variables), (client) => client.ping())).toBe("PONG");
    });

    test("stops when it is asked to, with everything on the disk", async () => {
        expect(await redis.stop()).toBe(0);
        expect(await redis.logs()).toMatch(
            /Calling fsync\(\) on the AOF file\.\n(.*\n)*.*Redis is now ready to exit, bye bye\.\.\.\s*$/,
        );
    });
});

test("a full Redis refuses writes, keeps what it has and stays healthy", async () => {
    const small = { ...variables, REDIS_MAXMEMORY: "3mb" };
    const redis = await bed.start("redis", { variables: small });
    await withRedis(redis, passwordOf(small), async (client) => {
        await client.set("first", "kept");
        await expect(
            (async () => {
                for (let number = 0; number < 5000; number++) await client.set(`filler:${number}`, "x".repeat(2000));
            })(),
        ).rejects.toThrow(/OOM/);
        expect(await client.get("first")).toBe("kept");
    });
    expect((await redis.exec(["/usr/local/bin/healthcheck"])).code).toBe(0);
});

test("a password may hold any printable character", async () => {
    const odd = { ...variables, REDIS_PASSWORD: "a\"b'c d#$HOME`id`" };
    const redis = await bed.start("redis", { variables: { ...odd, REDIS_PASSWORD: "placeholder" }, environment: odd });
    expect(await withRedis(redis, passwordOf(odd), (client) => client.ping())).toBe("PONG");
    await expect(withRedis(redis, "a", (client) => client.ping())).rejects.toThrow(/WRONGPASS/);
});

test("without a password it does not start, and says so", async () => {
    const redis = await bed.start("redis", { variables, environment: { REDIS_PASSWORD: "" }, untilHealthy: false });
    expect(await redis.exited()).toBe(1);
    expect(await redis.logs()).toContain("REDIS_PASSWORD is not set");
});
