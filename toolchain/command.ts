/** Runs the programs that the set-up needs, with their whole output in a log file. */

import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, createWriteStream, mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { finished } from "node:stream/promises";

export interface CommandOptions {
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    /** File that gets everything the program prints. */
    readonly log: string;
    /** The program is ended after this time. */
    readonly timeoutMs: number;
}

/** How many last lines of a failed program stand in the error. */
const tailLines = 12;

/**
 * Runs a program to its end; returns its standard output.
 * @throws Error when it cannot be started, ends with another code than 0, or takes too long
 */
export async function run(program: string, args: readonly string[], options: CommandOptions): Promise<string> {
    mkdirSync(path.dirname(options.log), { recursive: true });
    const log = createWriteStream(options.log, { flags: "a" });
    log.write(`$ ${program} ${args.join(" ")}\n`);
    const child = spawn(program, args, {
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        env: options.env ?? process.env,
        stdio: ["ignore", "pipe", "pipe"],
    });
    const inTime = endAfter(child, options.timeoutMs, "SIGKILL");
    const release = endTogether(child);
    let stdout = "";
    let tail = "";
    child.stdout.on("data", (data: Buffer) => {
        stdout += data;
    });
    for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (data: Buffer) => {
            log.write(data);
            tail = `${tail}${data}`.slice(-4000);
        });
    }
    try {
        const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
            child.once("error", reject);
            child.once("close", (...end) => resolve(end));
        });
        if (code === 0) return stdout;
        const end = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
        const last = tail.trimEnd().split("\n").slice(-tailLines).join("\n");
        throw new Error(`${path.basename(program)} ${args[0] ?? ""} ${end} (all of it in ${options.log}):\n${last}`);
    } finally {
        inTime();
        release();
        log.end();
        await finished(log);
    }
}

/**
 * Ends a child after a time; returns how to stop that. Node's own time limit goes on when the program could not be started, and keeps
 * our process until it is over.
 */
function endAfter(child: ChildProcess, ms: number, signal: NodeJS.Signals): () => void {
    const timer = setTimeout(() => child.kill(signal), ms);
    return () => clearTimeout(timer);
}

/** Passes a signal that ends us on to the child first; returns how to stop doing so. */
function endTogether(child: ChildProcess): () => void {
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    const end = (signal: NodeJS.Signals) => {
        child.kill(signal);
        release();
        process.kill(process.pid, signal);
    };
    const release = () => {
        for (const signal of signals) process.off(signal, end);
    };
    for (const signal of signals) process.on(signal, end);
    return release;
}

/** The standard output of a short program, or undefined when it fails, is not there or takes too long. */
export function ask(program: string, args: readonly string[], timeoutMs: number): Promise<string | undefined> {
    return new Promise((resolve) => {
        const child = spawn(program, args, {
            stdio: ["ignore", "pipe", "ignore"],
            env: process.env,
        });
        const inTime = endAfter(child, timeoutMs, "SIGTERM");
        const end = (answer: string | undefined) => {
            inTime();
            resolve(answer);
        };
        let stdout = "";
        child.stdout.on("data", (data: Buffer) => {
            stdout += data;
        });
        child.once("error", () => end(undefined));
        child.once("close", (code) => end(code === 0 ? stdout.trim() : undefined));
    });
}

/** The full name of a program on PATH, or undefined. */
export function onPath(program: string, searchPath = process.env.PATH ?? ""): string | undefined {
    for (const folder of searchPath.split(path.delimiter)) {
        const file = path.join(folder, program);
        try {
            accessSync(file, constants.X_OK);
            if (folder !== "" && statSync(file).isFile()) return file;
        } catch {
            // Not in this folder.
        }
    }
    return undefined;
}
