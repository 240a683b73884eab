/** A foreign project with a migration: a job that runs once for each of its revisions, before the service that waits for it. */
import { spawn } from "node:child_process";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ask, expectCode, expectSettled, foreignProject, whileVisited } from "../support/foreign-project.ts";
import type { Project } from "../support/project.ts";

const compose = "docker-compose.yml";
let project: Project;

beforeAll(async () => {
    project = await foreignProject("migration");
    await expectCode(project, 0, ["deploy"]);
}, 960_000);

afterAll(() => project.dispose(), 120_000);

/** How often the job has run, by its version, as the database knows. */
const runs = async () => Object.fromEntries((await ask(project)).runs ?? []);
const stateOfJob = async () => {
    const format = "{{.State.Status}} {{.State.ExitCode}}";
    return project.docker(["inspect", "--format", format, await project.container("local", "migrate")]);
};

test("is deployed: the job has ended before the service that waits for it began [R03] [R07]", async () => {
    expect(await runs()).toEqual({ "schema 1": 1 });
    expect(await stateOfJob()).toBe("exited 0");
    const times = (service: string, field: string) =>
        project
            .container("local", service)
            .then((id) => project.docker(["inspect", "--format", `{{.State.${field}}}`, id]));
    const [ended, began] = [await times("migrate", "FinishedAt"), await times("web", "StartedAt")];
    expect(Date.parse(ended)).toBeLessThanOrEqual(Date.parse(began));
    await expectCode(project, 0, ["validate"]);
    await expectSettled(project);
});

test("does not run the job again when another service changes [R03] [R90] [R91]", async () => {
    await project.edit(compose, 'VERSION: "1"', 'VERSION: "2"');
    await whileVisited(project, () => expectCode(project, 0, ["deploy"]), ["1", "2"]);
    expect(await runs()).toEqual({ "schema 1": 1 });
});

test("runs the job once when it has changed, and no request fails [R03] [R90] [R91]", async () => {
    const web = await project.container("local", "web");
    await project.edit(compose, 'VERSION: "schema 1"', 'VERSION: "schema 2"');
    await whileVisited(project, () => expectCode(project, 0, ["deploy"]), ["2"]);
    expect(await runs()).toEqual({ "schema 1": 1, "schema 2": 1 });
    expect(await project.container("local", "web")).toBe(web);
});

test("keeps everything when the job fails, and says its last words [R03] [R90] [R91]", async () => {
    const before = await project.containers("local");
    await project.edit(compose, 'VERSION: "schema 2"', 'VERSION: "schema 3"\n      BROKEN: "yes"');
    await project.edit(compose, 'VERSION: "2"', 'VERSION: "3"\n      BROKEN: ""');
    await whileVisited(project, async () => {
        const { output } = await expectCode(project, 10, ["deploy"]);
        expect(output).toContain("migrate stopped by itself with exit code 1");
        expect(output).toContain("relation documents does not exist");
    }, ["2"]);
    expect(await project.containers("local")).toEqual(before);
    expect(await runs()).toEqual({ "schema 1": 1, "schema 2": 1 });
    await project.edit(compose, 'VERSION: "schema 3"\n      BROKEN: "yes"', 'VERSION: "schema 2"');
    await project.edit(compose, 'VERSION: "3"\n      BROKEN: ""', 'VERSION: "2"');
    await expectSettled(project);
});

test("leaves no job half way when the deployer is killed in the middle of it, and runs it to its end afterwards [R90]", async () => {
    const before = await project.containers("local");
    await project.edit(compose, 'VERSION: "schema 2"', 'VERSION: "schema 4"\n      SECONDS_TO_RUN: "60"');
    await whileVisited(project, async () => {
        const node = path.join(project.folder, "node_modules/.bin/node");
        const deployer = spawn(node, ["automation/main.ts", "deploy"], {
            cwd: project.folder,
            env: project.environment(),
            stdio: "ignore",
            detached: true,
        });
        const ended = new Promise((resolve) => deployer.once("exit", resolve));
        await until(async () => (await listed("service=migrate")).length === 1);
        if (deployer.pid !== undefined) process.kill(-deployer.pid, "SIGKILL");
        await ended;
        // The guard ends the transaction; the command mends the state.
        await until(async () => (await listed("--all", "role=transaction")).length === 0);
        await expectCode(project, 0, ["recover"]);
    }, ["2"]);
    expect(await listed("service=migrate")).toEqual([]);
    expect(await project.containers("local")).toEqual(before);
    await project.edit(compose, 'SECONDS_TO_RUN: "60"', 'SECONDS_TO_RUN: "1"');
    await expectCode(project, 0, ["deploy"]);
    expect(await runs()).toEqual({ "schema 1": 1, "schema 2": 1, "schema 4": 1 });
});

test("does not run the job of an earlier release again when that one is put back [R03] [R90] [R91]", async () => {
    await whileVisited(project, () => expectCode(project, 0, ["rollback"]), ["2"]);
    expect(await runs()).toEqual({ "schema 1": 1, "schema 2": 1, "schema 4": 1 });
    expect(await stateOfJob()).toBe("created 0");
    await expectCode(project, 0, ["status"]);
    await expectCode(project, 0, ["validate"]);
});

/** Containers of the stack with a label of ours, as in `service=web`; those that run, unless `--all` is said. */
async function listed(...words: readonly string[]): Promise<string[]> {
    const labels = [`project=${project.place("local").project}`, ...words.filter((word) => !word.startsWith("--"))];
    const filters = labels.flatMap((label) => ["--filter", `label=plumbline.${label}`]);
    const ids = await project.docker(["ps", "--quiet", ...words.filter((word) => word.startsWith("--")), ...filters]);
    return ids.split("\n").filter(Boolean);
}

async function until(reached: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 300; attempt++) {
        if (await reached()) return;
        await sleep(200);
    }
    throw new Error("it did not come to that within a minute");
}
