/** A search for values of secrets in everything that a deployment leaves behind. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { StackName } from "../../release/settings-schema.ts";
import { filesBelow, type Project } from "./project.ts";

export interface SearchResult {
    /** As in `REDIS_PASSWORD in infrastructure/reports/…`; never a value. */
    readonly found: readonly string[];
    /** Everything that was looked at. */
    readonly places: readonly string[];
}

/**
 * Looks for each value in the project's own files (state, reports, evidence), in the ledger and the edge's
 * configuration on the engine, in the logs of every container, and in the given texts.
 */
export async function findSecrets(
    project: Project,
    stack: StackName,
    values: Readonly<Record<string, string>>,
    texts: Readonly<Record<string, string>>,
): Promise<SearchResult> {
    const contents = new Map<string, Buffer>(Object.entries(texts).map(([place, text]) => [place, Buffer.from(text)]));
    for (const file of await filesBelow(project.folder)) {
        contents.set(path.relative(project.folder, file), await readFile(file));
    }
    const { project: name } = project.place(stack);
    const names = await project.docker(["exec", await project.container(stack, "edge"), "ls", "/etc/plumbline-edge"]);
    for (const file of names.split("\n")) {
        const text = await fileOf(project, await project.container(stack, "edge"), `/etc/plumbline-edge/${file}`);
        contents.set(`edge/${file}`, text);
    }
    for (const [file, text] of await ledgerOf(project, name)) contents.set(file, text);
    for (const [service, ids] of Object.entries(await project.containers(stack))) {
        for (const id of ids) {
            contents.set(`logs of ${service}`, Buffer.from((await project.exec("docker", ["logs", id])).output));
        }
    }
    const found = [...contents].flatMap(([place, content]) =>
        Object.entries(values).flatMap(([secret, value]) => (content.includes(value) ? [`${secret} in ${place}`] : [])),
    );
    return { found: found.sort(), places: [...contents.keys()] };
}

/** The ledger's files, unpacked from the archive that the engine makes of its volume. */
async function ledgerOf(project: Project, name: string): Promise<[string, Buffer][]> {
    const folder = path.join(project.folder, "..", `${path.basename(project.folder)}-ledger`);
    try {
        await project.docker(["cp", `${name}-ledger:/ledger`, folder]);
        const files = await filesBelow(folder);
        return await Promise.all(
            files.map(
                async (file): Promise<[string, Buffer]> => [
                    path.join("ledger", path.relative(folder, file)),
                    await readFile(file),
                ],
            ),
        );
    } finally {
        await project.exec("rm", ["-rf", folder]);
    }
}

async function fileOf(project: Project, container: string, file: string): Promise<Buffer> {
    return Buffer.from((await project.exec("docker", ["exec", container, "cat", file])).stdout);
}
