/** Whether a command can write down what it is about to do, asked before it does anything. */
import { access, constants } from "node:fs/promises";
import { dirname, relative } from "node:path";
import { PlumblineError } from "./errors.ts";

/**
 * Refuses a folder in which nothing can be written: a state, a timeline or evidence that cannot be kept must not be found
 * out half way. A folder that is not there yet is judged by the nearest one above it.
 * @param projectDir the folder of Pulumi.yaml, absolute, for the names in messages
 * @param folders absolute
 * @throws PlumblineError `settings`
 */
export async function requireWritable(projectDir: string, folders: readonly string[]): Promise<void> {
    for (const folder of folders) {
        const cause = await whyNotWritable(folder);
        if (cause === undefined) continue;
        const name = relative(projectDir, folder) || "of the project";
        throw new PlumblineError("settings", `The folder ${name} cannot be written: ${cause.message}`, {
            remedy: "Make it writable for your user, or deploy from a checkout that is; state and reports lie in it.",
        });
    }
}

async function whyNotWritable(folder: string): Promise<NodeJS.ErrnoException | undefined> {
    const error = await access(folder, constants.W_OK | constants.X_OK).then(
        () => undefined,
        (reason: NodeJS.ErrnoException) => reason,
    );
    const above = dirname(folder);
    return error?.code === "ENOENT" && above !== folder ? whyNotWritable(above) : error;
}
