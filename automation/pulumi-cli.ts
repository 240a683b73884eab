/** The Pulumi CLI called directly, for what the Automation API cannot do: not selecting a stack, values by standard input. */

import { execFile } from "node:child_process";
import type { Workspace } from "@pulumi/pulumi/automation/index.js";
import { stripColours } from "./diagnostics.ts";

/** Bytes: an exported state is the longest answer. */
const mostOutput = 256 * 1024 * 1024;

/** How a call of the CLI ended. A failing call is a result, not an error. */
export interface CliResult {
    readonly ok: boolean;
    readonly stdout: string;
    readonly stderr: string;
}

/**
 * Runs the CLI in a workspace, never interactively.
 * @param stdin given to the CLI, for values that must not stand in a command line
 */
export function runPulumi(workspace: Workspace, args: readonly string[], stdin = ""): Promise<CliResult> {
    return new Promise((resolve, reject) => {
        const child = execFile(
            workspace.pulumiCommand.command,
            [...args, "--non-interactive"],
            { cwd: workspace.workDir, env: { ...process.env, ...workspace.envVars }, maxBuffer: mostOutput },
            (error, stdout, stderr) => {
                if (error !== null && typeof error.code !== "number") return reject(error);
                resolve({ ok: error === null, stdout, stderr: stripColours(stderr).trim() });
            },
        );
        child.stdin?.on("error", reject);
        child.stdin?.end(stdin);
    });
}
