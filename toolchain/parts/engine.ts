/** The Docker engine and the docker command. An engine that answers is taken as it is, wherever it runs. */

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { installFirstKnown, installPackages, isDebianRoot, isHalfInstalled } from "../apt.ts";
import { onPath, run } from "../command.ts";
import { engineAddress, pingEngine } from "../engine-door.ts";
import type { Part } from "../part.ts";
import type { ToolPaths } from "../paths.ts";

const startMs = 60_000;

/** The two things of a machine that a test of an engine's installation has to stand in for. */
export interface EngineHere {
    /** Asks the engine for the version of its interface. */
    ping(): Promise<string | undefined>;
    /** The engine's program, or undefined where there is none. */
    daemon(): string | undefined;
}

export function dockerEngine(paths: ToolPaths, here: EngineHere = { ping: () => pingEngine(), daemon }): Part {
    return {
        name: "docker-engine",
        title: "Docker engine",
        why: "runs the services",
        present: () => here.ping(),
        sources: [
            {
                kind: "any",
                from: "Debian packages docker.io and iptables, about 300 MB",
                answers: async () => isLocal() && isDebianRoot() && !(await isWhole(here)),
                install: async () => {
                    await installPackages(paths, ["docker.io", "iptables"]);
                    await start(paths, here);
                },
            },
            {
                kind: "any",
                from: "installed here, but not running: started",
                starts: true,
                answers: async () => isLocal() && process.getuid?.() === 0 && here.daemon() !== undefined,
                install: () => start(paths, here),
            },
        ],
        remedy: remedy(),
    };
}

export function dockerCommand(paths: ToolPaths): Part {
    return {
        name: "docker-command",
        title: "docker command",
        why: "builds the images",
        present: async () => onPath("docker"),
        sources: [
            {
                kind: "any",
                from: "Debian package docker-cli, or docker.io where that brings the command",
                answers: async () => isDebianRoot(),
                install: () => installFirstKnown(paths, ["docker-cli", "docker.io"]),
            },
        ],
        remedy: "Install Docker's command line (docker) and run: npm run setup",
    };
}

/** Whether the engine is looked for where this machine's own would be. */
function isLocal(): boolean {
    return process.platform === "linux" && engineAddress() === "unix:///var/run/docker.sock";
}

function daemon(): string | undefined {
    return onPath("dockerd", `${process.env.PATH ?? ""}:/usr/sbin:/usr/local/sbin:/sbin`);
}

/** Whether the engine is here as a whole: a package whose installation was killed may have left its program. */
async function isWhole(here: EngineHere): Promise<boolean> {
    return here.daemon() !== undefined && !(await isHalfInstalled("docker.io"));
}

/** Starts the engine so that it outlives this process, and waits until it answers. */
async function start(paths: ToolPaths, here: EngineHere): Promise<void> {
    // A service that Debian's package has just started needs a moment.
    if ((await here.ping()) !== undefined) return;
    const log = path.join(paths.engine, "dockerd.log");
    if (existsSync("/run/systemd/system")) {
        await run("systemctl", ["start", "docker"], { log, timeoutMs: startMs });
    } else {
        const program = here.daemon();
        if (program === undefined) throw new Error("no dockerd is installed");
        mkdirSync(paths.engine, { recursive: true });
        const out = openSync(log, "a");
        const searchPath = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;
        const child = spawn(program, [], {
            detached: true,
            stdio: ["ignore", out, out],
            cwd: "/",
            env: { ...process.env, PATH: searchPath },
        });
        // Without a socket in time the log tells why, also for a program that could not be started.
        child.on("error", () => {});
        child.unref();
    }
    const deadline = Date.now() + startMs;
    while (Date.now() < deadline) {
        if ((await here.ping()) !== undefined) return;
        await sleep(200);
    }
    throw new Error(`the engine did not answer within ${startMs / 1000} s (its log is ${log}):\n${lastLines(log)}`);
}

function lastLines(file: string): string {
    return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n").slice(-8).join("\n") : "";
}

function remedy(): string {
    if (process.env.DOCKER_HOST) return `Start the engine at ${process.env.DOCKER_HOST} (DOCKER_HOST), or unset it.`;
    if (process.platform === "darwin") return "Install and start Docker Desktop (or colima), then run: npm run setup";
    if (daemon() !== undefined) return "Start Docker (sudo systemctl start docker), and let this user use its socket.";
    return "Install Docker's engine, or run this once as root on Debian; then run: npm run setup";
}
