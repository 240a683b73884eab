/** The compose file as a person wrote it: what must be known before compose reads it, and the lines of its keys. */
import { readFile } from "node:fs/promises";
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { PlumblineError } from "./errors.ts";

export interface ComposeSource {
    /** As it stands in the settings, relative to the project. */
    readonly file: string;
    /** Names of the variables under `x-plumbline.secrets`: compose needs something to put in their place. */
    readonly secretNames: readonly string[];
    /** Names of the variables that the text itself uses, sorted. */
    readonly variables: readonly string[];
    /** Whether a service can be under a profile: here, or in a file that this one takes in. */
    readonly mayHaveProfiles: boolean;
    /** `docker-compose.yml:12` for the path of a key, or the file alone where the key is not written in it. */
    locate(path: readonly PropertyKey[]): string;
}

/** Reads the file. What is wrong with its YAML is left for compose to say. */
export async function readComposeSource(path: string, file: string): Promise<ComposeSource> {
    const text = await readFile(path, "utf8").catch((cause: unknown) => {
        throw new PlumblineError("baseline", `The compose file ${file} cannot be read.`, {
            remedy: "Create it, or set plumbline:composeFile of the stack.",
            cause,
        });
    });
    return parseComposeSource(text, file);
}

export function parseComposeSource(text: string, file: string): ComposeSource {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, merge: true });
    const secrets = document.errors.length > 0 ? undefined : document.toJS()?.["x-plumbline"]?.secrets;
    return {
        file,
        variables: [...new Set(Array.from(text.matchAll(/\$\{?([A-Za-z_]\w*)/g), (match) => match[1] ?? ""))].sort(),
        mayHaveProfiles: /\b(profiles|include|extends)\b/.test(text),
        secretNames: secrets !== null && typeof secrets === "object" ? Object.keys(secrets) : [],
        locate(path) {
            for (let length = path.length; length > 0; length--) {
                const offset = offsetAt(document.contents, path.slice(0, length));
                if (offset !== undefined) return `${file}:${lines.linePos(offset).line}`;
            }
            return file;
        },
    };
}

/** Where the last key of the path is written, in characters from the start of the text. */
function offsetAt(root: unknown, path: readonly PropertyKey[]): number | undefined {
    let node = root;
    let offset: number | undefined;
    for (const key of path) {
        if (isMap(node)) {
            const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
            if (pair === undefined || !isNode(pair.key)) return undefined;
            offset = pair.key.range?.[0];
            node = pair.value;
        } else if (isSeq(node)) {
            node = node.items[Number(key)];
            offset = isNode(node) ? node.range?.[0] : undefined;
        } else return undefined;
    }
    return offset;
}
