/** Debian packages: the only thing that the set-up changes outside the project folder. */

import { existsSync } from "node:fs";
import path from "node:path";
import { ask, type CommandOptions, onPath, run } from "./command.ts";
import type { ToolPaths } from "./paths.ts";

const aptMs = 15 * 60_000;

/** Whether packages can be installed here without asking anybody. */
export function isDebianRoot(): boolean {
    return process.getuid?.() === 0 && existsSync("/etc/debian_version") && onPath("apt-get") !== undefined;
}

/** Whether dpkg was interrupted after it had unpacked some of a package, and before it was done with it. */
export async function isHalfInstalled(name: string): Promise<boolean> {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholder. It stands for what is wanted, and what is.
    const status = await ask("dpkg-query", ["-W", "-f", "${db:Status-Abbrev}", name], 5_000);
    return status !== undefined && /^.[HUF]/.test(status);
}

/** Installs packages; goes on where an earlier installation was interrupted. */
export async function installPackages(paths: ToolPaths, names: readonly string[]): Promise<void> {
    await refresh(paths);
    await install(paths, names);
}

/** Installs the first of some packages that this Debian has: what one of them brings has moved between releases. */
export async function installFirstKnown(paths: ToolPaths, names: readonly string[]): Promise<void> {
    await refresh(paths);
    for (const name of names) {
        if (await ask("apt-cache", ["show", name], 30_000)) return await install(paths, [name]);
    }
    throw new Error(`apt knows none of ${names.join(", ")}`);
}

async function refresh(paths: ToolPaths): Promise<void> {
    await run("dpkg", ["--configure", "-a"], options(paths));
    await run("apt-get", ["update", ...patient], options(paths));
}

async function install(paths: ToolPaths, names: readonly string[]): Promise<void> {
    await run("apt-get", ["install", "-y", "--no-install-recommends", ...patient, ...names], options(paths));
}

/** Takes one package apart into a folder without installing it. */
export async function unpackPackage(paths: ToolPaths, name: string, folder: string): Promise<void> {
    const inFolder = { ...options(paths), cwd: folder };
    await run("apt-get", ["update", ...patient], inFolder);
    // apt's own user for downloads may not write into the folder; root then does it, with a warning.
    await run("apt-get", ["download", ...patient, name], inFolder);
    await run("sh", ["-c", 'for file in "$1"_*.deb; do dpkg-deb -x "$file" .; done', "sh", name], inFolder);
}

function options(paths: ToolPaths): CommandOptions {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    return { env, log: path.join(paths.logs, "apt.log"), timeoutMs: aptMs };
}

/** Wait for another apt; try a download again. */
const patient = ["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"];
