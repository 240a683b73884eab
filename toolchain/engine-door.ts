/** The few questions that the set-up asks a Docker engine, over its socket: a ping, and whether an image is there. */

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import { homedir } from "node:os";
import path from "node:path";
import { ask } from "./command.ts";

const pingMs = 2_000;
const commandMs = 10_000;

/**
 * Where the docker command would look for the engine: DOCKER_HOST, the chosen context, the usual sockets.
 * An address is as in `unix:///var/run/docker.sock`.
 */
export function engineAddress(env: Readonly<NodeJS.ProcessEnv> = process.env): string {
    if (env.DOCKER_HOST) return env.DOCKER_HOST;
    const fromContext = contextAddress(env);
    if (fromContext !== undefined) return fromContext;
    const usual = "/var/run/docker.sock";
    const desktop = path.join(homedir(), ".docker", "run", "docker.sock");
    return `unix://${!existsSync(usual) && existsSync(desktop) ? desktop : usual}`;
}

/** The version of the engine's interface, or undefined when no engine answers. */
export async function pingEngine(env: Readonly<NodeJS.ProcessEnv> = process.env): Promise<string | undefined> {
    const target = plainTarget(engineAddress(env), env);
    if (target === undefined) return await ask("docker", ["version", "--format", "{{.Server.APIVersion}}"], commandMs);
    const answer = await get(target, "/_ping");
    return answer?.status === 200 ? answer.apiVersion : undefined;
}

/** The id of a local image, or undefined when it is not there. */
export async function imageId(
    reference: string,
    env: Readonly<NodeJS.ProcessEnv> = process.env,
): Promise<string | undefined> {
    const target = plainTarget(engineAddress(env), env);
    if (target === undefined)
        return await ask("docker", ["image", "inspect", "--format", "{{.Id}}", reference], commandMs);
    const answer = await get(target, `/images/${reference}/json`);
    if (answer?.status !== 200) return undefined;
    const image: unknown = JSON.parse(answer.body);
    return typeof image === "object" && image !== null && "Id" in image ? String(image.Id) : undefined;
}

interface Answer {
    readonly status: number;
    readonly apiVersion: string;
    readonly body: string;
}

type Target = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** How to reach the engine without help; undefined for TLS and ssh, which are left to the docker command. */
function plainTarget(address: string, env: Readonly<NodeJS.ProcessEnv>): Target | undefined {
    if (address.startsWith("unix://")) return { socketPath: address.slice("unix://".length) };
    if (!address.startsWith("tcp://") || env.DOCKER_TLS_VERIFY) return undefined;
    const url = new URL(address.replace("tcp:", "http:"));
    return { host: url.hostname, port: Number(url.port || 2375) };
}

function get(target: Target, where: string): Promise<Answer | undefined> {
    return new Promise((resolve) => {
        const request = http.get({ ...target, path: where, timeout: pingMs, agent: false }, (response) => {
            let body = "";
            response.setEncoding("utf8");
            response.on("data", (text: string) => {
                body += text;
            });
            response.once("error", () => resolve(undefined));
            response.once("end", () => {
                resolve({
                    status: response.statusCode ?? 0,
                    apiVersion: String(response.headers["api-version"] ?? "unknown"),
                    body,
                });
            });
        });
        request.once("timeout", () => request.destroy(new Error("no answer")));
        // No engine there, or none that answers: the same to the caller.
        request.once("error", () => resolve(undefined));
    });
}

/** The address in the docker command's own files for the chosen context; undefined for the default one. */
function contextAddress(env: Readonly<NodeJS.ProcessEnv>): string | undefined {
    const folder = env.DOCKER_CONFIG || path.join(homedir(), ".docker");
    try {
        const name = env.DOCKER_CONTEXT || text(readJson(path.join(folder, "config.json")), "currentContext");
        if (!name || name === "default") return undefined;
        const id = createHash("sha256").update(name).digest("hex");
        return text(readJson(path.join(folder, "contexts", "meta", id, "meta.json")), "Endpoints", "docker", "Host");
    } catch {
        // No such file: no context was ever chosen.
        return undefined;
    }
}

function readJson(file: string): unknown {
    return JSON.parse(readFileSync(file, "utf8"));
}

function text(value: unknown, ...keys: readonly string[]): string | undefined {
    let current = value;
    for (const key of keys) {
        if (typeof current !== "object" || current === null) return undefined;
        current = (current as Record<string, unknown>)[key];
    }
    return typeof current === "string" ? current : undefined;
}
