/** On which line of the compose file a key stands literally. Pure. */
import {
    type Alias,
    type Document,
    isAlias,
    isMap,
    isNode,
    isScalar,
    isSeq,
    LineCounter,
    type Node,
    parseDocument,
} from "yaml";

/** Other spellings that compose has for the same thing. */
const spellings: Readonly<Record<string, readonly string[]>> = {
    mem_limit: ["deploy", "resources", "limits", "memory"],
    cpus: ["deploy", "resources", "limits", "cpus"],
    pids_limit: ["deploy", "resources", "limits", "pids"],
};

/** Line of a key, by its path from the top and counted from 1; undefined where it is not written, as a default is not. */
export type LineFinder = (path: readonly string[]) => number | undefined;

/** Reads the text once. What YAML cannot read has no lines. */
export function lineFinder(text: string): LineFinder {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines });
    if (document.errors.length > 0) return () => undefined;
    const targetOf = aliasResolver(document);
    const find = (path: readonly string[]) => {
        const offset = offsetAt(document.contents, path, targetOf);
        return offset === undefined ? undefined : lines.linePos(offset).line;
    };
    return (path) => {
        const [section = "", subject = "", key = ""] = path;
        const other = section === "services" && path.length === 3 ? spellings[key] : undefined;
        return find(path) ?? (other === undefined ? undefined : find([section, subject, ...other]));
    };
}

/** What an alias stands for, anything else as it is. Each is looked up once, since that walks through the whole document. */
type TargetOf = (node: unknown) => unknown;

function aliasResolver(document: Document): TargetOf {
    const known = new Map<Alias, unknown>();
    return (node) => {
        if (!isAlias(node)) return node;
        if (!known.has(node)) known.set(node, node.resolve(document));
        return known.get(node);
    };
}

function offsetAt(root: unknown, path: readonly string[], targetOf: TargetOf): number | undefined {
    let here: Found | undefined = { offset: 0, value: root };
    for (const key of path) {
        here = here === undefined ? undefined : member(here.value, key, targetOf);
    }
    return here?.offset;
}

interface Found {
    readonly offset: number | undefined;
    readonly value: unknown;
}

function member(node: unknown, key: string, targetOf: TargetOf): Found | undefined {
    const value = targetOf(node);
    if (isMap(value)) {
        const pair = value.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
        if (pair !== undefined) return { offset: offsetOf(pair.key), value: pair.value };
        return merged(value).reduce<Found | undefined>(
            (found, from) => found ?? member(from, key, targetOf),
            undefined,
        );
    }
    if (isSeq(value)) {
        const item = value.items.find((entry) => isEntryFor(entry, key));
        return item === undefined ? undefined : { offset: offsetOf(item), value: item };
    }
    return undefined;
}

function merged(map: { readonly items: readonly { key: unknown; value: unknown }[] }): readonly unknown[] {
    const from = map.items.find((item) => isScalar(item.key) && item.key.value === "<<")?.value;
    return isSeq(from) ? from.items : from === undefined ? [] : [from];
}

/** Compose's short forms: `NAME=value`, `host:ip`, `volume:/path:ro`, `127.0.0.1:8000:80`; the long ones by their target. */
function isEntryFor(entry: unknown, key: string): boolean {
    if (isMap(entry)) return String(entry.get("target")) === key;
    if (!isScalar(entry)) return false;
    const text = String(entry.value);
    return text === key || text.startsWith(`${key}=`) || text.split(":").includes(key);
}

function offsetOf(node: unknown): number | undefined {
    return isNode(node) ? (node as Node).range?.[0] : undefined;
}
