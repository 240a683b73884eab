/**
 * One life of the `local` stack: deployed fresh by our command, looked at from every side, planned again without and with
 * a change, disturbed behind Pulumi's back and mended, destroyed with its data kept, deployed again, destroyed for good.
 * The tests build on each other, in this order: a deployment is too dear for one each.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { StorageClient } from "@supabase/storage-js";
import { Redis } from "ioredis";
import pg from "pg";
import { request } from "undici";
import type { ValidateResult } from "../../automation/validate.ts";
import { serviceOfResource } from "../../release/renewals.ts";
import type { ParityOutput } from "../../validation/parity/summary.ts";
import { rateNames } from "../../validation/rates.ts";
import { parityReportSchema } from "../../validation/report/findings.ts";
import { deploymentReportSchema } from "../../validation/report/schema.ts";
import { expectExit } from "../support/ended.ts";
import { filesBelow, Project, type Ran } from "../support/project.ts";
import { findSecrets } from "../support/secret-search.ts";

const stack = "local";
const services = ["api", "postgres", "redis", "storage", "worker"];
const baseline = {
    postgres: { user: 10001, memory: 1024, cpus: 2 },
    redis: { user: 10002, memory: 256, cpus: 1 },
    storage: { user: 10003, memory: 512, cpus: 1 },
    api: { user: 10004, memory: 512, cpus: 1 },
    worker: { user: 10005, memory: 512, cpus: 1 },
} as const;

interface Supabase {
    readonly projectId: string;
    readonly apiUrl: string;
    readonly anonKey: string;
    readonly serviceRoleKey: string;
}

interface Plan {
    readonly plan: readonly { readonly op: string; readonly name: string; readonly type: string }[];
    readonly services: readonly string[];
    readonly changes: Readonly<Record<string, number>>;
    readonly release: string;
}

let project: Project;
let deployed: Ran;
let supabase: Supabase;

beforeAll(async () => {
    project = await Project.create();
    await project.claim(stack);
    await project.ownImage("worker");
    // As a repository of its own: what a deployment leaves in the folder must not show in `git status`.
    await project.asRepository();
    deployed = await project.command(["deploy"], { timeoutMs: 900_000 });
    if (deployed.code === 0) supabase = await project.output<Supabase>(stack, "supabase");
}, 960_000);

afterAll(() => project.dispose(), 120_000);

const plan = async (...options: string[]): Promise<Plan> => {
    const ran = await project.command(["preview", "--json", ...options]);
    if (ran.code !== 0) throw new Error(ran.output);
    return JSON.parse(ran.stdout) as Plan;
};

const inspect = async (service: string) =>
    JSON.parse(await project.docker(["inspect", await project.container(stack, service)]))[0];

/** A query on the stack's Postgres, through its published port. */
const query = async (text: string, values: unknown[] = []) => {
    const { POSTGRES_PASSWORD: password } = await project.secrets(stack);
    const client = new pg.Client({
        host: "127.0.0.1",
        port: project.port(stack, "postgres"),
        user: "postgres",
        password,
        database: "postgres",
    });
    await client.connect();
    try {
        return (await client.query(text, values)).rows as Record<string, unknown>[];
    } finally {
        await client.end();
    }
};

