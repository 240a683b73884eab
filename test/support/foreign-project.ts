/**
 * A foreign project: the working tree in which nothing was changed but the compose file, the stack file, and the image
 * folders that these name. And somebody who visits it all the time.
 */
import { cp } from "node:fs/promises";
import { request } from "node:http";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "@jest/globals";
import { expectExit } from "./ended.ts";
import { Project, type Ran, workingTree } from "./project.ts";

const fixtures = path.join(workingTree, "test/fixtures/compose");

/** A project with the files of test/fixtures/compose/NAME, its stack `local` on free ports. */
export async function foreignProject(name: string): Promise<Project> {
    const project = await Project.create();
    for (const file of ["docker-compose.yml", "Pulumi.local.yaml"]) {
        await cp(path.join(fixtures, name, file), path.join(project.folder, file));
    }
    await cp(path.join(fixtures, "images"), path.join(project.folder, "images"), { recursive: true });
    await project.claim("local");
    return project;
}

/** Runs a command and fails the test with its output when it ends otherwise. */
export async function expectCode(project: Project, code: number, args: readonly string[]): Promise<Ran> {
    const ran = await project.command(args, { timeoutMs: 600_000 });
    expectExit(ran, code);
    return ran;
}

/** Nothing differs: not by the state, not by the engine, and the plan is empty. */
export async function expectSettled(project: Project): Promise<void> {
    await expectCode(project, 0, ["status"]);
    const ran = await expectCode(project, 0, ["preview", "--json", "--refresh"]);
    const { plan } = JSON.parse(ran.stdout) as { plan: unknown };
    expect(plan).toEqual([]);
}

/** What the app of the fixtures answers. */
export interface Answer {
    readonly version: string;
    readonly host: string;
    /** How often the migration has run, by its version. */
    readonly runs?: readonly (readonly [version: string, count: number])[];
}

/** One answer, on a connection of its own. R91: what takes longer than 5 s has failed. */
export function ask(project: Project): Promise<Answer> {
    return new Promise((resolve, reject) => {
        const options = { port: project.port("local", "api"), agent: false, timeout: 5_000 };
        const question = request({ host: "127.0.0.1", path: "/", ...options }, (answer) => {
            const chunks: Buffer[] = [];
            answer.on("data", (chunk: Buffer) => chunks.push(chunk));
            answer.once("error", reject);
            answer.once("end", () => {
                const text = Buffer.concat(chunks).toString();
                if (answer.statusCode !== 200) return reject(new Error(`${answer.statusCode}: ${text}`));
                resolve(JSON.parse(text) as Answer);
            });
        });
        question.once("timeout", () => question.destroy(new Error("no answer within 5 s")));
        question.once("error", reject);
        question.end();
    });
}

/** Asks again and again, two requests at a time, and remembers everything. */
export class Visitor {
    /** By each of the two, in the order in which they were asked for. */
    readonly answers: readonly Answer[][] = [[], []];
    readonly failed: string[] = [];
    #ended = false;
    readonly #loops: readonly Promise<void>[];

    constructor(project: Project) {
        this.#loops = this.answers.map((answers) => this.#visit(project, answers));
    }

    async #visit(project: Project, answers: Answer[]): Promise<void> {
        while (!this.#ended) {
            const asked = new Date().toISOString();
            try {
                answers.push(await ask(project));
            } catch (error) {
                this.failed.push(`${asked} ${String(error)}`);
            }
            await sleep(60);
        }
    }

    /** Ends the visit. @returns the versions that answered, each time that another one did */
    async end(): Promise<string[][]> {
        this.#ended = true;
        await Promise.all(this.#loops);
        return this.answers.map((answers) =>
            answers.map(({ version }) => version).filter((version, index, all) => version !== all[index - 1]),
        );
    }
}

/** Runs a command while somebody visits: no request may fail, and each visitor sees the versions in this order. */
export async function whileVisited(
    project: Project,
    act: () => Promise<unknown>,
    versions: readonly string[],
): Promise<Visitor> {
    const visitor = new Visitor(project);
    let seen: string[][] = [];
    try {
        await act();
    } finally {
        seen = await visitor.end();
    }
    expect(visitor.failed).toEqual([]);
    expect(Math.min(...visitor.answers.map(({ length }) => length))).toBeGreaterThan(10);
    expect(seen).toEqual([versions, versions]);
    return visitor;
}
