/** Set-ups in processes of their own, which can be killed and whose words can be read. */

import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface SetUpProcess {
    readonly child: ChildProcess;
    /** Its exit code, or null when a signal ended it. */
    readonly ended: Promise<number | null>;
    /** What it has said so far. */
    told(): string;
}

/**
 * Runs a set-up with the tools of a folder.
 * @param parts lines of JavaScript that make `parts`; they have `paths`, and `load`, which imports a file of `toolchain/`
 * @param leader whether it leads a process group, so that it can be killed with what it runs
 */
export function setUpProcess(
    folder: string,
    parts: string,
    env: Readonly<Record<string, string>>,
    leader = false,
): SetUpProcess {
    const program = `
        const load = (file) => import(${JSON.stringify(path.resolve("toolchain"))} + "/" + file);
        const { toolPaths } = await load("paths.ts");
        const { installMissing } = await load("setup.ts");
        const paths = toolPaths(${JSON.stringify(folder)}, {});
        ${parts}
        await installMissing(paths, parts);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
        env: { ...process.env, NODE_OPTIONS: "", ...env },
        stdio: ["ignore", "ignore", "pipe"],
        detached: leader,
    });
    let told = "";
    child.stderr.on("data", (data: Buffer) => {
        told += data;
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    return { child, ended, told: () => told };
}

/** Waits for a condition. */
export async function until(condition: () => boolean): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!condition()) {
        if (Date.now() > deadline) throw new Error("it did not happen within 30 s");
        await sleep(20);
    }
}
