/**
 * The engine crashes and comes back: what it did not bring up again is shown by a plan and mended by an update. On an engine
 * of the test's own, named by `docker:host`, with another baseline of two services, from the same program.
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { PrivateEngine, whyNoPrivateEngine } from "../support/private-engine.ts";
import { Project, type Ran, run, workingTree } from "../support/project.ts";

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

let engine: PrivateEngine;
let project: Project;
const images: string[] = [];

/** A command in the project's folder, in the engine's network. */
const inside = (command: string, args: readonly string[]): Promise<Ran> =>
    engine.run(command, args, { cwd: project.folder, env: project.environment(), timeoutMs: 240_000 });

const running = async () =>
    (await engine.docker(["ps", "--format", '{{.Label "plumbline.service"}}'])).split("\n").filter(Boolean).sort();

beforeAll(async () => {
    if (why !== null) return;
    engine = await PrivateEngine.start();
    project = await Project.create({ env: { DOCKER_HOST: engine.host } });
    const place = await project.claim("local", { "docker:host": engine.host, "plumbline:composeFile": "small.yml" });
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
        expect([again.code, again.output]).toEqual([0, expect.any(String)]);
    },
);

onPrivateEngine(
    "after a crash of the engine `preview --refresh` shows what is down, and `up --refresh` mends it",
    async () => {
        await engine.kill();
        await engine.boot();
        // Engines differ in what they bring back after a crash; whatever is down must show, and only then.
        const down = 3 - (await running()).length;
        const shown = await inside("pulumi", ["preview", "--refresh", "--expect-no-changes", "--stack", "local"]);
        expect([down > 0, shown.code !== 0, shown.output]).toEqual([down > 0, down > 0, expect.any(String)]);
        const status = await inside("node", ["automation/main.ts", "status"]);
        expect(status.code).toBe(down > 0 ? 30 : 0);

        const mended = await inside("pulumi", ["up", "--refresh", "--yes", "--stack", "local"]);
        expect([mended.code, mended.output]).toEqual([0, expect.any(String)]);
        expect(await running()).toEqual(["edge", "first", "second"]);
        const again = await inside("pulumi", ["preview", "--refresh", "--expect-no-changes", "--stack", "local"]);
        expect([again.code, again.output]).toEqual([0, expect.any(String)]);
        expect((await inside("node", ["automation/main.ts", "status"])).code).toBe(0);
    },
    360_000,
);
