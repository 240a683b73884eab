/**
 * A project folder of its own for end-to-end tests: a copy of the working tree with its own state, stacks, names and ports,
 * in which commands run as a user types them. `dispose` removes whatever the copy has made on the engine.
 */
import { execFile, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { localPassphrase } from "../../release/settings.ts";
import type { StackName } from "../../release/settings-schema.ts";
import type { RolloutOutcome } from "../../rollout/outcome.ts";
import { toolEnvironment } from "../../toolchain/environment.ts";
import { toolPaths } from "../../toolchain/paths.ts";

const exec = promisify(execFile);

/** The working tree under test. */
export const workingTree = path.dirname(path.dirname(import.meta.dirname));

/** Every port that the baseline publishes, its gateway's and the probe listener's, before any offset. */
export const baselinePorts = {
    api: 8000,
    worker: 8001,
    storage: 5000,
    postgres: 54322,
    redis: 6379,
    supabase: 54321,
    probe: 54390,
} as const;

/** How a command ended. */
export interface Ran {
    /** Null when it was ended because its time was over. */
    readonly code: number | null;
    readonly stdout: string;
    readonly stderr: string;
    /** Both, for a failed expectation to show. */
    readonly output: string;
}

export interface RunOptions {
    readonly env?: Readonly<Record<string, string | undefined>>;
    /** Longest time; the whole process group is ended after it. @default 180000 */
    readonly timeoutMs?: number;
    readonly cwd?: string;
}

/** One stack of a project: its names and where its ports are. */
export interface StackPlace {
    /** Compose project name. */
    readonly project: string;
    readonly offset: number;
}

/**
 * Runs a command and collects what it prints. Never throws for its exit code.
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const child = spawn(command, args, {
        cwd: options.cwd ?? workingTree,
        env: definedOnly(options.env ?? process.env),
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
    });
    const chunks: { readonly from: "stdout" | "stderr"; readonly data: Buffer }[] = [];
    child.stdout.on("data", (data: Buffer) => chunks.push({ from: "stdout", data }));
    child.stderr.on("data", (data: Buffer) => chunks.push({ from: "stderr", data }));
    const timer = setTimeout(() => {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, options.timeoutMs ?? 180_000);
    try {
        const code = await new Promise<number | null>((resolve, reject) => {
            child.once("error", reject);
            child.once("close", resolve);
        });
        const text = (from?: string) =>
            Buffer.concat(chunks.flatMap((chunk) => (from === undefined || chunk.from === from ? [chunk.data] : [])));
        return {
            code,
            stdout: text("stdout").toString("utf8"),
            stderr: text("stderr").toString("utf8"),
            output: `$ ${command} ${args.join(" ")}\n${text().toString("utf8")}`,
        };
    } finally {
        clearTimeout(timer);
    }
}

/** A copy of the project in a temporary folder. */
export class Project {
    readonly folder: string;
    readonly mark: string;
    readonly #stacks = new Map<StackName, StackPlace>();
    /** Added to the environment of every command, as DOCKER_HOST for another engine. */
    readonly #extra: Readonly<Record<string, string>>;

    private constructor(folder: string, mark: string, extra: Readonly<Record<string, string>>) {
        this.folder = folder;
        this.mark = mark;
        this.#extra = extra;
    }

    /** Copies the working tree: what git tracks and what it would, not what it ignores. */
    static async create(options: { readonly env?: Readonly<Record<string, string>> } = {}): Promise<Project> {
        const mark = randomBytes(4).toString("hex");
        const folder = await realpath(await mkdtemp(path.join(tmpdir(), `plumbline-e2e-${mark}-`)));
        const project = new Project(folder, mark, options.env ?? {});
        await copyWorkingTree(folder);
        await linkTools(folder);
        return project;
    }

    /** Gives a stack a name and free ports of its own. */
    async claim(stack: StackName, settings: Readonly<Record<string, unknown>> = {}): Promise<StackPlace> {
        const taken = [...this.#stacks.values()].map(({ offset }) => offset);
        const place = { project: `plumbline_e2e_${this.mark}_${stack}`, offset: await freeOffset(taken) };
        this.#stacks.set(stack, place);
        await this.configure(stack, {
            "plumbline:project": place.project,
            "plumbline:ports": { offset: place.offset },
            ...settings,
        });
        return place;
    }

    place(stack: StackName): StackPlace {
        const place = this.#stacks.get(stack);
        if (place === undefined) throw new Error(`the stack ${stack} was not claimed`);
        return place;
    }

    port(stack: StackName, service: keyof typeof baselinePorts): number {
        return baselinePorts[service] + this.place(stack).offset;
    }

    /** Sets keys in a stack's settings file; undefined takes a key out. */
    async configure(stack: StackName, settings: Readonly<Record<string, unknown>>): Promise<void> {
        const file = path.join(this.folder, `Pulumi.${stack}.yaml`);
        const document = parse(await readFile(file, "utf8"));
        document.config = { ...document.config, ...settings };
        await writeFile(file, stringify(document));
    }

    /** Replaces text in a file, and fails when it is not there: a seeded change must really change something. */
    async edit(file: string, from: string | RegExp, to: string): Promise<void> {
        const full = path.join(this.folder, file);
        const before = await readFile(full, "utf8");
        const after = before.replace(from, () => to);
        if (after === before) throw new Error(`${file} does not hold ${String(from)}`);
        await writeFile(full, after);
    }

    /** Makes the image of a service this project's own, so that it can be removed without harm to others. */
    async ownImage(service: string): Promise<void> {
        await appendFile(path.join(this.folder, "services", service, "Dockerfile"), `LABEL ${this.#label}\n`);
    }

    /** Makes the folder a git repository with everything committed. */
    async asRepository(): Promise<void> {
        const script = [
            "git init -q",
            // A link, not a folder: what .gitignore says of it does not hold here.
            "echo node_modules >> .git/info/exclude",
            "git add -A",
            "git -c user.name=test -c user.email=test@localhost commit -qm start",
        ];
        const ran = await this.exec("sh", ["-c", script.join(" && ")]);
        if (ran.code !== 0) throw new Error(ran.output);
    }

    /** `pulumi …` in the environment that `npm run env` gives. */
    pulumi(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
        return this.exec("pulumi", [...args, "--non-interactive"], options);
    }

    /** `node automation/main.ts …`, which is what the npm scripts run after the set-up. */
    command(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
        return this.exec(path.join(this.folder, "node_modules/.bin/node"), ["automation/main.ts", ...args], options);
    }

    /** Any command in the project's folder and environment. */
    exec(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
        return run(command, args, { cwd: this.folder, ...options, env: { ...this.environment(), ...options.env } });
    }

    /** A person's shell after `eval "$(npm run -s env)"`: nothing of the test's own Pulumi or Node settings is in it. */
    environment(): Record<string, string> {
        const base = Object.fromEntries(
            Object.entries(process.env).filter(
                ([name]) => !/^(PULUMI_|PLUMBLINE_|NODE_OPTIONS|JEST_|npm_|NODE_ENV|CI$)/.test(name),
            ),
        );
        return {
            ...toolEnvironment(this.folder, base),
            PULUMI_CONFIG_PASSPHRASE: localPassphrase,
            // Only what is there is used: a test never downloads in the middle of an update.
            PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
            ...this.#extra,
        };
    }

    /** An output of a stack, secrets in clear. */
    async output<T>(stack: StackName, name: string, options: RunOptions = {}): Promise<T> {
        const ran = await this.pulumi(["stack", "output", name, "--json", "--show-secrets", "--stack", stack], options);
        if (ran.code !== 0) throw new Error(ran.output);
        return JSON.parse(ran.stdout) as T;
    }

    summary(stack: StackName): Promise<RolloutOutcome> {
        return this.output(stack, "summary");
    }

    /** The values of a stack's secrets, as `Credentials` holds them. */
    async secrets(stack: StackName, options: RunOptions = {}): Promise<Record<string, string>> {
        const ran = await this.pulumi(["stack", "export", "--show-secrets", "--stack", stack], options);
        if (ran.code !== 0) throw new Error(ran.output);
        const { deployment } = JSON.parse(ran.stdout) as { deployment: { resources: StateResource[] } };
        const credentials = deployment.resources.find(({ urn }) => urn.endsWith("::credentials"));
        const values = credentials?.outputs?.values;
        return (isSecret(values) ? JSON.parse(values.plaintext) : values) as Record<string, string>;
    }

    /** A file of the project, as text. */
    read(file: string): Promise<string> {
        return readFile(path.join(this.folder, file), "utf8");
    }

    /** The containers of a stack, by service; the edge among them, the ledger's helpers not. */
    async containers(stack: StackName): Promise<Record<string, string[]>> {
        const format = '{{.Label "plumbline.service"}} {{.ID}}';
        const filter = `label=plumbline.project=${this.place(stack).project}`;
        const lines = await this.docker(["ps", "--all", "--no-trunc", "--filter", filter, "--format", format]);
        const found: Record<string, string[]> = {};
        for (const line of lines.split("\n").filter((text) => /^\S+ \S+$/.test(text))) {
            const [service = "", id = ""] = line.split(" ");
            found[service] = [...(found[service] ?? []), id];
        }
        return found;
    }

    /** The one container of a service. */
    async container(stack: StackName, service: string): Promise<string> {
        const ids = (await this.containers(stack))[service] ?? [];
        const [id] = ids;
        if (id === undefined || ids.length > 1) throw new Error(`${ids.length} containers of ${service} in ${stack}`);
        return id;
    }

    /** Standard output of a docker command; throws when it fails. */
    async docker(args: readonly string[]): Promise<string> {
        const { stdout } = await exec("docker", args, { env: this.environment(), maxBuffer: 256 * 1024 * 1024 });
        return stdout.trim();
    }

    /** Names of what a stack left on the engine, by kind. */
    async remains(stack: StackName): Promise<{ containers: string[]; networks: string[]; volumes: string[] }> {
        const { project } = this.place(stack);
        const list = async (args: readonly string[]) => (await this.docker(args)).split("\n").filter(Boolean);
        const own = (names: string[]) => names.filter((name) => name.startsWith(`${project}_`)).sort();
        return {
            containers: await list(["ps", "-aq", "--filter", `label=plumbline.project=${project}`]),
            networks: own(await list(["network", "ls", "--format", "{{.Name}}"])),
            volumes: own(await list(["volume", "ls", "--format", "{{.Name}}"])),
        };
    }

    /** Removes everything that this project made: containers, networks, volumes, its own images, its folder. */
    async dispose(): Promise<void> {
        for (const stack of this.#stacks.keys()) {
            const { containers } = await this.remains(stack);
            if (containers.length > 0) await this.docker(["rm", "--force", "--volumes", ...containers]);
            const { networks, volumes } = await this.remains(stack);
            if (networks.length > 0) await this.docker(["network", "rm", ...networks]);
            if (volumes.length > 0) await this.docker(["volume", "rm", ...volumes]);
        }
        const images = await this.docker(["images", "--quiet", "--filter", `label=${this.#label}`]);
        const ids = [...new Set(images.split("\n").filter(Boolean))];
        if (ids.length > 0) await this.docker(["rmi", "--force", ...ids]);
        await rm(this.folder, { recursive: true, force: true });
    }

    get #label(): string {
        return `plumbline.e2e=${this.mark}`;
    }
}

interface StateResource {
    readonly urn: string;
    readonly type: string;
    readonly outputs?: Readonly<Record<string, unknown>>;
}

function isSecret(value: unknown): value is { readonly plaintext: string } {
    return typeof value === "object" && value !== null && "plaintext" in value;
}

async function copyWorkingTree(folder: string): Promise<void> {
    const { stdout } = await exec("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
        cwd: workingTree,
        maxBuffer: 16 * 1024 * 1024,
    });
    for (const file of stdout.split("\0").filter((name) => name !== "" && existsSync(path.join(workingTree, name)))) {
        const to = path.join(folder, file);
        await mkdir(path.dirname(to), { recursive: true });
        await cp(path.join(workingTree, file), to, { verbatimSymlinks: true });
    }
}

