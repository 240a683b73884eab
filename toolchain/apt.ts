/** Debian packages: the only thing that the set-up changes outside the project folder. */

import { existsSync } from "node:fs";
import path from "node:path";
import { ask, onPath, run } from "./command.ts";
import type { ToolPaths } from "./paths.ts";

const aptMs = 15 * 60_000;
const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };

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
    const options = { env: environment, log: path.join(paths.logs, "apt.log"), timeoutMs: aptMs };
    await run("dpkg", ["--configure", "-a"], options);
    await run("apt-get", ["update", ...patient], options);
    await run("apt-get", ["install", "-y", "--no-install-recommends", ...patient, ...names], options);
}

/** Takes one package apart into a folder without installing it. */
export async function unpackPackage(paths: ToolPaths, name: string, folder: string): Promise<void> {
    const options = { env: environment, log: path.join(paths.logs, "apt.log"), timeoutMs: aptMs, cwd: folder };
    await run("apt-get", ["update", ...patient], options);
    // apt's own user for downloads may not write into the folder; root then does it, with a warning.
    await run("apt-get", ["download", ...patient, name], options);
    await run("sh", ["-c", 'for file in "$1"_*.deb; do dpkg-deb -x "$file" .; done', "sh", name], options);
}

/** Wait for another apt; try a download again. */
const patient = ["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"];
