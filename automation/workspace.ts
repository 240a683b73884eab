/** Opens a stack for the Automation API: the project folder's own program, run by the Pulumi CLI. */

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { LocalWorkspace, Stack } from "@pulumi/pulumi/automation/index.js";
import { PlumblineError } from "../release/errors.ts";
import { checkPassphrase, localPassphrase } from "../release/settings.ts";
import { toolEnvironment } from "../toolchain/environment.ts";
import type { CommandContext } from "./context.ts";
import { requireStackFile } from "./options.ts";
import { runPulumi } from "./pulumi-cli.ts";

/** What to do with a stack that has a settings file but that the backend does not know. */
export type WhenMissing = "create" | "refuse";

/**
 * The stack, ready for operations. The stack that a person has selected by hand stays selected.
 * @throws PlumblineError `settings`: no such stack, or a passphrase that protects nothing; `dependency`: no Pulumi CLI
 */
export async function openStack(context: CommandContext, whenMissing: WhenMissing): Promise<Stack> {
    requireStackFile(context.projectDir, context.stack);
    const envVars = pulumiEnvironment(context);
    const workspace = await openWorkspace(context.projectDir, envVars);
    const backend = envVars.PULUMI_BACKEND_URL ?? (await workspace.projectSettings()).backend?.url;
    await makeFileBackend(backend, context.projectDir);
    const found = await runPulumi(workspace, ["stack", "--stack", context.stack, "--show-name"]);
    if (found.ok) return await Stack.select(context.stack, workspace);
    if (!/no stack named/.test(found.stderr)) throw pulumiCliError(found.stderr);
    if (whenMissing === "refuse") {
        throw new PlumblineError("settings", `The stack ${context.stack} was never deployed.`, {
            remedy: `Deploy it first: npm run deploy -- --stack ${context.stack}`,
        });
    }
    const stack = await Stack.create(context.stack, workspace);
    context.note(`The stack ${context.stack} did not exist in the backend and was created.`);
    return stack;
}

/**
 * The environment of Pulumi for a stack: the caller's with the project's tools, and for `local` the documented passphrase.
 * @throws PlumblineError `settings`
 */
export function pulumiEnvironment(
    context: Pick<CommandContext, "stack" | "env" | "projectDir">,
): Record<string, string> {
    const env = toolEnvironment(context.projectDir, context.env);
    if (
        context.stack === "local" &&
        env.PULUMI_CONFIG_PASSPHRASE === undefined &&
        env.PULUMI_CONFIG_PASSPHRASE_FILE === undefined
    ) {
        env.PULUMI_CONFIG_PASSPHRASE = localPassphrase;
    }
    checkPassphrase(context.stack, env);
    return env;
}

/** A workspace on a project folder that leaves the selected stack as it is. */
export async function openWorkspace(workDir: string, envVars: Record<string, string>): Promise<LocalWorkspace> {
    // The API looks for the CLI on its own PATH, not on the one that it is given.
    const processPath = process.env.PATH;
    if (envVars.PATH !== undefined) process.env.PATH = envVars.PATH;
    try {
        const workspace = await LocalWorkspace.create({ workDir, envVars });
        workspace.selectStack = async () => {};
        workspace.createStack = async (name) => {
            const created = await runPulumi(workspace, ["stack", "init", name, "--no-select"]);
            if (!created.ok) throw pulumiCliError(created.stderr);
        };
        return workspace;
    } catch (error) {
        if (!/ENOENT/.test(String(error))) throw error;
        throw new PlumblineError("dependency", "The Pulumi CLI is not there.", {
            remedy: "Run: npm run setup",
            cause: error,
        });
    } finally {
        if (processPath !== undefined) process.env.PATH = processPath;
    }
}

function pulumiCliError(stderr: string): PlumblineError {
    return new PlumblineError("settings", `Pulumi cannot open the stack: ${stderr.replace(/^error: /, "")}`, {
        remedy: "Check PULUMI_BACKEND_URL and PULUMI_CONFIG_PASSPHRASE, and the stack's settings file.",
    });
}

/** Pulumi does not create the folder of a file backend. */
async function makeFileBackend(url: string | undefined, projectDir: string): Promise<void> {
    if (!url?.startsWith("file://")) return;
    const folder = url.startsWith("file:///") ? fileURLToPath(url) : path.resolve(projectDir, url.slice(7));
    await mkdir(folder, { recursive: true, mode: 0o700 });
}
