/** A project with the smallest baseline that has a database and something behind it: `store` keeps data, `web` asks it. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { stringify } from "yaml";
import type { CommandResult } from "../../automation/result.ts";
import { isAlive } from "../../rollout/process.ts";
import { Project, type Ran, type RunOptions } from "./project.ts";

export const smallStack = "local";

/** What tells one release of the small baseline from another; see toy/toy.py. */
export interface SmallVersion {
    readonly web?: string;
    readonly store?: string;
    /** How it is broken, as in `exit-at-boot`. */
    readonly webFault?: string;
    readonly storeFault?: string;
    /** Another image of the store, which differs by a label only. */
    readonly storeImage?: string;
    /** Services beside the two, each with a published port: `shelf` keeps data as the store does, `desk` asks the store. */
    readonly more?: readonly ("shelf" | "desk")[];
    /** A smoke test of the web that nothing can pass. */
    readonly smokeFails?: boolean;
}

/** The services of the small baseline, with the ports at which this machine reaches them. */
const baselinePort = { store: "redis", web: "api", shelf: "postgres", desk: "worker" } as const;
export type SmallService = keyof typeof baselinePort;

/** Settings that leave nothing out but waiting and load. */
const quick = {
    "plumbline:composeFile": "small.yml",
    "plumbline:drainSeconds": 1,
    "plumbline:startTimeoutSeconds": { store: 5, web: 60 },
    "plumbline:rollout": { bakeSeconds: 0.5, bakeIntervalSeconds: 0.1, gateLoadSeconds: 0 },
};

/** The processes of an update that can be killed alone, by what their command lines have. */
const partOf = {
    command: /automation\/main\.ts/,
    pulumi: /^pulumi up /,
    provider: /\/dynamic-provider /,
    guard: /rollout\/guard\.ts/,
    /** Pulumi's own helpers, which may outlive it. */
    helpers: /\/plugins\/resource-|pulumi-language-nodejs/,
} as const;
export type Part = keyof typeof partOf;

/** The JSON of a command. */
export type Told<T = unknown> = CommandResult & T & { readonly ran: Ran };

export class SmallProject {
    readonly project: Project;
    readonly #isClone: boolean;
    #settings: Readonly<Record<string, unknown>> = {};

    private constructor(project: Project, isClone: boolean) {
        this.project = project;
        this.#isClone = isClone;
    }

    /** A project with names and ports of its own. @param settings more settings of the stack, as `docker:host` */
    static async create(
        settings: (folder: string) => Readonly<Record<string, unknown>> = () => ({}),
    ): Promise<SmallProject> {
        const small = new SmallProject(await Project.create(), false);
        const more = { ...quick, ...settings(small.project.folder) };
        const { project, offset } = await small.project.claim(smallStack, more);
        small.#settings = { ...more, "plumbline:project": project, "plumbline:ports": { offset } };
        await small.write({});
        return small;
    }