/** Posts a document as a client outside does, and waits until it is processed. */
const postDocument = async (body: string): Promise<string> => {
    const { serviceRoleKey } = await project.output<Supabase>(stack, "supabase");
    const authorization = `Bearer ${serviceRoleKey}`;
    const url = `http://127.0.0.1:${project.port(stack, "api")}/documents`;
    const posted = await request(url, {
        method: "POST",
        headers: { authorization, "content-type": "text/plain", "x-document-name": "policy.txt" },
        body,
    });
    expect(posted.statusCode).toBe(201);
    const { id } = (await posted.body.json()) as { id: string };
    for (let attempt = 0; ; attempt += 1) {
        const asked = await request(`${url}/${id}`, { headers: { authorization } });
        const document = (await asked.body.json()) as { status: string };
        if (document.status === "processed") return id;
        if (attempt === 150) throw new Error(`not processed: ${JSON.stringify(document)}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
    }
};

describe("a fresh deployment by our command", () => {
    test("ends with exit code 0 and a last line of outcome, release, duration and evidence [R95]", () => {
        expect(deployed.output).toContain("committed");
        expectExit(deployed, 0);
        const lastLine = deployed.stdout.trimEnd().split("\n").at(-1);
        expect(lastLine).toMatch(
            /^local: committed · release [0-9a-f]{12} · [\d.]+ (s|min \d\d s) · evidence: infrastructure\/reports\/local\/tx-\S+$/,
        );
    });

    test("prints plain lines of progress, then a summary of services, addresses, health and images", () => {
        for (const service of services) expect(deployed.stdout).toMatch(new RegExp(`^${service} .*ready in`, "m"));
        for (const port of [project.port(stack, "api"), project.port(stack, "postgres")]) {
            expect(deployed.stdout).toContain(`127.0.0.1:${port}`);
        }
        expect(deployed.stdout).toMatch(/plumbline\/api:[0-9a-f]{12}/);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what must not be there.
        expect(deployed.stdout).not.toMatch(/\u001b/);
    });

    test("leaves a report as JSON that says the same as the stack's outputs [R70]", async () => {
        const summary = await project.summary(stack);
        const text = await project.read(path.join(summary.evidence, "deployment.json"));
        const report = deploymentReportSchema.parse(JSON.parse(text));
        expect(report.outcome).toEqual(summary);
        expect(summary.outcome).toBe("committed");
        expect(summary.services.map(({ name }) => name).sort()).toEqual(services);
        expect(summary.services.every(({ changed, readyAfterMs }) => changed && readyAfterMs > 0)).toBe(true);
        const { outcome: _lost, ...incomplete } = report;
        expect(deploymentReportSchema.safeParse(incomplete).success).toBe(false);
    });

    test("ends its summary with parity and success rates, and keeps every finding beside its report [R30] [R37]", async () => {
        expect(deployed.stdout).toMatch(/\n(\d+) of \1 properties as in the baseline, \d+ of them by a rule\n/);
        const { evidence, release } = await project.summary(stack);
        const text = await project.read(path.join(evidence, "validation.findings.json"));
        const report = parityReportSchema.parse(JSON.parse(text));
        expect(report).toMatchObject({ stack, release, summary: { match: true, percent: 100 } });
        expect(report.findings.filter(({ result }) => result === "drift" || result === "inconclusive")).toEqual([]);
        expect(report.summary.total).toBeGreaterThan(250);
        const subjects = [...new Set(report.findings.map(({ service }) => service))];
        const around = ["edge_config", "postgres_data", "redis_data", "storage_data"].map((key) => `volumes.${key}`);
        expect(subjects.sort()).toEqual([...services, "edge", "networks.network", ...around].sort());
        expect(report.rates?.map(({ name, result }) => [name, result])).toEqual(
            rateNames.map((name) => [name, "pass"]),
        );
        for (const name of rateNames) expect(deployed.stdout).toMatch(new RegExp(`\n${name} +100 % `));
        const files = (await filesBelow(path.join(project.folder, evidence))).map((file) => path.basename(file));
        expect(files).toEqual(
            expect.arrayContaining(["validation.findings.txt", "validation.junit.xml", "validation.html"]),
        );
        // What a state keeps of it is small.
        const parity = await project.output<ParityOutput>(stack, "parity");
        expect(parity).toEqual({ summary: report.summary, deviations: [] });
    });

    test("keeps every file of its reports from other users of the machine [R65]", async () => {
        const reports = path.join(project.folder, "infrastructure");
        const files = await filesBelow(reports);
        expect(files.length).toBeGreaterThan(5);
        for (const file of files) expect([file, (await stat(file)).mode & 0o077]).toEqual([file, 0]);
        const folders = new Set(files.map((file) => path.dirname(file)));
        for (const folder of folders) expect([folder, (await stat(folder)).mode & 0o077]).toEqual([folder, 0]);
    });

    test("starts services when those they depend on are ready, and keeps their start-up logs [R07] [R20]", async () => {
        const { evidence } = await project.summary(stack);
        const text = await project.read(path.join(evidence, "timeline.jsonl"));
        const steps = text
            .trimEnd()
            .split("\n")
            .map((line) => JSON.parse(line) as { event: string; step?: string });
        const at = (event: string, step: string) => steps.findIndex((it) => it.event === event && it.step === step);
        const order = [
            at("step-done", "prove postgres"),
            at("step-begin", "start storage"),
            at("step-done", "prove storage"),
            Math.min(at("step-begin", "start api"), at("step-begin", "start worker")),
        ];
        expect(order.every((index) => index >= 0)).toBe(true);
        expect([...order].sort((a, b) => a - b)).toEqual(order);
        // Independent ones side by side: both have begun before the first is done.
        expect(at("step-begin", "start redis")).toBeLessThan(at("step-done", "start postgres"));
        expect(at("step-begin", "start worker")).toBeLessThan(at("step-done", "prove api"));
        const logs = (await filesBelow(path.join(project.folder, evidence))).map((file) => path.basename(file));
        for (const service of services) expect(logs).toContain(`${service}.log`);
    });
});

describe("what runs", () => {
    test("is the five services and the edge, each healthy [R01] [R32]", async () => {
        expect(Object.keys(await project.containers(stack)).sort()).toEqual([...services, "edge"].sort());
        for (const service of [...services, "edge"]) {
            const { State } = await inspect(service);
            expect([service, State.Status, State.Health.Status]).toEqual([service, "running", "healthy"]);
        }
    });

    test.each([...services, "edge"])(
        "%s runs without root, without capabilities, on a root it cannot write",
        async (service) => {
            const id = await project.container(stack, service);
            const status = await project.docker(["exec", id, "cat", "/proc/1/status"]);
            const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1];
            const user = service in baseline ? baseline[service as keyof typeof baseline].user : 10006;
            expect(field("Uid")).toBe(String(user));
            for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) expect(field(set)).toMatch(/^0+$/);
            expect(field("NoNewPrivs")).toBe("1");
            // As root, so that it is the file system which says no.
            const write = await project.exec("docker", ["exec", "--user", "0", id, "sh", "-c", "echo x > /probe"]);
            expect(write.output).toMatch(/read-only file system/i);
            expectExit(write, "failing");
        },
    );

    test.each(Object.entries(baseline))("%s has the limits of the baseline", async (service, { memory, cpus }) => {
        const { HostConfig } = await inspect(service);
        expect(HostConfig.Memory).toBe(memory * 1024 * 1024);
        expect(HostConfig.MemorySwap).toBe(memory * 1024 * 1024);
        expect(HostConfig.NanoCpus || HostConfig.CpuQuota * 10_000).toBe(cpus * 1e9);
        expect(HostConfig.PidsLimit).toBeGreaterThan(0);
        expect(HostConfig.RestartPolicy.Name).toBe("unless-stopped");
        expect(HostConfig.LogConfig.Config).toEqual({ "max-file": "3", "max-size": "10m" });
    });

    test("is reached through the edge alone, on this machine only [R65]", async () => {
        for (const service of services) expect((await inspect(service)).HostConfig.PortBindings ?? {}).toEqual({});
        const { HostConfig } = await inspect("edge");
        const bindings = Object.values(
            HostConfig.PortBindings as Record<string, { HostIp: string; HostPort: string }[]>,
        );
        const published = bindings.flat();
        expect(published.map(({ HostIp }) => HostIp)).toEqual(published.map(() => "127.0.0.1"));
        const ports = (["api", "worker", "storage", "postgres", "redis", "supabase", "probe"] as const).map((name) =>
            String(project.port(stack, name)),
        );
        expect(published.map(({ HostPort }) => HostPort).sort()).toEqual(ports.sort());
    });

    test("turns a document that is posted to the api into chunks in Postgres [R04]", async () => {
        const id = await postDocument("Policy 4711. The insured event is water damage. The deductible is 300 euros.");
        const rows = await query("select content from app.chunks where document_id = $1", [id]);
        expect(rows.length).toBeGreaterThan(0);
        expect(rows.map(({ content }) => content).join(" ")).toContain("water damage");
        expect(await query("select 1 from app.chunks where document_id = gen_random_uuid()")).toEqual([]);
    });

    test("answers as Supabase to the official client with the keys of the outputs [R05]", async () => {
        expect(supabase.projectId).toBe("insurance-navigator");
        expect(supabase.apiUrl).toBe(`http://localhost:${project.port(stack, "supabase")}`);
        const clientOf = (key: string) =>
            new StorageClient(`${supabase.apiUrl.replace("localhost", "127.0.0.1")}/storage/v1`, {
                apikey: key,
                Authorization: `Bearer ${key}`,
            });
        const service = clientOf(supabase.serviceRoleKey);
        const { data: bucket } = await service.getBucket("documents");
        expect(bucket).toMatchObject({ name: "documents", public: false, file_size_limit: 52428800 });
        const uploaded = await service
            .from("documents")
            .upload("e2e/hello.txt", "hello", { contentType: "text/plain" });
        expect(uploaded.error).toBeNull();
        const { data: blob } = await service.from("documents").download("e2e/hello.txt");
        expect(await blob?.text()).toBe("hello");
        // Row-level security: to the anonymous role the same object does not exist.
        const anon = await clientOf(supabase.anonKey).from("documents").download("e2e/hello.txt");
        expect(anon.error).not.toBeNull();
        const role = (key: string) =>
            JSON.parse(Buffer.from(key.split(".")[1] ?? "", "base64url").toString("utf8")).role;
        expect([role(supabase.anonKey), role(supabase.serviceRoleKey)]).toEqual(["anon", "service_role"]);
    });

    test("refuses who has no key, or a wrong password [R65]", async () => {
        const url = `http://127.0.0.1:${project.port(stack, "api")}/documents`;
        expect((await request(url)).statusCode).toBe(401);
        const forged = `${supabase.serviceRoleKey.slice(0, -4)}AAAA`;
        expect((await request(url, { headers: { authorization: `Bearer ${forged}` } })).statusCode).toBe(401);
        const values = await project.secrets(stack);
        const login = async (password: string) => {
            const client = new pg.Client({
                host: "127.0.0.1",
                port: project.port(stack, "postgres"),
                user: "postgres",
                password,
            });
            await client.connect();
            await client.end();
        };
        await login(values.POSTGRES_PASSWORD ?? "");
        await expect(login("wrong")).rejects.toThrow(/password authentication failed/);
        const ping = async (password: string) => {
            const redis = new Redis({
                host: "127.0.0.1",
                port: project.port(stack, "redis"),
                password,
                lazyConnect: true,
                retryStrategy: () => null,
                maxRetriesPerRequest: 0,
            });
            redis.on("error", () => {});
            try {
                return await redis.ping();
            } finally {
                redis.disconnect();
            }
        };
        expect(await ping(values.REDIS_PASSWORD ?? "")).toBe("PONG");
        await expect(ping("wrong")).rejects.toThrow();
    });

    test("is as recorded, says `status` [R71]", async () => {
        const ran = await project.command(["status"]);
        expect(ran.stdout).toContain("local: runs as recorded");
        expectExit(ran, 0);
    });
});

