/** The content of a service's files, as it stands in the release. */
import { readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BaselineFile } from "./compose-files.ts";
import { PlumblineError } from "./errors.ts";
import { inProject } from "./in-project.ts";
import { placeholdersIn } from "./secrets.ts";
import type { FileRelease } from "./types.ts";

/** A release is kept in Pulumi's state, in the ledger and with every report: what is larger belongs into an image. */
const mostBytes = 512 * 1024;

/** Compose's default; a script of the project stays one that can be run. */
const defaultMode = 0o444;
const executableMode = 0o555;

/**
 * Reads the files of a service.
 * @throws PlumblineError `baseline` for a file that is missing, unreadable, a folder, too large or outside the project
 */
export function readFiles(
    projectDir: string,
    service: string,
    files: readonly BaselineFile[],
): Promise<readonly FileRelease[]> {
    return Promise.all(
        files.map(async ({ source, ...file }): Promise<FileRelease> => {
            if (source.type === "text") {
                if (Buffer.byteLength(source.text) > mostBytes)
                    throw refused(service, file.target, "is too large", tooLarge);
                return { mode: defaultMode, ...file, content: source.text, encoding: "text" };
            }
            const { data, executable } = await readOne(projectDir, service, source.path);
            return { mode: executable ? executableMode : defaultMode, ...file, ...encoded(data) };
        }),
    );
}

const tooLarge = `Keep it under ${mostBytes / 1024} KiB, or copy it in the Dockerfile.`;

async function readOne(
    projectDir: string,
    service: string,
    path: string,
): Promise<{ readonly data: Buffer; readonly executable: boolean }> {
    const full = join(projectDir, path);
    const unreadable = (cause: unknown): never => {
        throw refused(service, path, "cannot be read", "Create it, or correct `file` in the compose file.", cause);
    };
    const status = await stat(full).catch(unreadable);
    if (inProject(await realpath(projectDir), await realpath(full)) === undefined) {
        throw refused(service, path, "is a link to outside the project", "Put the file itself there.");
    }
    if (!status.isFile())
        throw refused(service, path, "is no file", "Name each file, or copy the folder in the Dockerfile.");
    if (status.size > mostBytes) throw refused(service, path, "is too large", tooLarge);
    return { data: await readFile(full).catch(unreadable), executable: (status.mode & 0o111) !== 0 };
}

/** As text where it can be read as such. What looks like a placeholder in a file is the file's own, and stays as it is. */
function encoded(data: Buffer): Pick<FileRelease, "content" | "encoding"> {
    const text = data.toString("utf8");
    const isText = Buffer.from(text, "utf8").equals(data) && placeholdersIn(text).length === 0;
    return isText ? { content: text, encoding: "text" } : { content: data.toString("base64"), encoding: "base64" };
}

function refused(service: string, file: string, what: string, remedy: string, cause?: unknown): PlumblineError {
    return new PlumblineError("baseline", `The file ${file} of ${service} ${what}.`, {
        service,
        remedy,
        ...(cause === undefined ? {} : { cause }),
    });
}
