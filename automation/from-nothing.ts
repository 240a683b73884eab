/** A stack out of nothing: the project with an empty backend, a random passphrase and generated secrets, in a temporary folder. */

import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Stack } from "@pulumi/pulumi/automation/index.js";
import { parse, stringify } from "yaml";
import { toolEnvironment } from "../toolchain/environment.ts";
import { toolPaths } from "../toolchain/paths.ts";
import { fromNothingVariable } from "../validation/preflight/preflight.ts";
import type { CommandContext } from "./context.ts";
import { requireStackFile } from "./options.ts";
import { setMissingSecrets } from "./secrets.ts";
import { openWorkspace } from "./workspace.ts";

/** What a plan must not see or write to: it belongs to the checkout. */
const leftOut = new Set([".git", ".plumbline", "infrastructure", "coverage"]);

/** An opened stack, and how to be rid of it. */
export interface ThrowAwayStack {
    readonly stack: Stack;
    close(): Promise<void>;
}

/** Opens the stack of the context in a temporary copy; the checkout is only read. */
export async function openFromNothing(context: CommandContext): Promise<ThrowAwayStack> {
    requireStackFile(context.projectDir, context.stack);
    const folder = await mkdtemp(path.join(os.tmpdir(), "plumbline-plan-"));
    const close = () => rm(folder, { recursive: true, force: true });
    try {
        const project = path.join(folder, "project");
        const state = path.join(folder, "state");
        await mkdir(project);
        await mkdir(state);
        await linkProject(context.projectDir, project);
        await linkTools(toolPaths(context.projectDir, context.env).bin, project);
        const env = {
            ...toolEnvironment(context.projectDir, context.env),
            // The program runs in the copy, with the tools of the checkout.
            PLUMBLINE_TOOLS: toolPaths(context.projectDir, context.env).root,
            PULUMI_BACKEND_URL: pathToFileURL(state).href,
            PULUMI_CONFIG_PASSPHRASE: randomBytes(24).toString("base64url"),
            PULUMI_CONFIG_PASSPHRASE_FILE: "",
            [fromNothingVariable]: "1",
        };
        const stack = await Stack.create(context.stack, await openWorkspace(project, env));
        await setMissingSecrets(stack, context.projectDir);
        return { stack, close };
    } catch (error) {
        await close();
        throw error;
    }
}

/** The project by links, but the stacks' settings as copies: Pulumi writes to those. */
async function linkProject(from: string, to: string): Promise<void> {
    for (const entry of await readdir(from)) {
        if (leftOut.has(entry)) continue;
        if (/^Pulumi\..+\.yaml$/.test(entry)) {
            const settings = await readFile(path.join(from, entry), "utf8");
            await writeFile(path.join(to, entry), withoutSecrets(settings), { mode: 0o600 });
        } else {
            await symlink(path.join(from, entry), path.join(to, entry));
        }
    }
}

/** The program looks for compose below its own folder. */
async function linkTools(bin: string, project: string): Promise<void> {
    await mkdir(path.join(project, ".plumbline"));
    await symlink(bin, path.join(project, ".plumbline", "bin"));
}

/** A stack's settings file without what only its own passphrase can read. */
export function withoutSecrets(yaml: string): string {
    const document: unknown = parse(yaml);
    if (!isMap(document)) return "";
    const { encryptionsalt: _salt, encryptedkey: _key, secretsprovider: _provider, ...rest } = document;
    return stringify(withoutSecure(rest));
}

function withoutSecure(value: unknown): unknown {
    if (Array.isArray(value)) return value.filter((member) => !isSecure(member)).map(withoutSecure);
    if (!isMap(value)) return value;
    const kept = Object.entries(value).filter(([, member]) => !isSecure(member));
    return Object.fromEntries(kept.map(([key, member]) => [key, withoutSecure(member)]));
}

function isSecure(value: unknown): boolean {
    return isMap(value) && typeof value.secure === "string";
}

function isMap(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}
