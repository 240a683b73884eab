/** The Docker engine and the docker command. An engine that answers is taken as it is, wherever it runs. */

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { installPackages, isDebianRoot } from "../apt.ts";
import { onPath, run } from "../command.ts";
import { engineAddress, pingEngine } from "../engine-door.ts";
import type { Part } from "../part.ts";
import type { ToolPaths } from "../paths.ts";

const startMs = 60_000;

export function dockerEngine(paths: ToolPaths): Part {
    return {
        name: "docker-engine",
        title: "Docker engine",
        why: "runs the services",
        present: () => pingEngine(),
        sources: [
            {
                kind: "any",
                from: "installed here, but not running: started",
                starts: true,
                answers: async () => isLocal() && process.getuid?.() === 0 && daemon() !== undefined,
                install: () => start(paths),
            },
            {
                kind: "any",
                from: "Debian packages docker.io and iptables, about 300 MB",
                answers: async () => isLocal() && isDebianRoot() && daemon() === undefined,
                install: async () => {
                    await installPackages(paths, ["docker.io", "iptables"]);
                    await start(paths);
                },
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
                from: "Debian package docker.io",
                answers: async () => isDebianRoot(),
                install: () => installPackages(paths, ["docker.io"]),
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

/** Starts the engine so that it outlives this process, and waits until it answers. */
async function start(paths: ToolPaths): Promise<void> {
    // A service that Debian's package has just started needs a moment.
    if ((await pingEngine()) !== undefined) return;
    const log = path.join(paths.engine, "dockerd.log");
    if (existsSync("/run/systemd/system")) {
        await run("systemctl", ["start", "docker"], { log, timeoutMs: startMs });
    } else {
        const program = daemon();
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
        if ((await pingEngine()) !== undefined) return;
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
