/** Folders for one test. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Calls `work` with an empty folder that is removed afterwards. */
export async function inTemporaryFolder<T>(work: (folder: string) => Promise<T> | T): Promise<T> {
    const folder = mkdtempSync(path.join(tmpdir(), "plumbline-toolchain-"));
    try {
        return await work(folder);
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

/** Sets variables of this process while `work` runs. */
export async function withVariables<T>(
    variables: Readonly<Record<string, string>>,
    work: () => Promise<T>,
): Promise<T> {
    const before = { ...process.env };
    Object.assign(process.env, variables);
    try {
        return await work();
    } finally {
        for (const name of Object.keys(variables)) {
            if (before[name] === undefined) delete process.env[name];
            else process.env[name] = before[name];
        }
    }
}