describe("secrets of the stack", () => {
    test("stand nowhere in clear: not in the state, reports, ledger, logs or output", async () => {
        const values = await project.secrets(stack);
        expect(Object.keys(values).sort()).toEqual([
            "ANON_KEY",
            "AUTHENTICATOR_PASSWORD",
            "JWT_SECRET",
            "POSTGRES_PASSWORD",
            "REDIS_PASSWORD",
            "SERVICE_ROLE_KEY",
            "STORAGE_DB_PASSWORD",
            "WORKER_DB_PASSWORD",
        ]);
        const searched = await findSecrets(project, stack, values, { output: deployed.output });
        expect(searched.found).toEqual([]);
        const places = searched.places.join("\n");
        for (const place of [
            ".plumbline/state",
            "release.json",
            "timeline.jsonl",
            "ledger/commit-000001.json",
            "logs of api",
        ]) {
            expect(places).toContain(place);
        }
    });

    test("would be found by that search", async () => {
        const values = await project.secrets(stack);
        const file = path.join(project.folder, "infrastructure", "planted.txt");
        await writeFile(file, `password=${values.REDIS_PASSWORD}`);
        const { found } = await findSecrets(project, stack, values, {});
        expect(found).toEqual(["REDIS_PASSWORD in infrastructure/planted.txt"]);
        await project.exec("rm", [file]);
    });

    test("and nothing else of a deployment show in `git status`", async () => {
        expect((await project.exec("git", ["status", "--porcelain"])).stdout).toBe("");
    });
});

