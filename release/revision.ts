/** Names for content: one canonical text for any JSON value, and hashes over it. */
import { createHash } from "node:crypto";

/** JSON with sorted keys and without undefined members: equal values have equal text, whatever order they were written in. */
export function canonicalJson(value: unknown): string {
    return JSON.stringify(sorted(value));
}

/** SHA-256 over the canonical text, in hex; `digits` cuts it to its first digits. */
export function hashOf(value: unknown, digits = 64): string {
    return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, digits);
}

function sorted(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(sorted);
    if (value === null || typeof value !== "object") return value;
    // Null prototype: a key named __proto__ is a key like any other.
    const result: Record<string, unknown> = Object.create(null);
    for (const [key, member] of Object.entries(value).sort(([a], [b]) => compareText(a, b))) {
        if (member !== undefined) result[key] = sorted(member);
    }
    return result;
}

/** Order of two strings by their code units: the same on every machine, unlike `localeCompare`. */
export function compareText(a: string, b: string): number {
    return a < b ? -1 : a > b ? 1 : 0;
}

/** Entries of a record by key, in the order of `compareText`. */
export function sortedEntries<T>(record: Readonly<Record<string, T>>): [string, T][] {
    return Object.entries(record).sort(([a], [b]) => compareText(a, b));
}