/** Packages, tools and plugins are shared with the working tree; Pulumi's home and the state are the copy's own. */
export async function linkTools(folder: string): Promise<void> {
    const tools = toolPaths(workingTree);
    await symlink(path.join(workingTree, "node_modules"), path.join(folder, "node_modules"));
    await mkdir(path.join(folder, ".plumbline/pulumi"), { recursive: true });
    await mkdir(path.join(folder, ".plumbline/state"));
    const links = {
        ".plumbline/bin": tools.bin,
        ".plumbline/stamps": tools.stamps,
        ".plumbline/compiled": tools.compiled,
        ".plumbline/pulumi/plugins": path.join(tools.pulumiHome, "plugins"),
    };
    for (const [link, target] of Object.entries(links)) {
        if (existsSync(target)) await symlink(target, path.join(folder, link));
    }
}

/** Every file below a folder, symbolic links left out. */
export async function filesBelow(folder: string): Promise<string[]> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

/**
 * An offset by which every port of the baseline is free on loopback now, and which none of the given ones is. It leads to
 * no port that a system lends to connections (by default up to 60999), and two different ones never to the same port.
 */
export async function freeOffset(taken: readonly number[] = []): Promise<number> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
        const offset = randomInt(671, 970) * 10;
        if (taken.includes(offset)) continue;
        const free = await Promise.all(Object.values(baselinePorts).map((port) => isFree(port + offset)));
        if (free.every(Boolean)) return offset;
    }
    throw new Error("no offset with free ports was found");
}

function isFree(port: number): Promise<boolean> {
    const server = createServer();
    return new Promise((resolve) => {
        server.once("error", () => resolve(false));
        server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
}

function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
    return Object.fromEntries(
        Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    );
}
