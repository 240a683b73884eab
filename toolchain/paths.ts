/** Where the tools of a project folder are. */

import path from "node:path";

export interface ToolPaths {
    /** `.plumbline` in the project, or the folder that PLUMBLINE_TOOLS names. */
    readonly root: string;
    /** Executables; stands first on PATH. */
    readonly bin: string;
    readonly pulumi: string;
    readonly languageHost: string;
    readonly dynamicProviderHost: string;
    /** Called as `docker-compose config …`. */
    readonly compose: string;
    /** Pulumi's home, which holds the plugins; the user's own where PULUMI_HOME is set. */
    readonly pulumiHome: string;
    /** What was installed, in which version and from which source: one small file a part. */
    readonly stamps: string;
    /** Claims of running set-ups. */
    readonly locks: string;
    /** Go's caches and half-made files; removed after success. */
    readonly build: string;
    /** Full output of what the set-up ran. */
    readonly logs: string;
    /** What Node has compiled of the program and its packages: any process that runs them starts in half the time. */
    readonly compiled: string;
    /** Log of an engine that the set-up started. */
    readonly engine: string;
    /** The Go modules of the project. */
    readonly goModules: string;
}

/** The paths for a project folder; `env` gives PLUMBLINE_TOOLS (a folder shared by clones) and PULUMI_HOME. */
export function toolPaths(projectDir: string, env: Readonly<NodeJS.ProcessEnv> = process.env): ToolPaths {
    const root = path.resolve(projectDir, env.PLUMBLINE_TOOLS || ".plumbline");
    const bin = path.join(root, "bin");
    return {
        root,
        bin,
        pulumi: path.join(bin, "pulumi"),
        languageHost: path.join(bin, "pulumi-language-nodejs"),
        dynamicProviderHost: path.join(bin, "pulumi-resource-pulumi-nodejs"),
        compose: path.join(bin, "docker-compose"),
        pulumiHome: env.PULUMI_HOME ? path.resolve(env.PULUMI_HOME) : path.join(root, "pulumi"),
        stamps: path.join(root, "stamps"),
        locks: path.join(root, "locks"),
        build: path.join(root, "build"),
        logs: path.join(root, "logs"),
        compiled: path.join(root, "compiled"),
        engine: path.join(root, "engine"),
        goModules: path.join(projectDir, "toolchain", "go"),
    };
}
