/** A process that has ended and stays in the table of processes, since its parent never asks for its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";

/** Ends only once its parent, the shell, has become a program that never asks for the end of a child. */
const endsUnderSleep = "until grep -q sleep /proc/$$/comm; do :; done";

/**
 * @param program path of what it last was: the name under which it stands in the table. @default the shell
 * @returns its number, and its parent, which the caller ends
 */
export async function zombie(program?: string): Promise<{ readonly pid: number; readonly parent: ChildProcess }> {
    const last = program === undefined ? "" : `; exec ${program}`;
    const parent = spawn("sh", ["-c", `(${endsUnderSleep}${last}) & echo $!; exec sleep 600`], {
        stdio: ["ignore", "pipe", "ignore"],
    });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(line.toString("utf8"));
    while (!/\) Z /.test(await readFile(`/proc/${pid}/stat`, "utf8"))) {
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { pid, parent };
}
