/**
 * The two sides of a comparison, each on its own names and ports: a throw-away copy of this project, deployed by our command, and the
 * same compose file with the same images, run by plain `docker-compose up -d --wait`.
 */
import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { baselinePorts, freeOffset, Project, type Ran, run, workingTree } from "../test/support/project.ts";
import { toolEnvironment } from "../toolchain/environment.ts";
import { type Change, changed, forCompose } from "./baseline.ts";
import { ContainerEvents } from "./events.ts";

export const stack = "local";

/** Longest time of one deployment, in milliseconds; the slow start and the bake fit in. */
const deployTimeoutMs = 300_000;
const composeTimeoutMs = 180_000;

/** The same for all load cases, so that they can be compared; the bake is longer than a failure within it takes to come. */
export const rolloutSettings = {
    "plumbline:rollout": { bakeSeconds: 25, bakeIntervalSeconds: 0.5, gateLoadSeconds: 5 },
};

/** How a change went. */
export interface Changed {
    readonly ran: Ran;
    readonly ms: number;
}

/** What is measured: something that runs the baseline and can be brought to a changed one. */
export interface Side {
    readonly name: "plumbline" | "compose";
    /** Where the api is. */
    readonly origin: string;
    /** A bearer token that may everything. */
    readonly token: string;
    readonly postgres: { readonly port: number; readonly password: string };
    /** Carries a change out. Never throws for its failure. */
    change(change: Change): Promise<Changed>;
    /** Leaves the last change in place for the next one; not called, the next change begins with taking it back. */
    keep(): void;
    /** Brings back the state before a change that was not kept. Not measured. */
    restore(): Promise<void>;
    events(): ContainerEvents;
    dispose(): Promise<void>;
}

/** A copy of this project, deployed. */
export class PlumblineSide implements Side {
    readonly name = "plumbline";
    readonly project: Project;
    readonly origin: string;
    #token = "";
    #password = "";
    /** The compose file that runs, and the one that was tried. */
    #base = "";
    #tried = "";
    #committed = true;

    private constructor(project: Project) {
        this.project = project;
        this.origin = `http://127.0.0.1:${project.port(stack, "api")}`;
    }

    /** Copies the project, claims names and ports, and deploys once. */
    static async create(settings: Readonly<Record<string, unknown>> = rolloutSettings): Promise<PlumblineSide> {
        const project = await Project.create();
        try {
            await project.claim(stack, settings);
            const side = new PlumblineSide(project);
            side.#base = await project.read("docker-compose.yml");
            await side.#deployFirst();
            return side;
        } catch (error) {
            await project.dispose();
            throw error;
        }
    }

    /** Destroys everything, data too, and deploys again; returns the milliseconds of the deployment. */
    async deployAfresh(): Promise<number> {
        const destroyed = await this.project.command(["destroy", "--volumes", "--yes"], { timeoutMs: deployTimeoutMs });
        assertGood(destroyed, "destroy");
        return await this.#deployFirst();
    }

