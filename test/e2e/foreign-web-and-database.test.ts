/** A foreign project of a web service and a database: only its compose file and its stack file are ever changed. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ask, expectCode, expectSettled, foreignProject, whileVisited } from "../support/foreign-project.ts";
import type { Project } from "../support/project.ts";

let project: Project;

beforeAll(async () => {
    project = await foreignProject("web-and-database");
    await expectCode(project, 0, ["deploy"]);
}, 960_000);

afterAll(() => project.dispose(), 120_000);

test("is deployed, and what runs is what its file says [R03] [R07]", async () => {
    expect(await ask(project)).toMatchObject({ version: "1", runs: [] });
    const found = await project.containers("local");
    expect(Object.keys(found).sort()).toEqual(["db", "edge", "web"]);
    await expectCode(project, 0, ["validate"]);
    await expectSettled(project);
});

test("is updated as a whole, its database handed over, and no request fails [R03] [R90] [R91]", async () => {
    const [before, database] = [await project.containers("local"), await project.container("local", "db")];
    await project.edit("docker-compose.yml", "max_connections=50", "max_connections=60");
    await project.edit("docker-compose.yml", 'VERSION: "1"', 'VERSION: "2"');
    await whileVisited(project, () => expectCode(project, 0, ["deploy"]), ["1", "2"]);
    expect(await project.container("local", "db")).not.toBe(database);
    expect((await project.containers("local")).edge).toEqual(before.edge);
    await expectSettled(project);
});

test("keeps the version that serves when the next one does not start [R03] [R90] [R91]", async () => {
    const before = await project.containers("local");
    await project.edit("docker-compose.yml", 'VERSION: "2"', 'VERSION: "3"\n      BROKEN: "yes"');
    await project.edit("docker-compose.yml", "max_connections=60", "max_connections=70");
    await whileVisited(project, async () => {
        const { output } = await expectCode(project, 10, ["deploy"]);
        expect(output).toContain("the setting BROKEN keeps this version from starting");
    }, ["2"]);
    expect(await project.containers("local")).toEqual(before);
    await project.edit("docker-compose.yml", 'VERSION: "3"\n      BROKEN: "yes"', 'VERSION: "2"');
    await project.edit("docker-compose.yml", "max_connections=70", "max_connections=60");
    await expectSettled(project);
    const again = await expectCode(project, 0, ["deploy"]);
    expect(again.stdout).toContain("local: nothing to do");
    expect(await project.containers("local")).toEqual(before);
});
