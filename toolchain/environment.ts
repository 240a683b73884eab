/** The environment in which Pulumi, the program and the tests run. */

import path from "node:path";
import { toolPaths } from "./paths.ts";
import { readStamp } from "./stamp.ts";

/**
 * The base environment with the project's tools first on PATH, Pulumi steered to them, a place where Node keeps what it has
 * compiled, and the modules that Pulumi's SDK need not load deferred. What the user has set stays as it is. Plugins are never
 * downloaded in the middle of an update on a machine where the set-up had to build them.
 */
export function toolEnvironment(projectDir: string, base: Readonly<NodeJS.ProcessEnv>): Record<string, string> {
    const paths = toolPaths(projectDir, base);
    const env: Record<string, string> = {};
    for (const [name, value] of Object.entries(base)) if (value !== undefined) env[name] = value;
    const first = [path.join(projectDir, "node_modules", ".bin"), paths.bin];
    const others = (base.PATH ?? "")
        .split(path.delimiter)
        .filter((folder) => !first.includes(folder) && !isOfNpm(folder));
    env.PATH = [...first, ...others].join(path.delimiter);
    env.PULUMI_HOME = paths.pulumiHome;
    env.PULUMI_IGNORE_AMBIENT_PLUGINS ??= "true";
    env.PULUMI_SKIP_UPDATE_CHECK ??= "true";
    env.NODE_COMPILE_CACHE ??= paths.compiled;
    env.NODE_OPTIONS = withPreload(base.NODE_OPTIONS, path.join(projectDir, "toolchain", "deferred-modules.cjs"));
    if (readStamp(paths, "docker-plugin")?.source === "registries") {
        env.PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION ??= "true";
    }
    return env;
}

/** The options with one file more that Node loads first, once. In Node's quotes, for a path with spaces. */
function withPreload(options: string | undefined, file: string): string {
    const preload = `--require="${file.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
    if (options === undefined || options === "") return preload;
    return options.includes(preload) ? options : `${options} ${preload}`;
}

/** Folders that `npm run` puts on PATH for itself: in a person's shell they have no place. */
function isOfNpm(folder: string): boolean {
    return folder === "" || folder.endsWith("/node_modules/.bin") || folder.endsWith("/node-gyp-bin");
}

/**
 * Shell lines that bring a shell from one environment to the other, for `eval "$(npm run -s env)"`.
 * Beside PATH, which npm changes for itself, only variables that differ are named: a passphrase of the user's is not printed.
 */
export function exportLines(from: Readonly<NodeJS.ProcessEnv>, to: Readonly<Record<string, string>>): string {
    return Object.entries(to)
        .filter(([name, value]) => name === "PATH" || from[name] !== value)
        .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`)
        .join("");
}
