/** A small project on disk and its compose file as `docker compose config` would print it. */
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { type Baseline, parseBaseline } from "../../../release/baseline.ts";
import { parseComposeSource } from "../../../release/compose-source.ts";
import { PlumblineError } from "../../../release/errors.ts";
import { freezeRelease } from "../../../release/freeze.ts";
import { parseSettings } from "../../../release/settings.ts";
import type { Release } from "../../../release/types.ts";

export type Tree = { [key: string]: unknown };

/** A project folder with an edge and a `web` image to build. */
export async function makeProject(): Promise<string> {
    const project = await mkdtemp(join(tmpdir(), "plumbline-freeze-"));
    for (const service of ["edge", "web"]) {
        await mkdir(join(project, "services", service), { recursive: true });
        await writeFile(join(project, "services", service, "Dockerfile"), "FROM debian:bookworm-slim\n");
    }
    return project;
}

/** The baseline of a file that holds these services; `rest` are other keys of the top level. */
export function baselineOf(
    services: Tree,
    rest: Tree = {},
    projectDir = "/project",
    variables: Readonly<Record<string, string>> = {},
): Baseline {
    const text = stringify({ name: "demo", services, networks: { default: { name: "demo_default" } }, ...rest });
    return parseBaseline(text, parseComposeSource(text, "docker-compose.yml"), projectDir, variables);
}

/** The release of these services for a stack. */
export async function releaseOf(
    projectDir: string,
    services: Tree,
    rest: Tree = {},
    raw: Readonly<Record<string, string>> = {},
    stack = "local",
): Promise<Release> {
    const settings = parseSettings(stack, raw);
    return freezeRelease(baselineOf(services, rest, projectDir, settings.variables), settings, projectDir);
}

/** A service that runs an image, attached to the default network. */
export function service(over: Tree = {}): Tree {
    return { image: "busybox:1", networks: { default: null }, ...over };
}

/** `published` on the host to `target` in the container. */
export function port(published: number, target: number): Tree {
    return { mode: "ingress", host_ip: "127.0.0.1", target, published: String(published), protocol: "tcp" };
}

/** The error that a call ends with. */
export async function refusalOf(call: () => unknown): Promise<PlumblineError> {
    try {
        await call();
    } catch (error) {
        if (error instanceof PlumblineError) return error;
        throw error;
    }
    throw new Error("it was accepted");
}
