/** The settings of one stack: read from its raw configuration, validated, defaults filled in. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { PlumblineError } from "./errors.ts";
import {
    defaultProbePort,
    defaultsOf,
    type StackName,
    settingsSchema as schema,
    stackNames,
} from "./settings-schema.ts";
import { didYouMean } from "./suggest.ts";

/** The passphrase of `local`, documented on purpose: what it encrypts is generated on the machine and protects nothing else. */
export const localPassphrase = "plumbline-local";

const leastPassphraseLength = 12;

/** A stack's validated settings, all defaults filled in. */
export type Settings = Readonly<Omit<z.infer<typeof schema>, "probePort">> & {
    readonly stack: StackName;
    readonly probePort: number;
};

/**
 * The settings of a stack from its raw configuration: text for plain values, JSON for structured ones, as Pulumi gives
 * them, keys without the `plumbline:` prefix. Reports every problem at once.
 * @throws PlumblineError of category `settings`; never with the value of a secret in it
 */
export function parseSettings(stack: string, raw: Readonly<Record<string, string>>): Settings {
    const name = stackNameOf(stack);
    const { given, problems } = readValues(raw);
    const parsed = schema.safeParse(merge(defaultsOf(name), given));
    if (!parsed.success) problems.push(...parsed.error.issues.flatMap((issue) => describeIssue(issue, given)));
    else problems.push(...contradictions(name, parsed.data));
    if (parsed.success && problems.length === 0) {
        const { probePort = defaultProbePort + parsed.data.ports.offset } = parsed.data;
        return { ...parsed.data, stack: name, probePort };
    }
    throw new PlumblineError(
        "settings",
        [`${fileOf(name)} is not valid:`, ...problems.map((text) => `  - ${text}`)].join("\n"),
        {
            remedy: `Correct ${fileOf(name)}; docs/settings.md lists every key.`,
        },
    );
}

/**
 * Refuses a passphrase that protects nothing. `local` may use the documented one; the others need their own, of at
 * least 12 characters. Where neither variable is set, Pulumi asks for it, or keeps secrets with another provider.
 */
export function checkPassphrase(
    stack: string,
    env: Readonly<Record<string, string | undefined>>,
    read: (file: string) => string = (file) => readFileSync(file, "utf8"),
): void {
    const name = stackNameOf(stack);
    const { PULUMI_CONFIG_PASSPHRASE: given, PULUMI_CONFIG_PASSPHRASE_FILE: file } = env;
    const passphrase = given ?? (file ? read(file).trim() : undefined);
    if (name === "local" || passphrase === undefined) return;
    const fault = passphraseFault(passphrase);
    if (fault === undefined) return;
    throw new PlumblineError("settings", `The passphrase of ${name} ${fault}.`, {
        remedy: `Set PULUMI_CONFIG_PASSPHRASE to a secret of at least ${leastPassphraseLength} characters.`,
    });
}

function passphraseFault(passphrase: string): string | undefined {
    if (passphrase === "") return "is empty";
    if (passphrase === localPassphrase) return "is the documented one of the local stack";
    if (passphrase.length < leastPassphraseLength) return `is shorter than ${leastPassphraseLength} characters`;
    return undefined;
}

/** The stack by its name; refuses one that has no defaults here. */
export function stackNameOf(stack: string): StackName {
    const known = stackNames.find((name) => name === stack);
    if (known !== undefined) return known;
    throw new PlumblineError("settings", `There is no stack ${stack}${didYouMean(stack, stackNames)}.`, {
        remedy: `Use one of ${stackNames.join(", ")}.`,
    });
}

/** The file that a person edits to change a setting. */
export function fileOf(stack: StackName): string {
    return `Pulumi.${stack}.yaml`;
}

type Tree = { [key: string]: unknown };