describe("without a change", () => {
    test.each([
        ["pulumi up", ["up", "--yes", "--expect-no-changes", "--stack", stack]],
        ["pulumi up --refresh", ["up", "--yes", "--refresh", "--expect-no-changes", "--stack", stack]],
        ["pulumi preview --refresh", ["preview", "--refresh", "--expect-no-changes", "--stack", stack]],
    ])("`%s` has nothing to do", async (_, args) => {
        const before = await project.containers(stack);
        const ran = await project.pulumi(args);
        expect(ran.output).toMatch(/\d+ unchanged/);
        expect(ran.output).not.toMatch(/\d+ to (create|update|delete|replace)|\d+ (created|updated|deleted|replaced)/);
        expectExit(ran, 0);
        expect(await project.containers(stack)).toEqual(before);
    });

    test("our command says that there is nothing to do", async () => {
        const { plan: changes, changes: counts } = await plan("--refresh");
        expect(changes).toEqual([]);
        expect(Object.keys(counts)).toEqual(["same"]);
    });
});

describe("one seeded change", () => {
    /** The containers of a plan by what happens to them, without revisions. */
    const containersOf = ({ plan: changes }: Plan, op: string) =>
        changes
            .filter((change) => change.op === op && change.type === "docker:index/container:Container")
            .map(({ name }) => serviceOfResource(name));
    /** Each once: a build that is done again shows as several steps of one replacement. */
    const builtBy = ({ plan: changes }: Plan) => [
        ...new Set(
            changes
                .filter(({ op, type }) => op !== "delete" && type === "command:local:Command")
                .map(({ name }) => name),
        ),
    ];

    test("of a variable in the compose file is a new container of that service, and of no other [R80]", async () => {
        await project.edit("docker-compose.yml", 'FILE_SIZE_LIMIT: "52428800"', 'FILE_SIZE_LIMIT: "52428801"');
        const seen = await plan();
        const plain = await project.pulumi(["preview", "--expect-no-changes", "--stack", stack]);
        await project.edit("docker-compose.yml", 'FILE_SIZE_LIMIT: "52428801"', 'FILE_SIZE_LIMIT: "52428800"');
        expect([plain.code === 0, plain.stdout]).toEqual([false, expect.stringMatching(/\d+ to create/)]);
        expect(seen.services).toEqual(["storage"]);
        expect(containersOf(seen, "create")).toEqual(["storage"]);
        expect(builtBy(seen)).toEqual([]);
    });

    test("of a service's source builds its image and makes its container, and no other", async () => {
        const file = path.join(project.folder, "services/worker/worker/__init__.py");
        const before = await project.read("services/worker/worker/__init__.py");
        await appendFile(file, "\n# changed\n");
        const seen = await plan();
        await writeFile(file, before);
        expect(seen.services).toEqual(["worker"]);
        expect(containersOf(seen, "create")).toEqual(["worker"]);
        expect(builtBy(seen)).toEqual([expect.stringMatching(/^plumbline-worker-[0-9a-f]{12}$/)]);
    });

    test("an image that is gone is planned to be built again", async () => {
        const { image } = (await project.summary(stack)).services.find(({ name }) => name === "worker") ?? {
            image: "",
        };
        await project.docker(["tag", image, `plumbline-e2e:${project.mark}`]);
        await project.docker(["rmi", "--force", image]);
        try {
            const seen = await plan();
            expect(builtBy(seen)).toEqual([image.replace(/[/:]/g, "-")]);
        } finally {
            await project.docker(["tag", `plumbline-e2e:${project.mark}`, image]);
            await project.docker(["rmi", `plumbline-e2e:${project.mark}`]);
        }
        expect((await plan()).plan).toEqual([]);
    });
});

