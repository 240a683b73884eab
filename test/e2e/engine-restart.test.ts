/**
 * The engine is restarted in good order, and everything comes back by itself. Then it crashes and comes back: what is down after
 * that is shown by a plan and mended by an update. Then disks are full: that of the engine before a deploy, that of the reports
 * in the middle of one. On an engine of the test's own, named by `docker:host`, with another baseline of two services, from the
 * same program.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { expectExit } from "../support/ended.ts";
import { PrivateEngine, whyNoPrivateEngine } from "../support/private-engine.ts";
import { Project, type Ran, run, workingTree } from "../support/project.ts";
import { SmallDisk } from "../support/small-disk.ts";

const why = await whyNoPrivateEngine();
if (why !== null) process.stderr.write(`test/e2e/engine-restart.test.ts is skipped: ${why}\n`);
const onPrivateEngine = why === null ? test : test.skip;

/** Two Redis, the second after the first and on another port: the smallest baseline with an order. */
const service = (name: string, port: number, after: string) => `
    build: ./services/${name}
    user: "10002:10002"
    restart: unless-stopped
    networks: [network]
    read_only: true
    init: true
    environment: { REDIS_PASSWORD: "\${REDIS_PASSWORD:?}", REDIS_MAXMEMORY: 64mb }
    tmpfs: ["/tmp:size=16m"]
    healthcheck: { test: [CMD, /usr/local/bin/healthcheck], interval: 1s, timeout: 5s, retries: 5, start_period: 30s }
    ${after}
    x-plumbline:
      kind: stateful
      probes: [{ redis: { port: ${port}, password: "\${REDIS_PASSWORD:?}" } }]`;
const composeFile = `x-plumbline:
  secrets:
    REDIS_PASSWORD: { generate: 32 }
services:
  first: ${service("redis", 6379, "ports: ['127.0.0.1:6379:6379']")}
    volumes: ["first_data:/var/lib/redis"]
  second: ${service("second", 6380, "depends_on: { first: { condition: service_healthy } }")}
    volumes: ["second_data:/var/lib/redis"]
networks: { network: {} }
volumes: { first_data: {}, second_data: {} }
`;

/** The engine's disk, with room for the images and the limit below, and what has to be free of it. */
const diskMebibytes = 1_400;
const diskFreeGb = 0.3;

let engine: PrivateEngine;
let project: Project;
const images: string[] = [];

/** A command in the project's folder, in the engine's network. */
const inside = (command: string, args: readonly string[]): Promise<Ran> =>
    engine.run(command, args, { cwd: project.folder, env: project.environment(), timeoutMs: 240_000 });

const running = async () =>
    (await engine.docker(["ps", "--format", '{{.Label "plumbline.service"}}'])).split("\n").filter(Boolean).sort();

/** When each container that runs was started, by id. */
async function starts(): Promise<Record<string, string>> {
    const ids = await runningIds();
    const lines = await engine.docker(["inspect", "--format", "{{.Id}} {{.State.StartedAt}}", ...ids]);
    return Object.fromEntries(lines.split("\n").map((line) => line.split(" ")));
}

/** Waits until all three report this health. */
async function untilAll(health: string): Promise<void> {
    const deadline = Date.now() + 60_000;
    for (;;) {
        const found = (await engine.docker(["ps", "--quiet", "--filter", `health=${health}`])).split("\n");
        if (found.length === 3) return;
        if (Date.now() > deadline) throw new Error(`not all are ${health}: ${await engine.docker(["ps", "--all"])}`);
        await sleep(200);
    }
}

beforeAll(async () => {
    if (why !== null) return;
    engine = await PrivateEngine.start({ diskMebibytes });
    project = await Project.create({ env: { DOCKER_HOST: engine.host } });
    const place = await project.claim("local", {
        "docker:host": engine.host,
        "plumbline:composeFile": "small.yml",
        "plumbline:preflight": { diskFreeGb },
    });
    await writeFile(path.join(project.folder, "small.yml"), composeFile);
    // The engine has no network, so its images come from the machine's: a build there adds nothing to them.
    for (const name of ["edge", "redis"]) {
        const image = `${place.project}/${name}:base`;
        const folder = path.join(workingTree, "services", name);
        const env = { ...process.env, DOCKER_BUILDKIT: "0" };
        const built = await run("docker", ["build", "--quiet", "--tag", image, folder], { env, timeoutMs: 600_000 });
        if (built.code !== 0) throw new Error(built.output);
        images.push(image);
        await writeFile(path.join(project.folder, "services", name, "Dockerfile"), `FROM ${image}\n`);
    }
    await mkdir(path.join(project.folder, "services/second"));
    const other = "sed -i s/6379/6380/ /usr/local/bin/entrypoint /usr/local/bin/healthcheck";
    await writeFile(
        path.join(project.folder, "services/second/Dockerfile"),
        `FROM ${images[1]}\nUSER 0:0\nRUN ${other}\nUSER 10002:10002\n`,
    );
    await engine.load(...images);
    const deployed = await inside("node", ["automation/main.ts", "deploy"]);
    if (deployed.code !== 0) throw new Error(deployed.output);
}, 960_000);

afterAll(async () => {
    if (why !== null) return;
    await engine?.dispose();
    for (const image of images) await run("docker", ["rmi", image]);
    if (project !== undefined) await rm(project.folder, { recursive: true, force: true });
}, 120_000);

