/**
 * The stack beside the baseline as plain `docker compose up` runs it: the same facts, the same answers, the same database,
 * the same settings. Every difference is declared, or a failure; and a seeded difference of each sort is found and named.
 */
import { createHmac, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { parse } from "yaml";
import { connectEngine } from "../../engine/docker.ts";
import { withPostgres } from "../../engine/postgres.ts";
import { withRedis } from "../../engine/redis.ts";
import { findCompose } from "../../release/load.ts";
import type { Release } from "../../release/types.ts";
import { compareLive, type LiveFacts, type LiveFinding, undeclared } from "../../validation/parity/live.ts";
import { collectLive, type LivePlace } from "../../validation/parity/live-collect.ts";
import { liveRules } from "../../validation/parity/live-rules.ts";
import { expectExit } from "../support/ended.ts";
import { baselinePorts, freeOffset, Project, type Ran } from "../support/project.ts";

const stack = "local";
const engine = connectEngine();
const host = "127.0.0.1";
const key = randomBytes(32);
const digest = (value: string) => createHmac("sha256", key).update(value).digest("hex").slice(0, 12);

let project: Project;
let compose: (env: Readonly<Record<string, string>>, ...args: string[]) => Promise<Ran>;
let secrets: Record<string, string>;
let deployed: LivePlace;
let baseline: LivePlace;
/** The stack as it was collected first: what each seeded difference is compared with. */
let stackFacts: LiveFacts;

const portOf = (service: string) => baselinePorts[service as keyof typeof baselinePorts];

/** Only ports and name are moved, so that it stands beside the stack; secrets are the stack's own. */
async function prepareCompose(name: string, offset: number): Promise<void> {
    const file = parse(await project.read("docker-compose.yml"), { merge: true }) as {
        services: Record<string, { ports: string[] }>;
    };
    const moved = Object.entries(file.services).flatMap(([service, { ports }]) => [
        `  ${service}:`,
        "    ports: !override",
        ...ports.map((port) => `      - "${port.replace(/:(\d+):/, (_, it) => `:${Number(it) + offset}:`)}"`),
    ]);
    await writeFile(path.join(project.folder, "moved.yml"), `services:\n${moved.join("\n")}\n`);
    const [command = "", ...first] = await findCompose(project.folder);
    const files = ["-p", name, "-f", "docker-compose.yml", "-f", "moved.yml"];
    compose = (env, ...args) =>
        project.exec(command, [...first, ...files, ...args], {
            timeoutMs: 600_000,
            env: { DOCKER_BUILDKIT: "0", COMPOSE_PROGRESS: "plain", ...secrets, ...env },
        });
}

async function composeContainers(name: string): Promise<Record<string, string>> {
    const all = await engine.list({ "com.docker.compose.project": name });
    return Object.fromEntries(all.map(({ id, labels }) => [labels["com.docker.compose.service"] ?? "", id]));
}

beforeAll(async () => {
    project = await Project.create();
    const place = await project.claim(stack);
    const name = `plumbline_e2e_${project.mark}_compose`;
    const offset = await freeOffset([place.offset]);
    const ran = await project.command(["deploy"], { timeoutMs: 900_000 });
    if (ran.code !== 0) throw new Error(ran.output);
    secrets = await project.secrets(stack);
    await prepareCompose(name, offset);
    const up = await compose({}, "up", "--detach", "--wait");
    if (up.code !== 0) throw new Error(up.output);

    const { evidence, services } = await project.summary(stack);
    const release = JSON.parse(await project.read(path.join(evidence, "release.json"))) as Release;
    const common = { release, secrets, digest };
    deployed = {
        ...common,
        project: place.project,
        containers: Object.fromEntries(services.map((service) => [service.name, service.container])),
        edge: await project.container(stack, "edge"),
        addressOf: (service) => ({ host, port: portOf(service) + place.offset }),
    };
    baseline = {
        ...common,
        project: name,
        containers: await composeContainers(name),
        addressOf: (service) => ({ host, port: portOf(service) + offset }),
    };
    stackFacts = await collectLive(engine, deployed);
}, 1_600_000);

afterAll(async () => {
    await compose?.({}, "down", "--volumes", "--rmi", "local", "--timeout", "10");
    await project?.dispose();
}, 240_000);

const shown = (findings: readonly LiveFinding[]) =>
    findings.map(({ property, expected, actual }) => `${property}: ${expected} | ${actual}`);

describe("the stack and plain compose", () => {
    test("differ only where a rule says so, and each rule of the table is needed [R30]", async () => {
        const findings = compareLive(await collectLive(engine, baseline), stackFacts);
        expect(shown(undeclared(findings))).toEqual([]);
        const used = new Set(findings.flatMap(({ rule }) => (rule === undefined ? [] : [rule.name])));
        expect([...used].sort()).toEqual(liveRules.map(({ name }) => name).sort());
        const properties = findings.map(({ property }) => property);
        for (const one of [
            "api: environment.LOG_LEVEL",
            "worker: user (process)",
            "api: GET /health status",
            "storage: GET /status status",
            "storage: GET /health header content-type",
            "postgres: table app.documents",
            "postgres: role authenticator",
            "postgres: setting max_connections",
            "redis: config maxmemory",
            "storage: bucket documents",
            "networks.network: driver",
            "volumes.postgres_data: driver",
        ])
            expect(properties).toContain(one);
        expect(properties.length).toBeGreaterThan(500);
    });

    test("compared ten times give the same each time, and each beside itself gives nothing [R30]", async () => {
        const said = new Set<string>();
        for (let round = 0; round < 10; round += 1) {
            const [first, second] = await Promise.all([collectLive(engine, baseline), collectLive(engine, deployed)]);
            said.add(JSON.stringify(compareLive(first, second)));
            expect(compareLive(second, stackFacts).filter(({ result }) => result !== "same")).toEqual([]);
        }
        expect(said.size).toBe(1);
    }, 300_000);

    test("hold no secret in what was collected", () => {
        const text = JSON.stringify(stackFacts);
        for (const [name, value] of Object.entries(secrets))
            expect([name, text.includes(value)]).toEqual([name, false]);
    });
});

describe("a seeded difference is found and named", () => {
    /** What is undeclared after the act, which is taken back. */
    async function seeded(
        act: () => Promise<unknown>,
        back: () => Promise<unknown>,
        place = baseline,
    ): Promise<string[]> {
        await act();
        try {
            const findings = compareLive(await collectLive(engine, place), stackFacts);
            return undeclared(findings).map(({ property }) => property);
        } finally {
            await back();
        }
    }
    const sql = (text: string) => () =>
        withPostgres(
            baseline.addressOf("postgres", 5432),
            { user: "postgres", password: secrets.POSTGRES_PASSWORD ?? "", database: "postgres" },
            10_000,
            (client) => client.query(text),
        );
    const redis =
        (...args: string[]) =>
        () =>
            withRedis(baseline.addressOf("redis", 6379), secrets.REDIS_PASSWORD ?? "", 10_000, (client) =>
                client.config("SET", args[0] ?? "", args[1] ?? ""),
            );
    const bucket = (method: "POST" | "DELETE", where: string) => async () => {
        const { port } = baseline.addressOf("storage", 5000);
        const token = secrets.SERVICE_ROLE_KEY ?? "";
        const answer = await request(`http://${host}:${port}/bucket${where}`, {
            method,
            headers: { authorization: `Bearer ${token}`, apikey: token, "content-type": "application/json" },
            ...(method === "POST" ? { body: JSON.stringify({ id: "twin", name: "twin", public: true }) } : {}),
        });
        expect([answer.statusCode, await answer.body.text()]).toEqual([200, expect.any(String)]);
    };

    test("a table and an index more [R30]", async () => {
        const found = await seeded(
            sql("create table app.twin (id int); create index twin_id on app.twin (id)"),
            sql("drop table app.twin"),
        );
        expect(found).toEqual([
            "postgres: column app.twin.id",
            "postgres: index app.twin_id",
            "postgres: table app.twin",
        ]);
    });

    test("a role, a grant and a policy more [R30]", async () => {
        const found = await seeded(
            sql(
                "create role twin; grant usage on schema app to twin; create policy twin on app.documents using (true)",
            ),
            sql("drop policy twin on app.documents; revoke usage on schema app from twin; drop role twin"),
        );
        expect(found).toEqual(["postgres: policy app.documents.twin", "postgres: role twin", "postgres: schema app"]);
    });

    test("an extension more [R30]", async () => {
        const found = await seeded(sql("create extension tsm_system_rows"), sql("drop extension tsm_system_rows"));
        expect(found).toContain("postgres: extension tsm_system_rows");
        expect(found.filter((property) => !property.startsWith("postgres: "))).toEqual([]);
    });

    test("another setting of Redis [R30]", async () => {
        const before = (await collectLive(engine, baseline))["redis: config maxmemory-policy"];
        const policy = before?.known ? before.value : "";
        const found = await seeded(
            redis("maxmemory-policy", policy === "allkeys-lfu" ? "allkeys-lru" : "allkeys-lfu"),
            redis("maxmemory-policy", policy),
        );
        expect(found).toEqual(["redis: config maxmemory-policy"]);
    });

    test("a bucket more [R30]", async () => {
        expect(await seeded(bucket("POST", ""), bucket("DELETE", "/twin"))).toEqual(["storage: bucket twin"]);
    });

    test("a header more, another status and another shape of a body [R30]", async () => {
        const { server, port } = await seededProxy(baseline.addressOf("api", 8000).port);
        const place: LivePlace = {
            ...baseline,
            addressOf: (service, of) => (service === "api" ? { host, port } : baseline.addressOf(service, of)),
        };
        const close = () => new Promise((resolve) => server.close(resolve));
        expect(await seeded(async () => {}, close, place)).toEqual([
            "api: GET /health body",
            "api: GET /health header x-seeded",
            "api: GET /plumbline-nothing-is-here header x-seeded",
            "api: GET /plumbline-nothing-is-here status",
        ]);
    });

    test("another limit of a container [R30]", async () => {
        const worker = baseline.containers.worker ?? "";
        const limit = (most: string) => () => project.docker(["update", "--pids-limit", most, worker]);
        expect(await seeded(limit("77"), limit("128"))).toEqual(["worker: pids_limit"]);
    });

    test("a variable of another value, and a service that is away: never a match [R30] [R96]", async () => {
        const up = await compose({ LOG_LEVEL: "debug" }, "up", "--detach", "--wait", "--no-deps", "api");
        expectExit(up, 0);
        const place = { ...baseline, containers: await composeContainers(baseline.project) };
        expect(
            await seeded(
                async () => {},
                async () => {},
                place,
            ),
        ).toEqual(["api: environment.LOG_LEVEL"]);
        await compose({}, "stop", "--timeout", "10", "redis");
        const findings = compareLive(await collectLive(engine, place), stackFacts);
        const open = findings.filter(({ result }) => result === "inconclusive").map(({ property }) => property);
        expect(open).toEqual(expect.arrayContaining(["redis: redis", "redis: user (process)"]));
    }, 300_000);
});

/** The api with a header too many, a key too many in JSON, and another status where there is nothing. */
async function seededProxy(to: number): Promise<{ readonly server: Server; readonly port: number }> {
    const server = createServer(async (asked, answer) => {
        const found = await request(`http://${host}:${to}${asked.url ?? "/"}`);
        const body = await found.body.text();
        const { "content-length": _length, connection: _connection, ...headers } = found.headers;
        const isHealth = asked.url === "/health";
        const said = isHealth ? JSON.stringify({ ...(JSON.parse(body) as object), seeded: true }) : body;
        const length = { "content-length": String(Buffer.byteLength(said)) };
        const sent = { ...headers, ...length, "x-seeded": "1" } as Record<string, string>;
        answer.writeHead(isHealth ? found.statusCode : 410, sent);
        answer.end(said);
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return { server, port: (server.address() as AddressInfo).port };
}