describe("what happens behind Pulumi's back", () => {
    test.each([
        ["stopped", "worker", ["stop"]],
        ["removed", "redis", ["rm", "--force"]],
    ])(
        "a container that is %s is shown by `preview --refresh` and mended by `up --refresh`",
        async (what, service, act) => {
            const before = await project.container(stack, service);
            await project.docker([...act, before]);
            const status = await project.command(["status"]);
            expectExit(status, 30);
            expect(status.stdout).toContain(`does not run`);

            const shown = await project.pulumi(["preview", "--refresh", "--expect-no-changes", "--stack", stack]);
            expectExit(shown, "failing");
            expect(shown.stdout).toMatch(/\d+ to (create|update)/);
            const plain = await project.pulumi([
                "refresh",
                "--preview-only",
                "--expect-no-changes",
                "--yes",
                "--stack",
                stack,
            ]);
            expectExit(plain, "failing");

            const mended = await project.pulumi(["up", "--refresh", "--yes", "--stack", stack]);
            expectExit(mended, 0);
            const after = await project.container(stack, service);
            expect(after === before).toBe(what === "stopped");
            const { State } = await inspect(service);
            expect([State.Status, State.Health.Status]).toEqual(["running", "healthy"]);
            const again = await project.pulumi(["preview", "--refresh", "--expect-no-changes", "--stack", stack]);
            expectExit(again, 0);
        },
        240_000,
    );
});

