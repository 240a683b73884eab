/** A foreign project with replicas: only its compose file and its stack file are ever changed. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ask, expectCode, expectSettled, foreignProject, whileVisited } from "../support/foreign-project.ts";
import type { Project } from "../support/project.ts";

const compose = "docker-compose.yml";
let project: Project;

beforeAll(async () => {
    project = await foreignProject("replicas");
    await expectCode(project, 0, ["deploy"]);
}, 960_000);

afterAll(() => project.dispose(), 120_000);

/** The hosts that answer, in the order of their first answer. */
async function hosts(times = 12): Promise<string[]> {
    const found = new Set<string>();
    for (let count = 0; count < times; count++) found.add((await ask(project)).host);
    return [...found];
}

const startedAt = async (container: string) =>
    project.docker(["inspect", "--format", "{{.State.StartedAt}}", container]);

test("is deployed: every replica answers in turn, and what runs is what its file says [R03]", async () => {
    const found = await project.containers("local");
    expect(Object.keys(found).sort()).toEqual(["edge", "web", "web-2", "worker", "worker-2"]);
    expect(await hosts()).toHaveLength(2);
    await expectCode(project, 0, ["validate"]);
    await expectSettled(project);
});

test("has all replicas switched at once: nobody meets the old version after the new one [R03] [R90] [R91]", async () => {
    const before = await project.containers("local");
    await project.edit(compose, 'VERSION: "1"', 'VERSION: "2"');
    const visitor = await whileVisited(project, () => expectCode(project, 0, ["deploy"]), ["1", "2"]);
    expect(new Set(visitor.answers.flat().map(({ host }) => host)).size).toBe(4);
    const { web, worker, ...after } = await project.containers("local");
    expect([web, after["web-2"]]).not.toEqual([before.web, before["web-2"]]);
    expect([worker, after["worker-2"], after.edge]).toEqual([before.worker, before["worker-2"], before.edge]);
    expect(await hosts()).toHaveLength(2);
});

test("keeps the replicas that serve when the next ones do not start [R03] [R90] [R91]", async () => {
    const before = await project.containers("local");
    await project.edit(compose, 'VERSION: "2"', 'VERSION: "3"\n      BROKEN: "yes"');
    await whileVisited(project, () => expectCode(project, 10, ["deploy"]), ["2"]);
    expect(await project.containers("local")).toEqual(before);
    await project.edit(compose, 'VERSION: "3"\n      BROKEN: "yes"', 'VERSION: "2"');
    await expectSettled(project);
    expect(await hosts()).toHaveLength(2);
});

test("loses no request when a replica dies, and a deploy brings that one back alone [R91]", async () => {
    const { web = [], ...before } = await project.containers("local");
    const [first = "", second = ""] = [web[0], before["web-2"]?.[0]];
    await whileVisited(project, async () => {
        await project.docker(["kill", second]);
        // Longer than a dead name keeps its address.
        await new Promise((resolve) => setTimeout(resolve, 8_000));
    }, ["2"]);
    expect(await hosts()).toHaveLength(1);
    await expectCode(project, 30, ["status"]);
    const since = await startedAt(first);
    await whileVisited(project, () => expectCode(project, 0, ["deploy"]), ["2"]);
    expect(await hosts()).toHaveLength(2);
    expect([await project.containers("local"), await startedAt(first)]).toEqual([{ web, ...before }, since]);
});

test("gets more replicas and fewer without touching those that stay [R03] [R91]", async () => {
    const two = await project.containers("local");
    const first = two.web?.[0] ?? "";
    const since = await startedAt(first);
    await project.edit(compose, "replicas: 2", "replicas: 3");
    await whileVisited(project, () => expectCode(project, 0, ["deploy"]), ["2"]);
    const { "web-3": third, ...others } = await project.containers("local");
    expect([third?.length, others]).toEqual([1, two]);
    expect(await hosts()).toHaveLength(3);
    await project.edit(compose, "replicas: 3", "replicas: 1");
    await whileVisited(project, () => expectCode(project, 0, ["deploy"]), ["2"]);
    const { "web-2": _gone, ...left } = two;
    expect([await project.containers("local"), await startedAt(first)]).toEqual([left, since]);
    expect(await hosts()).toHaveLength(1);
    await expectSettled(project);
});
