/** The common vocabulary of the parity checks: what is compared, and how an outcome is said. Pure. */
import type { EngineDefaults } from "../../engine/docker.ts";
import type { Listener, ServiceRelease, ServiceSpec } from "../../release/types.ts";
import type { ImageInspection, Inspection } from "../facts/container.ts";
import type { Fact } from "../facts/fact.ts";
import type { ProcessFacts } from "../facts/process.ts";
import type { FindingResult } from "../parity/finding.ts";
import type { RuleName } from "../parity/rules.ts";

/** One service beside the container that runs it. */
export interface Subject {
    readonly service: ServiceRelease;
    readonly stack: string;
    readonly project: string;
    readonly container: Inspection;
    readonly expectedImage: Fact<ImageInspection>;
    readonly actualImage: Fact<ImageInspection>;
    readonly process: Fact<ProcessFacts>;
    /** Path to content in base64. */
    readonly files: Readonly<Record<string, Fact<string | undefined>>>;
    readonly engine: Fact<EngineDefaults>;
    /** The edge's container, which carries ports and names. */
    readonly edge: Fact<Inspection>;
    /** The service's listeners on it. */
    readonly listeners: readonly Listener[];
    /** Image id of the commit, where there was one. */
    readonly committedImage?: string;
    /** Values of the secrets whose placeholders stand in the environment. */
    readonly secrets: Readonly<Record<string, string>>;
    /** A short name for a value that must not be shown; the same value has the same one within a report. */
    digest(value: string): string;
}

/** What a check says of one property. */
export interface Outcome {
    /** Below the service, in compose's terms. */
    readonly path: readonly string[];
    /** The process's own evidence, beside what the engine says of the same property. */
    readonly ofProcess?: boolean;
    readonly result: FindingResult;
    readonly expected: string;
    readonly actual: string;
    readonly rule?: RuleName;
    /** What to do, where it is not to make the container anew. */
    readonly remedy?: string;
    /** Whose container has to be made anew, where it is not the service's own: the edge carries names and ports. */
    readonly restoredBy?: string;
    readonly unknown?: boolean;
}

/** A check, and the keys of baseline and engine that it knows: what no check knows is an error. */
export interface ParityCheck {
    readonly knows: {
        readonly spec?: readonly (keyof ServiceSpec)[];
        readonly host?: readonly string[];
        readonly config?: readonly string[];
    };
    compare(subject: Subject): readonly Outcome[];
}

type Path = readonly string[];

/** `same` where both are equal; with a rule `intended`. */
export function equal(path: Path, expected: unknown, actual: unknown, rule?: RuleName): Outcome {
    const [wanted, found] = [shown(expected), shown(actual)];
    if (wanted !== found) return { path, result: "drift", expected: wanted, actual: found };
    return {
        path,
        result: rule === undefined ? "same" : "intended",
        expected: wanted,
        actual: found,
        ...(rule === undefined ? {} : { rule }),
    };
}

/** As `equal`, where what is expected may not be known. */
export function equalToFact(path: Path, expected: Fact<unknown>, actual: unknown): Outcome {
    return expected.known ? equal(path, expected.value, actual) : open(path, expected.reason, shown(actual));
}

export function intended(path: Path, rule: RuleName, expected: unknown, actual: unknown): Outcome {
    return { path, result: "intended", rule, expected: shown(expected), actual: shown(actual) };
}

export function drift(path: Path, expected: unknown, actual: unknown, remedy?: string): Outcome {
    return {
        path,
        result: "drift",
        expected: shown(expected),
        actual: shown(actual),
        ...(remedy === undefined ? {} : { remedy }),
    };
}

/** A question without an answer: why stands in the place of what was found or of what was expected. */
export function open(path: Path, reason: string, actual?: string): Outcome {
    return actual === undefined
        ? { path, result: "inconclusive", expected: "not compared", actual: `unknown: ${reason}` }
        : { path, result: "inconclusive", expected: `unknown: ${reason}`, actual };
}

/** Every key of two dictionaries, each compared; `describe` words what is expected of a key that is not there. */
export function equalEntries(
    path: Path,
    expected: Readonly<Record<string, string>>,
    actual: Readonly<Record<string, string>>,
): Outcome[] {
    const keys = [...new Set([...Object.keys(expected), ...Object.keys(actual)])].sort();
    return keys.map((key) => equal([...path, key], own(expected, key), own(actual, key)));
}

export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
    return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** The text of a value for people and for comparison; "none" where there is nothing. */
export function shown(value: unknown): string {
    if (value === undefined || value === null || value === "") return "none";
    if (typeof value === "string") return value;
    if (Array.isArray(value)) return value.length === 0 ? "none" : JSON.stringify(value);
    return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** `134217728 (128 MiB)`; 0 is how the engine says that there is none. */
export function bytesShown(bytes: number | undefined): string {
    if (bytes === undefined || bytes === 0) return "none";
    if (bytes < 0) return "no limit";
    const mebibytes = bytes / 1_048_576;
    return Number.isInteger(mebibytes) ? `${bytes} (${mebibytes} MiB)` : `${bytes} bytes`;
}