describe("a property that was changed behind Pulumi's back", () => {
    const worker = () => project.container(stack, "worker");
    const validated = async (...options: string[]) => {
        const ran = await project.command(["validate", "--json", ...options]);
        return { ...ran, result: JSON.parse(ran.stdout) as ValidateResult };
    };
    const changed = { service: "worker", restores: ["worker: pids_limit: 77 → 128"] };
    // Seeded anew in each test: a worker that was put back after a kill has its limit again.
    const seedDrift = async () => project.docker(["update", "--pids-limit", "77", await worker()]);

    test("is shown by `preview --refresh`, told by `up --refresh`, and named by `validate` [R30] [R31] [R71]", async () => {
        const before = await worker();
        await seedDrift();
        const shown = await project.pulumi(["preview", "--refresh", "--expect-no-changes", "--stack", stack]);
        expect([shown.code === 0, shown.stdout]).toEqual([false, expect.stringMatching(/validation/)]);
        const told = await project.pulumi(["up", "--refresh", "--yes", "--stack", stack]);
        expect(told.output).toContain("not as in the baseline: worker: pids_limit: expected 128, actual 77");
        expect([told.code, await worker()]).toEqual([0, before]);
        const parity = await project.output<ParityOutput>(stack, "parity");
        expect(parity.deviations).toEqual(["worker: pids_limit: expected 128, actual 77"]);

        const { code, result } = await validated();
        expect([code, result.outcome]).toEqual([30, "deviates"]);
        expect(result.corrections).toMatchObject([changed]);
        expect(result.notFixable).toEqual([]);
        expect([await worker(), result.summary]).toEqual([before, null]);
    }, 180_000);

    test("is not half corrected when `validate --fix` is killed: `recover` ends in what ran before [R31] [R94]", async () => {
        const before = await project.containers(stack);
        const killed = spawn(
            path.join(project.folder, "node_modules/.bin/node"),
            ["automation/main.ts", "validate", "--fix"],
            { cwd: project.folder, env: project.environment(), stdio: "ignore", detached: true },
        );
        const exited = once(killed, "exit");
        const began = async () =>
            (await project.read("infrastructure/reports/local/timeline.jsonl")).includes("hand over worker");
        const first = await began();
        for (let turn = 0; turn < 600 && !(await began()); turn += 1) await sleep(100);
        expect([first, await began(), killed.exitCode]).toEqual([false, true, null]);
        process.kill(-(killed.pid ?? 0), "SIGKILL");
        await exited;
        const recovered = await project.command(["recover"]);
        expectExit(recovered, recovered.code === 10 ? 10 : 0);
        expect(await project.containers(stack)).toEqual(before);
        expect((await project.command(["status"])).code).toBe(0);
        expect((await plan()).plan.filter(({ name }) => name !== "validation")).toEqual([]);
    }, 300_000);

    test("that a correction cannot restore with every gate passed stays as it ran, with exit code 10 [R31] [R95]", async () => {
        const before = await project.containers(stack);
        await seedDrift();
        // The smoke test posts a document: with this nobody can.
        await query("create function app.refuse() returns trigger language plpgsql as $$ begin raise 'seeded'; end $$");
        await query("create trigger refuse before insert on app.documents for each row execute function app.refuse()");
        try {
            const { code, result } = await validated("--fix");
            expect([code, result.outcome]).toEqual([10, "rolled-back"]);
            expect(result.failure?.message).toContain("smoke test");
            expect(result.corrections).toMatchObject([changed]);
            // What is reported at the end is what runs then.
            expect(result.report?.summary).toMatchObject({ drift: 1, inconclusive: 0 });
        } finally {
            await query("drop trigger refuse on app.documents");
            await query("drop function app.refuse()");
        }
        expect(await project.containers(stack)).toEqual(before);
        expect((await project.command(["status"])).code).toBe(0);
    }, 300_000);

    test("is corrected by `validate --fix`: exactly the containers that drift are new, and what cannot be is named [R31]", async () => {
        const before = await project.containers(stack);
        await seedDrift();
        await project.docker([
            "update",
            "--memory",
            "600m",
            "--memory-swap",
            "600m",
            await project.container(stack, "api"),
        ]);
        const { image } = (await project.summary(stack)).services.find(({ name }) => name === "redis") ?? { image: "" };
        const labels = { project: project.place(stack).project, stack, service: "redis" };
        const options = Object.entries(labels).flatMap(([key, value]) => ["--label", `plumbline.${key}=${value}`]);
        const stranger = await project.docker(["run", "-d", ...options, "--entrypoint", "sleep", image, "600"]);
        try {
            const { code, result, stderr } = await validated("--fix");
            expect([code, result.outcome, stderr]).toEqual([30, "deviates", expect.stringContaining("is made anew")]);
            expect(result.summary).toMatchObject({ outcome: "committed", previous: result.release });
            expect(result.corrections.map(({ service }) => service)).toEqual(["api", "worker"]);
            expect(result.notFixable.map(({ service, property }) => [service, property])).toEqual([
                ["redis", "(other containers)"],
            ]);
            expect(result.report?.summary).toMatchObject({ drift: 1, inconclusive: 0 });
        } finally {
            await project.docker(["rm", "--force", stranger]);
        }
        const after = await project.containers(stack);
        const changes = Object.keys(after).filter((name) => after[name]?.join() !== before[name]?.join());
        expect(changes.sort()).toEqual(["api", "worker"]);
        expect((await inspect("worker")).HostConfig.PidsLimit).toBe(128);
        for (const args of [
            ["preview", "--refresh", "--expect-no-changes", "--stack", stack],
            ["up", "--yes", "--expect-no-changes", "--stack", stack],
        ]) {
            const ran = await project.pulumi(args);
            expectExit(ran, 0);
        }
    }, 300_000);

    test("is corrected by `deploy --refresh` too, where the release stays as it is [R31]", async () => {
        const before = await project.containers(stack);
        await seedDrift();
        const ran = await project.command(["deploy", "--refresh"]);
        expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("worker has drifted and is made anew")]);
        const after = await project.containers(stack);
        expect(Object.keys(after).filter((name) => after[name]?.join() !== before[name]?.join())).toEqual(["worker"]);
        expect((await inspect("worker")).HostConfig.PidsLimit).toBe(128);
    }, 180_000);

    test("and without drift `validate --fix` says so and does nothing [R31]", async () => {
        const before = await project.containers(stack);
        const { code, result } = await validated("--fix");
        expect([code, result.outcome, result.summary]).toEqual([0, "as-recorded", null]);
        expect(result.notes).toContain("Nothing drifts: nothing is corrected.");
        expect(result.report?.summary).toMatchObject({ match: true });
        expect(await project.containers(stack)).toEqual(before);
    });
});

