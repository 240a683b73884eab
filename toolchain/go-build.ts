/** Builds a tool from the Go modules of `toolchain/go`, with Go's caches inside the project folder. */

import { mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { ask, run } from "./command.ts";
import type { Source } from "./part.ts";
import type { ToolPaths } from "./paths.ts";
import { isAtLeast, versions } from "./versions.ts";

const buildMs = 45 * 60_000;

export interface GoTool {
    /** Folder below `toolchain/go`. */
    readonly module: string;
    /** What to build, as seen from that folder. */
    readonly package: string;
    /** The variable that gets the version, and its value. */
    readonly stampVersion?: readonly [variable: string, version: string];
    readonly tags?: string;
}

/** A source that builds a tool and hands the executable to `place`. */
export function goSource(
    paths: ToolPaths,
    tool: GoTool,
    minutes: number,
    place: (executable: string) => Promise<void> | void,
): Source {
    return {
        kind: "registries",
        from: `built from Go modules, about ${minutes} min`,
        answers: hasGo,
        install: async () => {
            const executable = await build(paths, tool);
            await place(executable);
            rmSync(executable, { force: true });
        },
    };
}

/** Removes Go's caches, which are only worth their gigabytes while tools are being built. */
export function removeBuildFolder(paths: ToolPaths): void {
    rmSync(paths.build, { recursive: true, force: true, maxRetries: 3 });
}

/** Whether the Go on PATH can build the tools, by itself or with the newer one that it may fetch. */
export async function hasGo(): Promise<boolean> {
    const [version = "", toolchain = ""] =
        (await ask("go", ["env", "GOVERSION", "GOTOOLCHAIN"], 5_000))?.split("\n") ?? [];
    const least = toolchain.includes("auto") ? versions.goFetchesNewer : versions.goAtLeast;
    return isAtLeast(version.replace(/^go/, ""), least);
}

async function build(paths: ToolPaths, tool: GoTool): Promise<string> {
    const out = path.join(paths.build, "out", tool.module);
    mkdirSync(path.dirname(out), { recursive: true });
    // A name of its own: the compiler of a killed set-up may still be at work.
    const draft = `${out}.${process.pid}.part`;
    const variable = tool.stampVersion === undefined ? "" : ` -X ${tool.stampVersion.join("=")}`;
    const tags = tool.tags === undefined ? [] : ["-tags", tool.tags];
    await run("go", ["build", "-trimpath", ...tags, "-ldflags", `-s -w${variable}`, "-o", draft, tool.package], {
        cwd: path.join(paths.goModules, tool.module),
        env: await goEnvironment(paths),
        log: path.join(paths.logs, `${tool.module}.log`),
        timeoutMs: buildMs,
    });
    renameSync(draft, out);
    return out;
}

/** The user's Go settings (its module proxy among them), but nothing written outside the project folder. */
async function goEnvironment(paths: ToolPaths): Promise<NodeJS.ProcessEnv> {
    const settings = await ask("go", ["env", "GOENV"], 5_000);
    const inBuild = (name: string) => path.join(paths.build, name);
    return {
        ...process.env,
        ...(settings === undefined ? {} : { GOENV: settings }),
        GOPATH: inBuild("go"),
        GOMODCACHE: inBuild("go-modules"),
        GOCACHE: inBuild("go-cache"),
        // Go keeps its telemetry counters in the configuration folder.
        XDG_CONFIG_HOME: inBuild("configuration"),
        GOTMPDIR: makeFolder(inBuild("temporary")),
        GOWORK: "off",
        GOFLAGS: "-modcacherw -buildvcs=false -mod=readonly",
    };
}

function makeFolder(folder: string): string {
    mkdirSync(folder, { recursive: true });
    return folder;
}