    /** A second clone: another folder with a Pulumi state of its own, for the same stack on the same engine. */
    async clone(): Promise<SmallProject> {
        const other = new SmallProject(await Project.create(), true);
        other.#settings = this.#settings;
        await other.project.configure(smallStack, this.#settings);
        await other.project.exec("cp", [path.join(this.project.folder, "small.yml"), "small.yml"]);
        return other;
    }

    get folder(): string {
        return this.project.folder;
    }

    /** Compose project name. */
    get name(): string {
        return String(this.#settings["plumbline:project"]);
    }

    /** Writes the baseline of a version. */
    async write(version: SmallVersion): Promise<void> {
        const service = (role: string, target: number, published: number, more: Record<string, unknown>) => ({
            build: { context: "./test/support/toy", args: { VARIANT: `${role}-${this.name}` } },
            restart: "unless-stopped",
            networks: ["network"],
            stop_grace_period: "5s",
            ports: [`127.0.0.1:${published}:${target}`],
            ...more,
            "x-plumbline": {
                kind: role === "store" ? "stateful" : "request",
                probes: [
                    {
                        http: {
                            port: target,
                            path: "/health",
                            expect: { json: { status: "ok" }, revisionAt: "revision" },
                        },
                    },
                ],
            },
        });
        const environment = (role: string, port: number, setting = "first", fault = "none") => ({
            TOY_ROLE: role,
            TOY_PORT: String(port),
            TOY_SETTING: setting,
            TOY_FAULT: fault,
        });
        const store = service("store", 7001, 6379, {
            environment: environment("store", 7001, version.store, version.storeFault),
            volumes: ["store_data:/data"],
        });
        store.build.args.VARIANT += `-${version.storeImage ?? "a"}`;
        const web = service("web", 7003, 8000, {
            environment: { ...environment("web", 7003, version.web, version.webFault), TOKEN: "$" + "{TOKEN:?}" },
            depends_on: ["store"],
        });
        const shelf = service("store", 7011, 54322, {
            environment: environment("store", 7011),
            volumes: ["shelf_data:/data"],
        });
        const desk = service("web", 7013, 8001, { environment: environment("web", 7013), depends_on: ["store"] });
        const more = version.more ?? [];
        const hopeless = {
            name: "what nobody answers",
            service: "web",
            method: "GET",
            path: "/nothing",
            expect: { status: 299 },
        };
        const baseline = {
            "x-plumbline": {
                secrets: { TOKEN: { generate: 20 } },
                ...(version.smokeFails === true ? { smoke: [{ ...hopeless, port: 7003 }] } : {}),
            },
            services: {
                store,
                web,
                ...(more.includes("shelf") ? { shelf } : {}),
                ...(more.includes("desk") ? { desk } : {}),
            },
            networks: { network: {} },
            volumes: { store_data: {}, ...(more.includes("shelf") ? { shelf_data: {} } : {}) },
        };
        await writeFile(path.join(this.folder, "small.yml"), stringify(baseline));
    }

    /** Operations that Pulumi's state, as it lies on the disk, has pending. */
    async pendingOperations(): Promise<unknown[]> {
        const file = `.plumbline/state/.pulumi/stacks/plumbline/${smallStack}.json`;
        const { checkpoint } = JSON.parse(await this.project.read(file)) as {
            checkpoint: { latest: { pending_operations?: unknown[] } };
        };
        return checkpoint.latest.pending_operations ?? [];
    }

    /** One of our commands, with its result as JSON. */
    async command<T = unknown>(args: readonly string[], options: RunOptions = {}): Promise<Told<T>> {
        const ran = await this.project.command([...args, "--json"], options);
        try {
            return { ...(JSON.parse(ran.stdout) as CommandResult & T), ran };
        } catch (error) {
            throw new Error(ran.output, { cause: error });
        }
    }

    /** Asks a service through its published port. @param body posted where there is one */
    async ask<T>(service: SmallService, path: string, body?: string): Promise<T> {
        const url = `http://127.0.0.1:${this.project.port(smallStack, baselinePort[service])}${path}`;
        const method = body === undefined ? "GET" : "POST";
        const answer = await request(url, { method, headersTimeout: 10_000, ...(body === undefined ? {} : { body }) });
        return (await answer.body.json()) as T;
    }

    /** The setting that a service reports through its published port. */
    async setting(service: SmallService): Promise<string> {
        return (await this.ask<{ setting: string }>(service, "/health")).setting;
    }

    /** All containers of the stack, by name. */
    async names(): Promise<string[]> {
        const filter = `label=plumbline.project=${this.name}`;
        const out = await this.project.docker(["ps", "--all", "--filter", filter, "--format", "{{.Names}}"]);
        return out.split("\n").filter(Boolean).sort();
    }

    /**
     * `kill -9` of processes that work in the project's folder: commands, Pulumi, its plugins, the providers, the guard.
     * Waits until they are gone: a process that writes to a busy disk outlives the order to end for a while.
     * @returns how many there were
     */
    async kill(which: "all" | "all but the guard" | Part): Promise<number> {
        const meant = this.processes().filter(({ command }) =>
            which in partOf ? partOf[which as Part].test(command) : which === "all" || !partOf.guard.test(command),
        );
        for (const { pid } of meant) {
            try {
                process.kill(pid, "SIGKILL");
            } catch (error) {
                if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
            }
        }
        await until(
            () => meant.every(({ pid }) => !isAlive(pid, "")),
            () => `killed, and still there: ${JSON.stringify(meant)}`,
        );
        return meant.length;
    }

    /** The processes that work in the project's folder. */
    processes(): { readonly pid: number; readonly command: string }[] {
        return readdirSync("/proc").flatMap((entry) => {
            const pid = Number(entry);
            if (!Number.isInteger(pid) || pid === process.pid) return [];
            try {
                if (!readlinkSync(`/proc/${pid}/cwd`).startsWith(this.folder)) return [];
                return [{ pid, command: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ") }];
            } catch {
                return []; // It has ended meanwhile.
            }
        });
    }

    /** Waits until nothing works in the project's folder any more. */
    async untilQuiet(): Promise<void> {
        await until(
            () => this.processes().length === 0,
            () => `still at work: ${JSON.stringify(this.processes())}`,
        );
    }

    async dispose(): Promise<void> {
        await this.kill("all");
        await this.project.dispose();
        if (!this.#isClone) await this.#removeImages();
    }

    /** Its images carry its name, as part of their variant. */
    async #removeImages(): Promise<void> {
        const list = await this.project
            .docker(["images", "--format", "{{.ID}}", "--filter", "label=plumbline.toy"])
            .catch(() => "");
        for (const id of new Set(list.split("\n").filter(Boolean))) {
            const variant = await this.project.docker([
                "image",
                "inspect",
                "--format",
                '{{index .Config.Labels "plumbline.toy"}}',
                id,
            ]);
            if (variant.includes(this.name)) await this.project.docker(["rmi", "--force", id]);
        }
    }
}

/** Two minutes at the most. */
async function until(isTrue: () => boolean, inWords: () => string): Promise<void> {
    for (let asked = 0; !isTrue(); asked += 1) {
        if (asked === 1200) throw new Error(inWords());
        await sleep(100);
    }
}