describe("destroy", () => {
    let document: string;
    let rows: Record<string, unknown>[];
    let secretsBefore: Record<string, string>;
    const rowsOf = () => query("select document_id, content from app.chunks order by document_id, content");

    test("stops the services in reverse order, and keeps and lists the data [R07]", async () => {
        document = await postDocument("A row that must live on.");
        rows = await rowsOf();
        expect(rows.length).toBeGreaterThan(0);
        secretsBefore = await project.secrets(stack);
        const ran = await project.command(["destroy"]);
        expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("local: destroyed")]);
        const { project: name } = project.place(stack);
        const { containers, networks, volumes } = await project.remains(stack);
        expect({ containers, networks }).toEqual({ containers: [], networks: [] });
        for (const key of ["postgres_data", "redis_data", "storage_data"]) {
            expect(volumes).toContain(`${name}_${key}`);
            expect(ran.stdout).toContain(`${name}_${key}`);
        }
        expect(ran.stdout).toContain("npm run destroy -- --stack local --volumes");
        const timeline = (await project.read("infrastructure/reports/local/timeline.jsonl")).trimEnd().split("\n");
        const stopped = timeline
            .map((line) => JSON.parse(line) as { event: string; service?: string })
            .filter(({ event }) => event === "step-done")
            .map(({ service }) => service ?? "");
        const at = (service: string) => stopped.indexOf(service);
        expect([...stopped].sort()).toEqual([...services, "edge"].sort());
        expect(Math.max(at("api"), at("worker"))).toBeLessThan(at("storage"));
        expect(at("storage")).toBeLessThan(at("postgres"));
        expect(Math.max(at("api"), at("worker"))).toBeLessThan(at("redis"));
    }, 240_000);

    test("and `pulumi up` again finds the same rows, although every secret is new", async () => {
        const ran = await project.pulumi(["up", "--yes", "--stack", stack]);
        expectExit(ran, 0);
        const secrets = await project.secrets(stack);
        expect(Object.keys(secrets)).toEqual(Object.keys(secretsBefore));
        for (const [name, value] of Object.entries(secrets)) expect(value).not.toBe(secretsBefore[name]);
        expect(await rowsOf()).toEqual(rows);
        expect(rows.some(({ document_id }) => document_id === document)).toBe(true);
        await postDocument("And new ones join them.");
        expect((await rowsOf()).length).toBeGreaterThan(rows.length);
    }, 240_000);

    test("asks before it deletes data, and with --volumes --yes leaves nothing", async () => {
        const asked = await project.command(["destroy", "--volumes"]);
        expect([asked.code, asked.output]).toEqual([64, expect.stringContaining("--yes")]);
        expect((await project.command(["status"])).code).toBe(0);
        const ran = await project.command(["destroy", "--volumes", "--yes"]);
        expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("local: destroyed")]);
        expect(await project.remains(stack)).toEqual({ containers: [], networks: [], volumes: [] });
    }, 240_000);
});
