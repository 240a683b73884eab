/** The npm scripts under Node 24: set-up, then the command with the project's tools around it. */

import { existsSync } from "node:fs";
import path from "node:path";
import { describeError } from "../release/errors.ts";
import { exitCodes } from "../rollout/outcome.ts";
import { runInOurPlace } from "./child.mjs";
import { exportLines, toolEnvironment } from "./environment.ts";
import { setUp } from "./setup.ts";

const projectDir = path.dirname(import.meta.dirname);

const [command = "--help", ...args] = process.argv.slice(2);
try {
    process.exitCode = await perform(command, args);
} catch (error) {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = exitCodes.refused;
}

/** Performs one npm script; returns its exit code. */
async function perform(command: string, args: readonly string[]): Promise<number> {
    if (command === "check") return await check();
    const asksForHelp = [command, ...args].some((word) => word === "--help" || word === "-h");
    if (!asksForHelp) await setUp(projectDir);
    switch (command) {
        case "setup":
            return exitCodes.committed;
        case "env":
            process.stdout.write(exportLines(process.env, await shellEnvironment()));
            return exitCodes.committed;
        case "test":
            return await test(args);
        case "bench":
            return await node(["bench/main.ts", ...args]);
        default:
            return await node(["automation/main.ts", command, ...args]);
    }
}

/** For `pulumi` by hand also the documented passphrase of `local`, where the user has set none. */
async function shellEnvironment(): Promise<Record<string, string>> {
    const env = toolEnvironment(projectDir, process.env);
    if (env.PULUMI_CONFIG_PASSPHRASE === undefined && env.PULUMI_CONFIG_PASSPHRASE_FILE === undefined) {
        const { localPassphrase } = await import("../release/settings.ts");
        env.PULUMI_CONFIG_PASSPHRASE = localPassphrase;
    }
    return env;
}

/** All tests, or those that the arguments select. Jest loads ES modules by a switch of Node's. */
async function test(args: readonly string[]): Promise<number> {
    const options =
        `${process.env.NODE_OPTIONS ?? ""} --experimental-vm-modules --no-warnings=ExperimentalWarning`.trim();
    return await node(["node_modules/jest/bin/jest.js", ...args], { NODE_OPTIONS: options });
}

/** Types, then lint and format. */
async function check(): Promise<number> {
    const types = await node(["node_modules/typescript/bin/tsc", "-p", "."]);
    const style = await node(["node_modules/@biomejs/biome/bin/biome", "check", "."]);
    return types === 0 ? style : types;
}

async function node(args: readonly string[], extra: Readonly<Record<string, string>> = {}): Promise<number> {
    const script = args[0] ?? "";
    if (!existsSync(path.join(projectDir, script))) throw new Error(`${script} is missing: run npm ci`);
    const env = { ...toolEnvironment(projectDir, process.env), ...extra };
    return await runInOurPlace(process.execPath, args, { cwd: projectDir, env });
}
