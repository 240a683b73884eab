/** The set-up: what is missing is named with its reason, then installed, one part after the other. */

import { mkdirSync } from "node:fs";
import path from "node:path";
import { PlumblineError } from "../release/errors.ts";
import { removeBuildFolder } from "./go-build.ts";
import { withLock } from "./lock.mjs";
import { forcedSource, install, type Part, type Plan, plan, type SourceKind } from "./part.ts";
import { baseImage } from "./parts/base-image.ts";
import { compose } from "./parts/compose.ts";
import { dockerCommand, dockerEngine } from "./parts/engine.ts";
import { commandPlugin, dockerPlugin } from "./parts/plugins.ts";
import { dynamicProviderHost, languageHost, pulumiCli } from "./parts/pulumi.ts";
import { type ToolPaths, toolPaths } from "./paths.ts";
import { duration, note, withHeartbeat } from "./progress.ts";

/** Everything a machine needs beside the npm packages, in the order in which it is installed. */
export function allParts(paths: ToolPaths): Part[] {
    return [
        dockerEngine(paths),
        dockerCommand(paths),
        compose(paths),
        pulumiCli(paths),
        languageHost(paths),
        dynamicProviderHost(paths),
        dockerPlugin(paths),
        commandPlugin(paths),
        baseImage(paths),
    ];
}

/**
 * Installs what is missing for a project folder; costs some milliseconds when nothing is.
 * @throws PlumblineError `dependency` for a part that cannot be had, before anything is installed where that is known
 */
export async function setUp(projectDir: string): Promise<void> {
    const paths = toolPaths(projectDir);
    // Pulumi does not make the folder of its file backend itself.
    mkdirSync(path.join(projectDir, ".plumbline", "state"), { recursive: true, mode: 0o700 });
    await installMissing(paths, allParts(paths));
}

/** `setUp` for a list of parts. */
export async function installMissing(paths: ToolPaths, parts: readonly Part[]): Promise<void> {
    if ((await missing(parts)).length === 0) return;
    makeFolders(paths);
    const waiting = (owner: number) => note(`Another set-up (process ${owner}) is at work; waiting for it.`);
    await withLock(
        paths.locks,
        async () => {
            // Another set-up may just have brought them.
            const still = await missing(parts);
            if (still.length > 0) await installAll(paths, still);
        },
        waiting,
    );
}

async function installAll(paths: ToolPaths, parts: readonly Part[]): Promise<void> {
    const forced = forcedSource(process.env);
    const begin = Date.now();
    const left = await startInstalled(parts, forced, begin);
    const plans = await Promise.all(left.map((part) => plan(part, forced)));
    if (plans.length > 0) announce(paths, plans);
    for (const planned of plans) await installOne(planned, begin);
    removeBuildFolder(paths);
    note(`Everything is there after ${duration(Date.now() - begin)}.`);
}

/** Starts what only has to be started, since it may hold what else seems to be missing; returns what is missing then. */
async function startInstalled(
    parts: readonly Part[],
    forced: SourceKind | undefined,
    begin: number,
): Promise<readonly Part[]> {
    let left = parts;
    for (const part of parts) {
        if (!part.sources.some((source) => source.starts)) continue;
        const planned = await plan(part, forced);
        if (planned.sources[0]?.starts !== true) continue;
        note(`${part.title} is installed but not running: starting it.`);
        await installOne(planned, begin);
        left = await missing(left);
    }
    return left;
}

async function installOne(planned: Plan, begin: number): Promise<void> {
    const { part } = planned;
    // An earlier part may have brought it along.
    if ((await part.present()) !== undefined) return;
    note(`${part.title} …`);
    const source = await withHeartbeat(part.title, () => install(planned, note));
    if ((await part.present()) === undefined) {
        throw new PlumblineError("dependency", `${part.title} is still missing after: ${source.from}.`, {
            remedy: part.remedy,
        });
    }
    note(`${part.title} is there (${duration(Date.now() - begin)} since the start).`);
}

function announce(paths: ToolPaths, plans: readonly Plan[]): void {
    note(`Missing on this machine, and now put into ${paths.root} (Debian packages and images: where they belong):`);
    for (const { part, sources } of plans) note(`  ${part.title}: ${part.why}; ${sources[0]?.from ?? ""}`);
}

async function missing(parts: readonly Part[]): Promise<Part[]> {
    const found = await Promise.all(parts.map((part) => part.present()));
    return parts.filter((_, index) => found[index] === undefined);
}

function makeFolders(paths: ToolPaths): void {
    for (const folder of [paths.bin, paths.stamps, paths.locks, paths.build]) mkdirSync(folder, { recursive: true });
}
