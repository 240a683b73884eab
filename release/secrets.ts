/**
 * Secrets, by name and version: a release carries placeholders, the values come in where a container is declared or a
 * probe is sent.
 */
import { randomInt, scryptSync } from "node:crypto";
import { PlumblineError } from "./errors.ts";
import { compareText, hashOf } from "./revision.ts";
import type { SecretSource } from "./types.ts";

type Values = Readonly<Record<string, string>>;

const pattern = /<secret:([A-Za-z_][A-Za-z0-9_]*)>/g;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Claims of every generated key, fixed so that the same signing secret gives the same key: 2025-01-01 and 2035-01-01. */
const jwtTimes = { iat: 1735689600, exp: 2051222400 } as const;

/** The text that stands in a release where the value of a secret belongs. */
export function placeholderOf(name: string): string {
    return `<secret:${name}>`;
}

/** Names of the secrets whose placeholders stand anywhere in a JSON value, sorted, each once. */
export function placeholdersIn(value: unknown): string[] {
    const names = Array.from(JSON.stringify(value ?? null).matchAll(pattern), (match) => match[1] ?? "");
    return [...new Set(names)].sort(compareText);
}

/** Puts the values in the place of their placeholders. Throws, naming the secret, when a value is missing. */
export function substituteSecrets(text: string, values: Values): string {
    return text.replace(pattern, (_, name: string) => {
        const value = Object.hasOwn(values, name) ? values[name] : undefined;
        if (value === undefined) {
            throw new PlumblineError("settings", `The secret ${name} has no value.`, {
                remedy: `Declare ${name} under x-plumbline.secrets of the compose file, or set it with \`npm run secrets\`.`,
            });
        }
        return value;
    });
}

/** `substituteSecrets` on every string inside a JSON value; keys are left as they are. */
export function substituteDeep<T>(value: T, values: Values): T {
    return substitute(value, values) as T;
}

function substitute(value: unknown, values: Values): unknown {
    if (typeof value === "string") return substituteSecrets(value, values);
    if (Array.isArray(value)) return value.map((member) => substitute(member, values));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, substitute(member, values)]));
}

/**
 * The version of each secret, which stands in the release in the place of its value: `g1` for a generated one (the
 * number is `credentialsVersion`; raising it makes new values), `c` and eight hex digits for one given by the
 * configuration, `d` and eight hex digits for a key that is derived from a signing secret.
 */
export function secretVersions(
    sources: Readonly<Record<string, SecretSource>>,
    given: Values,
    stack: string,
    credentialsVersion: number,
): Record<string, string> {
    const versionOf = (name: string, source: SecretSource): string => {
        const value = given[name];
        if (value !== undefined) return `c${fingerprint(stack, name, value)}`;
        if (source.type === "generate") return `g${credentialsVersion}`;
        const signer = sources[source.signedWith];
        if (signer === undefined) throw unknownSigner(name, source.signedWith);
        return `d${hashOf([versionOf(source.signedWith, signer), source.role, jwtTimes], 8)}`;
    };
    return Object.fromEntries(
        Object.entries(sources)
            .sort(([a], [b]) => compareText(a, b))
            .map(([name, source]) => [name, versionOf(name, source)]),
    );
}

const fingerprints = new Map<string, string>();

/**
 * Eight hex digits that change with the value. A release is written to reports and to the ledger in clear, so a plain
 * hash would let anyone who reads them try a list of weak passwords at full speed; scrypt makes each try cost about as
 * much as a login, and the salt keeps equal values of two stacks or two names apart. Kept for the life of the process.
 */
function fingerprint(stack: string, name: string, value: string): string {
    const key = JSON.stringify([stack, name, value]);
    const known = fingerprints.get(key);
    if (known !== undefined) return known;
    const made = scryptSync(value, `plumbline/${stack}/${name}`, 4).toString("hex");
    fingerprints.set(key, made);
    return made;
}

/**
 * A value for every secret: the given one where there is one, otherwise a random password of letters and digits (safe
 * in a URL), otherwise a JWT (HS256) with the role, signed with the signing secret. The same signing secret gives the
 * same key. `random(n)` returns a whole number from 0 to below `n`.
 */
export async function generateSecrets(
    sources: Readonly<Record<string, SecretSource>>,
    given: Values,
    random: (below: number) => number = (below) => randomInt(below),
): Promise<Record<string, string>> {
    const values: Record<string, string> = {};
    const names = Object.keys(sources).sort(compareText);
    for (const name of names) {
        const source = sources[name];
        const value = given[name];
        if (value !== undefined) values[name] = value;
        else if (source?.type === "generate") values[name] = randomPassword(source.length, random);
    }
    for (const name of names) {
        const source = sources[name];
        if (values[name] !== undefined || source?.type !== "jwt") continue;
        const secret = values[source.signedWith];
        if (secret === undefined) throw unknownSigner(name, source.signedWith);
        values[name] = await signKey(source.role, secret);
    }
    return values;
}

function randomPassword(length: number, random: (below: number) => number): string {
    return Array.from({ length }, () => alphabet.charAt(random(alphabet.length))).join("");
}

async function signKey(role: string, secret: string): Promise<string> {
    // Loaded where a key is made: most runs make none.
    const { SignJWT } = await import("jose");
    return new SignJWT({ role, iss: "plumbline", ...jwtTimes })
        .setProtectedHeader({ alg: "HS256", typ: "JWT" })
        .sign(new TextEncoder().encode(secret));
}

function unknownSigner(name: string, signer: string): PlumblineError {
    return new PlumblineError(
        "baseline",
        `The secret ${name} is signed with ${signer}, which is not a generated secret.`,
        {
            remedy: `Declare ${signer} under x-plumbline.secrets with \`generate\`.`,
        },
    );
}
