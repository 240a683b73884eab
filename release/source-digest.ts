/**
 * The digest of an image's source: known before the image is built, the same in every clone, used as its tag and as
 * the trigger of its build.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { PlumblineError } from "./errors.ts";
import { ignoredBy } from "./ignore.ts";
import { compareText, hashOf } from "./revision.ts";

export interface ImageSource {
    /** Build context, relative to the project folder. */
    readonly context: string;
    /** Dockerfile, relative to the project folder. */
    readonly dockerfile: string;
    readonly target?: string;
    readonly args: Readonly<Record<string, string>>;
}

/**
 * SHA-256 in hex over the Dockerfile (and with it the name of the base image), target, arguments, and of every file of
 * the context that `.dockerignore` does not leave out: its path, whether it is executable, its content. A symbolic
 * link counts by its target. Times, owners and the umask do not count; neither do empty folders, which git does not keep.
 */
export async function sourceDigest(projectDir: string, service: string, source: ImageSource): Promise<string> {
    const context = join(projectDir, source.context);
    const dockerfile = await readFile(join(projectDir, source.dockerfile)).catch((cause: unknown) => {
        throw new PlumblineError("baseline", `The Dockerfile ${source.dockerfile} of ${service} cannot be read.`, {
            service,
            remedy: "Create it, or correct `build` of the service in the compose file.",
            cause,
        });
    });
    const ignored = ignoredBy(await ignoreText(context, join(projectDir, source.dockerfile)));
    const files: [path: string, kind: string, content: string][] = [];
    for (const path of (await pathsBelow(context, "")).filter((path) => !ignored(path)).sort(compareText)) {
        const entry = await entryOf(join(context, path));
        if (entry !== undefined) files.push([path, ...entry]);
    }
    return hashOf({
        dockerfile: createHash("sha256").update(dockerfile).digest("hex"),
        target: source.target ?? null,
        args: source.args,
        files,
    });
}

/** The builder's order: a file named after the Dockerfile, then the one of the context. */
async function ignoreText(context: string, dockerfile: string): Promise<string> {
    const own = await readFile(`${dockerfile}.dockerignore`, "utf8").catch(ignoreMissing);
    return own ?? (await readFile(join(context, ".dockerignore"), "utf8").catch(ignoreMissing)) ?? "";
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
    if (error.code !== "ENOENT") throw error;
}

async function pathsBelow(root: string, folder: string): Promise<string[]> {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    const paths = entries.map((entry) => {
        const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
        return entry.isDirectory() ? pathsBelow(root, path) : Promise.resolve([path]);
    });
    return (await Promise.all(paths)).flat();
}

/** Kind and content of a file or a link; undefined for sockets and the like, which the builder leaves out too. */
async function entryOf(path: string): Promise<[kind: string, content: string] | undefined> {
    const status = await lstat(path);
    if (status.isSymbolicLink()) return ["link", await readlink(path)];
    if (!status.isFile()) return undefined;
    const hash: Hash = createHash("sha256");
    await pipeline(createReadStream(path), hash);
    return [(status.mode & 0o111) === 0 ? "file" : "executable", hash.digest("hex")];
}