    /** Images that are not there yet are built by it. */
    async #deployFirst(): Promise<number> {
        const began = performance.now();
        const ran = await this.project.command(["deploy"], { timeoutMs: deployTimeoutMs * 2 });
        const ms = performance.now() - began;
        assertGood(ran, "the first deployment");
        const secrets = await this.project.secrets(stack);
        this.#token = secrets.SERVICE_ROLE_KEY ?? "";
        this.#password = secrets.POSTGRES_PASSWORD ?? "";
        return ms;
    }

    get token(): string {
        return this.#token;
    }

    get postgres(): Side["postgres"] {
        return { port: this.project.port(stack, "postgres"), password: this.#password };
    }

    async change(change: Change): Promise<Changed> {
        await this.write(change);
        const began = performance.now();
        const ran = await this.project.command(["deploy"], { timeoutMs: deployTimeoutMs });
        this.#committed = ran.code === 0;
        return { ran, ms: performance.now() - began };
    }

    /** Writes a change to the compose file, for a command that the caller runs. */
    async write(change: Change): Promise<void> {
        this.#tried = changed(this.#base, change, newMark());
        await writeFile(path.join(this.project.folder, "docker-compose.yml"), this.#tried);
    }

    keep(): void {
        // What was undone is not what runs.
        if (this.#committed) this.#base = this.#tried;
    }

    async restore(): Promise<void> {
        await writeFile(path.join(this.project.folder, "docker-compose.yml"), this.#base);
        if (!this.#committed) return; // It was undone: the release of before runs.
        assertGood(await this.project.command(["deploy"], { timeoutMs: deployTimeoutMs }), "the way back");
    }

    events(): ContainerEvents {
        const label = `plumbline.project=${this.project.place(stack).project}`;
        return new ContainerEvents(label, "plumbline.service", this.project.environment());
    }

    /** The compose file that runs. */
    get baseline(): string {
        return this.#base;
    }

    /** Image of each service, as it runs. */
    async images(): Promise<Record<string, string>> {
        const { services } = await this.project.summary(stack);
        return Object.fromEntries(services.map(({ name, image }) => [name, image]));
    }

    dispose(): Promise<void> {
        return this.project.dispose();
    }
}

/** Plain compose with the same file and the same images. */
export class ComposeSide implements Side {
    readonly name = "compose";
    readonly origin: string;
    readonly token: string;
    readonly postgres: Side["postgres"];
    readonly #folder: string;
    readonly #project: string;
    #base: string;
    #tried: string;

    private constructor(folder: string, text: string, variables: ReadonlyMap<string, string>, offset: number) {
        this.#folder = folder;
        this.#project = `plumbline_bench_${randomBytes(4).toString("hex")}`;
        this.#base = text;
        this.#tried = text;
        this.origin = `http://127.0.0.1:${baselinePorts.api + offset}`;
        this.token = variables.get("SERVICE_ROLE_KEY") ?? "";
        this.postgres = {
            port: baselinePorts.postgres + offset,
            password: variables.get("POSTGRES_PASSWORD") ?? "",
        };
    }

    /** Writes the compose file for plain compose, without starting anything. */
    static async prepare(baseline: string, images: Readonly<Record<string, string>>): Promise<ComposeSide> {
        const folder = await mkdtemp(path.join(tmpdir(), "plumbline-bench-compose-"));
        await copyFile(path.join(workingTree, ".env"), path.join(folder, ".env"));
        const variables = parseVariables(await readFile(path.join(folder, ".env"), "utf8"));
        const offset = await freeOffset();
        return new ComposeSide(folder, forCompose(baseline, images, offset), variables, offset);
    }

    /** `docker-compose up -d --wait` of the file as it is. */
    async up(): Promise<Changed> {
        await writeFile(path.join(this.#folder, "docker-compose.yml"), this.#tried);
        const began = performance.now();
        const ran = await this.#compose(["up", "--detach", "--wait"]);
        return { ran, ms: performance.now() - began };
    }

    async change(change: Change): Promise<Changed> {
        this.#tried = changed(this.#base, change, newMark());
        return await this.up();
    }

    keep(): void {
        this.#base = this.#tried;
    }

    async restore(): Promise<void> {
        this.#tried = this.#base;
        const { ran } = await this.up();
        assertGood(ran, "compose's way back");
    }

    events(): ContainerEvents {
        const label = `com.docker.compose.project=${this.#project}`;
        return new ContainerEvents(label, "com.docker.compose.service", this.#environment());
    }

    /** Removes everything, data too. */
    async down(): Promise<void> {
        assertGood(await this.#compose(["down", "--volumes", "--timeout", "5"]), "docker-compose down");
    }

    async dispose(): Promise<void> {
        await this.down();
        await rm(this.#folder, { recursive: true, force: true });
    }

    #compose(args: readonly string[]): Promise<Ran> {
        return run("docker-compose", ["--project-name", this.#project, ...args], {
            cwd: this.#folder,
            env: this.#environment(),
            timeoutMs: composeTimeoutMs,
        });
    }

    #environment(): Record<string, string> {
        const variables = new Set(["PATH", "HOME", "DOCKER_HOST", "TMPDIR"]);
        return Object.fromEntries(
            Object.entries(toolEnvironment(workingTree, process.env)).filter(([name]) => variables.has(name)),
        );
    }
}

/** Both sides, running the same. */
export class Sides {
    readonly plumbline: PlumblineSide;
    readonly compose: ComposeSide;

    private constructor(plumbline: PlumblineSide, compose: ComposeSide) {
        this.plumbline = plumbline;
        this.compose = compose;
    }

    static async create(): Promise<Sides> {
        const plumbline = await PlumblineSide.create();
        let compose: ComposeSide | undefined;
        try {
            compose = await ComposeSide.prepare(plumbline.baseline, await plumbline.images());
            assertGood((await compose.up()).ran, "compose's first start");
            return new Sides(plumbline, compose);
        } catch (error) {
            await Promise.allSettled([plumbline.dispose(), compose?.dispose()]);
            throw error;
        }
    }

    async dispose(): Promise<void> {
        const ends = await Promise.allSettled([this.plumbline.dispose(), this.compose.dispose()]);
        for (const end of ends) if (end.status === "rejected") process.stderr.write(`${String(end.reason)}\n`);
    }
}

/** @throws Error with everything that the command printed, when it failed */
export function assertGood(ran: Ran, what: string): void {
    if (ran.code !== 0) throw new Error(`${what} failed (exit code ${ran.code}):\n${ran.output}`);
}

export function newMark(): string {
    return randomBytes(4).toString("hex");
}

function parseVariables(text: string): Map<string, string> {
    return new Map(
        text.split("\n").flatMap((line): [string, string][] => {
            const [, name = "", value = ""] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
            return name === "" ? [] : [[name, value]];
        }),
    );
}
