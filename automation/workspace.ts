/** Opens a stack for the Automation API: the project folder's own program, run by the Pulumi CLI. */

import { access, mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { LocalWorkspace, Stack } from "@pulumi/pulumi/automation/index.js";
import { stackConfiguration } from "../release/config.ts";
import { PlumblineError } from "../release/errors.ts";
import { loadRelease } from "../release/load.ts";
import { checkPassphrase, localPassphrase, parseSettings } from "../release/settings.ts";
import { readStackFile, requireSettings } from "../release/stack-file.ts";
import { requireWritable } from "../release/writable.ts";
import { toolEnvironment } from "../toolchain/environment.ts";
import { reportFolder } from "../validation/report/write.ts";
import type { CommandContext } from "./context.ts";
import { requireStackFile } from "./options.ts";
import { runPulumi } from "./pulumi-cli.ts";

/** What to do with a stack that has a settings file but that the backend does not know. */
export type WhenMissing = "create" | "refuse";

export interface OpenOptions {
    /** The command writes state and reports: refuse where they cannot be written. @default false */
    readonly writes?: boolean;
    /** A stack whose secrets are still to be made may be created. @default false */
    readonly allowMissingSecrets?: boolean;
}

/**
 * The stack, ready for operations. The stack that a person has selected by hand stays selected. A stack is created only
 * when its settings and the baseline are valid, since creating writes to the backend and to the settings file.
 * @throws PlumblineError `settings`: no such stack, a settings file that is not valid, folders that cannot be written, or a
 * passphrase that protects nothing; `baseline`: of a stack to be created; `dependency`: no Pulumi CLI
 */
export async function openStack(
    context: CommandContext,
    whenMissing: WhenMissing,
    { writes = false, allowMissingSecrets = false }: OpenOptions = {},
): Promise<Stack> {
    const { projectDir } = context;
    requireStackFile(projectDir, context.stack);
    const { config, encryptedKeys } = await readStackFile(projectDir, context.stack);
    const raw = stackConfiguration(config);
    if (encryptedKeys.length === 0) requireSettings(context.stack, raw);
    parseSettings(context.stack, raw);
    const envVars = pulumiEnvironment(context);
    const workspace = await openWorkspace(projectDir, envVars);
    const backend = fileBackend(
        envVars.PULUMI_BACKEND_URL ?? (await workspace.projectSettings()).backend?.url,
        projectDir,
    );
    if (writes) {
        const reports = path.join(projectDir, reportFolder(context.stack));
        await requireWritable(projectDir, backend === undefined ? [reports] : [backend, reports]);
    }
    // Pulumi does not create the folder of a file backend.
    if (backend !== undefined && (await isMissing(backend))) await mkdir(backend, { recursive: true, mode: 0o700 });
    const found = await runPulumi(workspace, ["stack", "--stack", context.stack, "--show-name"]);
    if (found.ok) return await Stack.select(context.stack, workspace);
    if (!/no stack named/.test(found.stderr)) throw pulumiCliError(found.stderr);
    if (whenMissing === "refuse") {
        throw new PlumblineError("settings", `The stack ${context.stack} was never deployed.`, {
            remedy: `Deploy it first: npm run deploy -- --stack ${context.stack}`,
        });
    }
    const secretsUnknown = encryptedKeys.includes("plumbline:secrets");
    await loadRelease(projectDir, context.stack, raw, { allowMissingSecrets: allowMissingSecrets || secretsUnknown });
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
        readMasked(workspace);
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

/**
 * State and outputs are read as Pulumi shows them, with secrets masked: to decrypt them takes longer than all the rest of a
 * call, and whoever needs one asks for it (`readSecretValues`).
 */
function readMasked(workspace: LocalWorkspace): void {
    const read = async (...args: string[]) => {
        const answer = await runPulumi(workspace, ["stack", ...args]);
        if (!answer.ok) throw pulumiCliError(answer.stderr);
        return JSON.parse(answer.stdout);
    };
    workspace.exportStack = (name) => read("export", "--stack", name);
    workspace.stackOutputs = async (name) => {
        const outputs: Record<string, unknown> = await read("output", "--json", "--stack", name);
        return Object.fromEntries(
            Object.entries(outputs).map(([key, value]) => [key, { value, secret: value === "[secret]" }]),
        );
    };
}

function pulumiCliError(stderr: string): PlumblineError {
    return new PlumblineError("settings", `Pulumi cannot open the stack: ${stderr.replace(/^error: /, "")}`, {
        remedy: "Check PULUMI_BACKEND_URL and PULUMI_CONFIG_PASSPHRASE, and the stack's settings file.",
    });
}

/** The folder of a file backend; undefined where the state is kept elsewhere. */
function fileBackend(url: string | undefined, projectDir: string): string | undefined {
    if (!url?.startsWith("file://")) return undefined;
    return url.startsWith("file:///") ? fileURLToPath(url) : path.resolve(projectDir, url.slice(7));
}

function isMissing(folder: string): Promise<boolean> {
    return access(folder).then(
        () => false,
        () => true,
    );
}
