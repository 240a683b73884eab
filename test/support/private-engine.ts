/**
 * A Docker engine of a test's own, which it may kill: with its own data, its own socket, and in its own network namespace,
 * so that neither firewall rules nor ports meet those of the machine's engine.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readlinkSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Ran, type RunOptions, run } from "./project.ts";
import { SmallDisk } from "./small-disk.ts";

const exec = promisify(execFile);

/** Why a private engine cannot run on this machine; null when it can. */
export async function whyNoPrivateEngine(): Promise<string | null> {
    if (process.platform !== "linux") return "it needs Linux";
    if (process.getuid?.() !== 0) return "it needs root, for a network namespace";
    for (const tool of ["dockerd", "ip", "iptables", "nsenter", "unshare"]) {
        if (!(await succeeds("sh", ["-c", `command -v ${tool}`]))) return `it needs ${tool} on PATH`;
    }
    const name = `plumbline-try-${randomBytes(3).toString("hex")}`;
    if (!(await succeeds("ip", ["netns", "add", name]))) return "network namespaces cannot be made here";
    await exec("ip", ["netns", "delete", name]);
    return null;
}

export class PrivateEngine {
    readonly #folder: string;
    readonly #name: string;
    /** Keeps the namespaces of network and mounts while no daemon runs, as a machine keeps its own. */
    #holder: ChildProcess | undefined;
    #daemon: ChildProcess | undefined;
    #disk: SmallDisk | undefined;

    private constructor(folder: string, name: string) {
        this.#folder = folder;
        this.#name = name;
    }

    /**
     * Starts an engine without images and containers.
     * @param options.diskMebibytes its data lies on a disk of its own, of that size. @default on the machine's
     */
    static async start(options: { readonly diskMebibytes?: number } = {}): Promise<PrivateEngine> {
        const name = `plumbline-${randomBytes(3).toString("hex")}`;
        const engine = new PrivateEngine(await mkdtemp(path.join(tmpdir(), `${name}-`)), name);
        try {
            if (options.diskMebibytes !== undefined)
                engine.#disk = await SmallDisk.over(engine.dataRoot, options.diskMebibytes);
            await exec("ip", ["netns", "add", name]);
            await exec("ip", ["-n", name, "link", "set", "lo", "up"]);
            const hold = [`--net=/run/netns/${name}`, "unshare", "--mount", "sleep", "12h"];
            engine.#holder = spawn("nsenter", hold, { stdio: "ignore", detached: true });
            const mounts = () => readlinkSync(`/proc/${engine.#holder?.pid}/ns/mnt`);
            while (mounts() === readlinkSync("/proc/self/ns/mnt")) await sleep(20);
            await engine.boot();
            return engine;
        } catch (error) {
            await engine.dispose();
            throw error;
        }
    }

    /** Its address, as in `docker:host`. */
    get host(): string {
        return `unix://${path.join(this.#folder, "docker.sock")}`;
    }

