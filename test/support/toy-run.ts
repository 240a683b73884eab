/** One rollout in processes of its own: one that stands for the CLI, below it the provider, and the guard that it starts. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, parentOf } from "../../rollout/process.ts";
import type { RolloutRequest } from "../../rollout/session.ts";

export interface ToyRunOptions {
    /** `recover` ends what another one has left, and does nothing else. @default "rollout" */
    readonly act?: "rollout" | "recover";
    /** The provider stops at this question for the time, before an act or after it, until `thaw`. Counts from 1. */
    readonly freezeAt?: number | undefined;
    /** `recover` stops after the event whose line has these words, until `thaw`. */
    readonly freezeAfter?: string;
}

/** Who is killed. */
export type Victim = "cli" | "provider" | "both" | "guard" | "guard and both";
export const victims: readonly Victim[] = ["cli", "provider", "both", "guard", "guard and both"];

export class ToyRun {
    readonly #cli: ChildProcess;
    readonly #control: string;
    readonly #ended: Promise<number | null>;
    #hadGuard = false;

    /** @param folder becomes the working folder, below which the reports are written */
    constructor(folder: string, request: RolloutRequest, options: ToyRunOptions) {
        this.#control = mkdtempSync(path.join(folder, "run-"));
        writeFileSync(this.#file("request.json"), JSON.stringify(request));
        const log = openSync(this.#file("output.log"), "a");
        const program = path.join(import.meta.dirname, "toy-cli.ts");
        const { act = "rollout", freezeAt = 0, freezeAfter = "" } = options;
        const args = [program, this.#control, act, String(freezeAt), freezeAfter];
        this.#cli = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", log, log] });
        this.#ended = new Promise((resolve) => this.#cli.once("exit", resolve));
    }

    #file(name: string): string {
        return path.join(this.#control, name);
    }

    /** Waits for the CLI to end. @returns its exit code, null when it was killed */
    ended(): Promise<number | null> {
        return this.#ended;
    }

    output(): string {
        return readFileSync(this.#file("output.log"), "utf8");
    }

    /** Waits until its output has these words. @throws Error when it has ended without them */
    async said(words: string): Promise<void> {
        while (!this.output().includes(words)) {
            if (this.#cli.exitCode !== null) throw new Error(`it has ended without "${words}":\n${this.output()}`);
            await sleep(20);
        }
    }

    /** How often the rollout has asked for the time: there is one such question before each event of its timeline. */
    get questions(): number {
        return existsSync(this.#file("questions")) ? Number(readFileSync(this.#file("questions"), "utf8")) : 0;
    }

    /** Waits until the provider stands still. False when it has ended before. */
    async frozen(): Promise<boolean> {
        for (;;) {
            if (existsSync(this.#file("frozen"))) return true;
            if (this.#cli.exitCode !== null || this.#cli.signalCode !== null) return false;
            await sleep(5);
        }
    }

    /** Whether it has told its end, and its process is gone. */
    get isOver(): boolean {
        return this.#cli.exitCode !== null && this.output().includes("transaction-end: ");
    }

    /** Waits that long from its beginning on. False when it has ended before. */
    async runsStillAfter(ms: number): Promise<boolean> {
        await Promise.race([sleep(ms), this.#ended]);
        return this.#cli.exitCode === null && this.#cli.signalCode === null;
    }

    /** Lets it go on; does nothing when it never stood still. */
    thaw(): void {
        writeFileSync(this.#file("thaw"), "");
    }

    /** The provider's process; 0 before it has begun. */
    get provider(): number {
        return existsSync(this.#file("provider")) ? Number(readFileSync(this.#file("provider"), "utf8")) : 0;
    }

    /** The guard's process; 0 where there is none. Only known as long as the provider lives. */
    get guard(): number {
        const own = childrenOf(this.provider).find(({ command }) => command.includes("guard.ts"));
        return own?.pid ?? 0;
    }

    /** Whether there was a guard at the moment of the kill. */
    get hadGuard(): boolean {
        return this.#hadGuard;
    }

    /** `kill -9`, in one moment, from a process that is none of them. */
    kill(victim: Victim): void {
        const { provider, guard } = this;
        const cli = this.#cli.pid ?? 0;
        this.#hadGuard = guard > 0;
        const pids = {
            cli: [cli],
            provider: [provider],
            both: [cli, provider],
            guard: [guard],
            "guard and both": [guard, cli, provider],
        }[victim];
        for (const pid of pids) killProcess(pid);
    }

    /** Waits until the provider is gone too: one that outlived its CLI ends by itself. */
    async providerGone(withinMs = 40_000): Promise<void> {
        const pid = this.provider;
        const deadline = Date.now() + withinMs;
        while (pid > 0 && isAlive(pid, "")) {
            if (Date.now() > deadline) throw new Error(`process ${pid} still runs:\n${this.output()}`);
            await sleep(20);
        }
    }

    killAll(): void {
        const { provider, guard } = this;
        const cli = this.#cli.exitCode === null && this.#cli.signalCode === null ? (this.#cli.pid ?? 0) : 0;
        for (const pid of [cli, provider, guard]) {
            if (pid > 0 && commandOf(pid).includes("node")) killProcess(pid);
        }
    }
}

function killProcess(pid: number): void {
    if (pid <= 1) return;
    try {
        process.kill(pid, "SIGKILL");
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
}

function childrenOf(parent: number): { readonly pid: number; readonly command: string }[] {
    if (parent <= 1) return [];
    return readdirSync("/proc").flatMap((name) => {
        const pid = Number(name);
        return Number.isInteger(pid) && parentOf(pid) === parent ? [{ pid, command: commandOf(pid) }] : [];
    });
}

function commandOf(pid: number): string {
    try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
        return "";
    }
}