/** Plain text to values: a field that is not text comes as JSON. Text that is no JSON is left for the schema to refuse. */
function readValues(raw: Readonly<Record<string, string>>): { given: Tree; problems: string[] } {
    const given: Tree = {};
    const problems: string[] = [];
    for (const [key, value] of Object.entries(raw)) {
        const field: z.ZodType | undefined = Object.hasOwn(schema.shape, key)
            ? schema.shape[key as keyof typeof schema.shape]
            : undefined;
        if (field === undefined) {
            problems.push(`plumbline:${key} is not a setting${hintFor(key)}`);
            continue;
        }
        given[key] = field instanceof z.ZodString || field instanceof z.ZodIPv4 ? value : fromJson(value);
    }
    // The short form of `ports: { auto: true }`.
    if (given.ports === "auto") given.ports = { auto: true };
    return { given, problems };
}

/** `pulumi config set plumbline:health.retries 5` without `--path` makes a key with a dot. */
function hintFor(key: string): string {
    const [first = ""] = key.split(".");
    if (first !== key && Object.hasOwn(schema.shape, first)) return ` (for a key inside ${first}, set it with --path)`;
    return didYouMean(key, Object.keys(schema.shape));
}

function fromJson(value: string): unknown {
    try {
        return JSON.parse(value);
    } catch {
        return value;
    }
}

/** Given values over defaults. Only objects are merged; a value of another shape replaces, for the schema to refuse. */
function merge(base: unknown, over: unknown): unknown {
    if (!isTree(base) || !isTree(over)) return over === undefined ? base : over;
    const result: Tree = { ...base };
    for (const [key, value] of Object.entries(over)) result[key] = merge(result[key], value);
    return result;
}

function isTree(value: unknown): value is Tree {
    return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** `plumbline:health.retries is "many", expected …`, without the value where it is a secret. */
function describeIssue(issue: z.core.$ZodIssue, given: Tree): string[] {
    const path = issue.path.map(String);
    const key = `plumbline:${path.join(".")}`;
    if (issue.code === "unrecognized_keys") {
        return issue.keys.map((name) => `${key}.${name} is not a setting${didYouMean(name, knownKeys(path))}`);
    }
    if (path[0] === "secrets") return [`${key} is not a valid secret: ${reasonOf(issue)}`];
    return [`${key} is ${JSON.stringify(valueAt(given, path))}: ${reasonOf(issue)}`];
}

function reasonOf(issue: z.core.$ZodIssue): string {
    return issue.message.replace(/^Invalid input: /, "");
}

function knownKeys(path: readonly string[]): string[] {
    let place: unknown = schema;
    for (const key of path) place = place instanceof z.ZodObject ? place.shape[key] : undefined;
    return place instanceof z.ZodObject ? Object.keys(place.shape) : [];
}

function valueAt(tree: unknown, path: readonly string[]): unknown {
    return path.reduce<unknown>((place, key) => (isTree(place) ? place[key] : undefined), tree);
}

/** What each value allows but all together do not. */
function contradictions(stack: StackName, settings: z.infer<typeof schema>): string[] {
    const found: string[] = [];
    if (stack === "local" && !settings.bindAddress.startsWith("127.")) {
        found.push(
            `plumbline:bindAddress is "${settings.bindAddress}": local is published on this machine only, as 127.0.0.1`,
        );
    }
    const { bakeSeconds, bakeIntervalSeconds, healthFailures } = settings.rollout;
    if (bakeSeconds > 0 && bakeSeconds < bakeIntervalSeconds * healthFailures) {
        found.push(
            `plumbline:rollout.bakeSeconds is ${bakeSeconds}: it must hold ${healthFailures} intervals of ${bakeIntervalSeconds} s, or be 0`,
        );
    }
    for (const name of Object.keys(settings.variables)) {
        if (Object.hasOwn(settings.secrets, name)) {
            found.push(`plumbline:variables.${name} is also set as plumbline:secrets.${name}: remove one`);
        }
    }
    return found;
}
