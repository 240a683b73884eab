/** A hint for a mistyped name. */
import { closest, distance } from "fastest-levenshtein";

/** ` (did you mean x?)` when a known name is near enough to be a slip of the finger or begins with what was typed, otherwise nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
    if (known.length === 0) return "";
    const longer = name.length >= 3 ? known.find((other) => other.startsWith(name)) : undefined;
    const best = longer ?? closest(name, known);
    const near = longer !== undefined || distance(name, best) <= Math.max(2, Math.floor(name.length / 3));
    return near ? ` (did you mean ${best}?)` : "";
}
