/** Files beside the compose file that plain `docker compose up` reads by itself and Plumbline does not: every plan says so. */
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { ComposeSource } from "./compose-source.ts";

/**
 * Sentences on a `.env` that would change the file, and on an override file.
 * @param folder the project, absolute
 * @param given names of the variables that the stack sets
 */
export async function besideNotes(folder: string, source: ComposeSource, given: readonly string[]): Promise<string[]> {
    const env = await textOf(join(folder, ".env"));
    const names = Array.from(env?.matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=/gm) ?? [], (match) => match[1] ?? "");
    const missed = [...new Set(names)].filter(
        (name) => source.variables.includes(name) && !source.secretNames.includes(name) && !given.includes(name),
    );
    const ending = extname(source.file);
    const override = `${source.file.slice(0, -ending.length || undefined)}.override${ending}`;
    return [
        ...(missed.length === 0
            ? []
            : [
                  `.env is not read, and sets what ${source.file} uses: set ${missed.join(", ")} under plumbline:variables`,
              ]),
        ...((await textOf(join(folder, override))) === undefined
            ? []
            : [`${override} is not read: what a stack needs of it belongs into ${source.file}`]),
    ];
}

/** Undefined where there is no such file, or it cannot be read. */
function textOf(path: string): Promise<string | undefined> {
    return readFile(path, "utf8").catch(() => undefined);
}
