/**
 * The Pulumi programs that Plumbline is compared with, run beside it with the same tools, plugins and Node, in the environment that a
 * Pulumi user has: without the place where Plumbline lets Node keep what it has compiled, and with every module loaded at once.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Project, type Ran, run } from "../test/support/project.ts";
import { assertGood } from "./projects.ts";

const stack = "bench";
const timeoutMs = 120_000;

/** A program of `bench/` in a project's copy, with a state of its own. */
export class ComparedProgram {
    readonly #folder: string;
    readonly #env: Readonly<Record<string, string>>;
    readonly #state: string;

    private constructor(folder: string, env: Readonly<Record<string, string>>, state: string) {
        this.#folder = folder;
        this.#env = env;
        this.#state = state;
    }

    /** @param name folder of the program in `bench/` */
    static async create(
        project: Project,
        name: string,
        env: Readonly<Record<string, string>> = {},
    ): Promise<ComparedProgram> {
        const state = await mkdtemp(path.join(tmpdir(), "plumbline-bench-state-"));
        const { NODE_COMPILE_CACHE: _, NODE_OPTIONS: __, ...usual } = project.environment();
        const all = { ...usual, ...env, PULUMI_BACKEND_URL: `file://${state}` };
        const program = new ComparedProgram(path.join(project.folder, "bench", name), all, state);
        const ran = await program.pulumi(["stack", "init", stack]);
        if (ran.code !== 0) await rm(state, { recursive: true, force: true });
        assertGood(ran, `pulumi stack init of ${name}`);
        return program;
    }

    pulumi(args: readonly string[]): Promise<Ran> {
        return run("pulumi", [...args, "--non-interactive"], { cwd: this.#folder, env: this.#env, timeoutMs });
    }

    /** Milliseconds that a command took. @throws Error when it failed */
    async time(args: readonly string[]): Promise<number> {
        const began = performance.now();
        const ran = await this.pulumi([...args, "--stack", stack]);
        const ms = performance.now() - began;
        assertGood(ran, `pulumi ${args.join(" ")}`);
        return ms;
    }

    async dispose(): Promise<void> {
        await this.pulumi(["destroy", "--yes", "--skip-preview", "--stack", stack]);
        await rm(this.#state, { recursive: true, force: true });
    }
}