onPrivateEngine(
    "another baseline is deployed on the engine that `docker:host` names, and there is nothing to do",
    async () => {
        expect(await running()).toEqual(["edge", "first", "second"]);
        const again = await inside("pulumi", ["preview", "--refresh", "--expect-no-changes", "--stack", "local"]);
        expectExit(again, 0);
    },
);

onPrivateEngine(
    "after an orderly restart of the engine the same containers run again by themselves, and there is nothing to do",
    async () => {
        const before = await starts();
        await engine.stop();
        await engine.boot();
        await untilAll("healthy");
        const after = await starts();
        expect(Object.keys(after)).toEqual(Object.keys(before));
        // They were stopped: every one of them was started anew.
        for (const [id, startedAt] of Object.entries(before)) expect(after[id]).not.toBe(startedAt);
        const seen = await inside("pulumi", ["preview", "--refresh", "--expect-no-changes", "--stack", "local"]);
        expectExit(seen, 0);
        expect((await inside("node", ["automation/main.ts", "status"])).code).toBe(0);
    },
    180_000,
);

onPrivateEngine(
    "after a crash of the engine `preview --refresh` shows what is down, and `up --refresh` mends it",
    async () => {
        await engine.kill();
        await engine.boot();
        // Engines differ in what they bring back after a crash. Where that is everything, one is taken down by hand.
        const [last = ""] = await runningIds();
        if ((await running()).length === 3) await engine.docker(["stop", last]);
        expect((await running()).length).toBeLessThan(3);
        const shown = await inside("pulumi", ["preview", "--refresh", "--expect-no-changes", "--stack", "local"]);
        expect([shown.code === 0, shown.stdout]).toEqual([false, expect.stringMatching(/\d+ to (create|update)/)]);
        const status = await inside("node", ["automation/main.ts", "status"]);
        expect([status.code, status.stdout]).toEqual([30, expect.stringContaining("does not run")]);

        const mended = await inside("pulumi", ["up", "--refresh", "--yes", "--stack", "local"]);
        expectExit(mended, 0);
        expect(await running()).toEqual(["edge", "first", "second"]);
        const again = await inside("pulumi", ["preview", "--refresh", "--expect-no-changes", "--stack", "local"]);
        expectExit(again, 0);
        expect((await inside("node", ["automation/main.ts", "status"])).code).toBe(0);
    },
    360_000,
);

/** Everything that a deploy could have changed, with the start of what runs. */
async function engineState(): Promise<string[]> {
    const lines = async (...args: string[]) => (await engine.docker(args)).split("\n").sort();
    const ids = await lines("ps", "--all", "--quiet", "--no-trunc");
    return [
        ...(await lines("inspect", "--format", "{{.Name}} {{.State.Status}} {{.State.StartedAt}}", ...ids)),
        ...(await lines("images", "--all", "--quiet", "--no-trunc")),
        ...(await lines("volume", "ls", "--quiet")),
        ...(await lines("network", "ls", "--quiet")),
    ];
}

const runningIds = async () => (await engine.docker(["ps", "--quiet", "--no-trunc"])).split("\n").sort();
const stackTrace = /^\s+at .*:\d+:\d+/m;

onPrivateEngine(
    "an engine whose disk is nearly full refuses a deploy, and nothing of it is changed [R10]",
    async () => {
        await project.edit("small.yml", /REDIS_MAXMEMORY: 64mb/g, "REDIS_MAXMEMORY: 65mb");
        const before = await engineState();
        engine.disk.fill(100e6);
        const refused = await inside("node", ["automation/main.ts", "deploy"]);
        engine.disk.empty();
        expect([refused.code, refused.output]).toEqual([30, expect.stringContaining("refused before any change")]);
        expect(refused.output).toContain(`only 0.1 GB are free on the disk of the engine (${engine.dataRoot})`);
        expect(refused.output).toContain(`plumbline:preflight.diskFreeGb asks for ${diskFreeGb}`);
        expect(refused.output).not.toMatch(stackTrace);
        expect(await engineState()).toEqual(before);
    },
    120_000,
);

onPrivateEngine(
    "a disk of the reports that fills up in the middle of a deploy: all is put back and said so; with room it goes through [R90, R95]",
    async () => {
        const reports = path.join(project.folder, "infrastructure/reports/local");
        const before = await runningIds();
        const disk = await SmallDisk.over(reports, 4);
        try {
            const deploying = inside("node", ["automation/main.ts", "deploy"]);
            const timeline = path.join(reports, "timeline.jsonl");
            await untilTimelineHas(timeline, '"event":"step-begin"');
            disk.fillUp(timeline);
            const failed = await deploying;
            expect([failed.code, failed.output]).toEqual([10, expect.stringContaining("rolled back")]);
            expect(failed.output).toContain("infrastructure/reports/local/timeline.jsonl cannot be written: ENOSPC");
            expect(failed.output).toContain("runs as before, proven");
            expect(failed.output).not.toMatch(stackTrace);
            expect(await runningIds()).toEqual(before);
        } finally {
            await disk.dispose();
        }
        const deployed = await inside("node", ["automation/main.ts", "deploy"]);
        expect([deployed.code, deployed.output]).toEqual([0, expect.stringContaining("local: committed")]);
        expect(await running()).toEqual(["edge", "first", "second"]);
    },
    240_000,
);

async function untilTimelineHas(file: string, words: string): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!(await readFile(file, "utf8").catch(() => "")).includes(words)) {
        if (Date.now() > deadline) throw new Error(`${file} never had ${words}`);
        await sleep(20);
    }
}