    get dataRoot(): string {
        return path.join(this.#folder, "data");
    }

    /** Where its containerd keeps what a start has begun. */
    bundle(container: string): string {
        return path.join(this.#folder, "exec/containerd/daemon/io.containerd.runtime.v2.task", this.#name, container);
    }

    /** The disk of its own that it was started with. */
    get disk(): SmallDisk {
        if (this.#disk === undefined) throw new Error("this engine has no disk of its own");
        return this.#disk;
    }

    /** Runs a command where the engine's published ports are. */
    run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
        return run("ip", ["netns", "exec", this.#name, command, ...args], options);
    }

    /** The same as words, for a process that is talked to. */
    command(command: string, args: readonly string[]): [string, string[]] {
        return ["ip", ["netns", "exec", this.#name, command, ...args]];
    }

    /** Standard output of a docker command on this engine; throws when it fails. */
    async docker(args: readonly string[]): Promise<string> {
        const { stdout } = await exec("docker", ["--host", this.host, ...args], { maxBuffer: 64 * 1024 * 1024 });
        return stdout.trim();
    }

    /** Brings an image over from the machine's engine. */
    async load(...images: readonly string[]): Promise<void> {
        const copy = `docker save ${images.join(" ")} | docker --host "${this.host}" load`;
        await exec("bash", ["-o", "pipefail", "-c", copy], { maxBuffer: 64 * 1024 * 1024 });
    }

    /** As a crash: the engine has no time to stop or to record anything. */
    async kill(): Promise<void> {
        const pid = Number(await readFile(path.join(this.#folder, "docker.pid"), "utf8"));
        process.kill(pid, "SIGKILL");
        while (existsSync(`/proc/${pid}`)) await sleep(100);
        // Its containerd ends with it. Where nobody reaps orphans the next daemon would take the dead one for alive.
        await rm(path.join(this.#folder, "exec/containerd/containerd.pid"), { force: true });
    }

    /** As an orderly shut-down of the machine: the engine stops its containers, then itself. */
    async stop(): Promise<void> {
        const pid = Number(await readFile(path.join(this.#folder, "docker.pid"), "utf8"));
        if (!(await endsWithin(pid, 60_000))) throw new Error("the private engine did not stop");
    }

    /** Starts the daemon, again after a kill or a stop, and waits for its socket. */
    async boot(): Promise<void> {
        const at = (name: string) => path.join(this.#folder, name);
        const log = openSync(at("dockerd.log"), "a", 0o600);
        const options = [
            ["--data-root", this.dataRoot],
            ["--exec-root", at("exec")],
            ["--pidfile", at("docker.pid")],
            ["--host", this.host],
            ["--containerd-namespace", this.#name],
            ["--containerd-plugins-namespace", `${this.#name}-plugins`],
        ];
        // Not `ip netns exec`, which mounts a /sys without the control groups.
        const inNamespace = ["--target", String(this.#holder?.pid), "--net", "--mount"];
        this.#daemon = spawn("nsenter", [...inNamespace, "dockerd", ...options.flat()], {
            stdio: ["ignore", log, log],
            detached: true,
        });
        closeSync(log);
        for (let attempt = 0; attempt < 300; attempt += 1) {
            if (await succeeds("docker", ["--host", this.host, "info"])) return;
            if (this.#daemon.exitCode !== null) break;
            await sleep(200);
        }
        const said = (await readFile(at("dockerd.log"), "utf8")).split("\n").slice(-40).join("\n");
        throw new Error(`the private engine did not start:\n${said}`);
    }

    /** Ends the engine with all its containers, and removes everything of it. */
    async dispose(): Promise<void> {
        const ids = await this.docker(["ps", "-aq"]).catch(() => "");
        if (ids !== "") await this.docker(["rm", "--force", ...ids.split("\n")]).catch(() => "");
        const pidFile = path.join(this.#folder, "docker.pid");
        const pid = existsSync(pidFile) ? Number(await readFile(pidFile, "utf8")) : 0;
        if (pid > 0 && existsSync(`/proc/${pid}`)) await endsWithin(pid, 15_000);
        // Whatever is left in the namespace was started by this engine: containers have namespaces of their own.
        const { stdout } = await exec("ip", ["netns", "pids", this.#name]).catch(() => ({ stdout: "" }));
        for (const left of stdout.split("\n").filter(Boolean).map(Number)) {
            try {
                process.kill(left, "SIGKILL");
            } catch (error) {
                if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
            }
        }
        await sleep(300);
        await exec("ip", ["netns", "delete", this.#name]).catch(() => undefined);
        await this.#disk?.dispose();
        await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
    }
}

/** Asks a process to end. @returns whether it has, by then */
async function endsWithin(pid: number, ms: number): Promise<boolean> {
    process.kill(pid, "SIGTERM");
    for (let waited = 0; waited < ms && existsSync(`/proc/${pid}`); waited += 100) await sleep(100);
    return !existsSync(`/proc/${pid}`);
}

function succeeds(command: string, args: readonly string[]): Promise<boolean> {
    return exec(command, args).then(
        () => true,
        () => false,
    );
}
