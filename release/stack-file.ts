/** `Pulumi.<stack>.yaml` read without Pulumi: for what must be known before Pulumi is asked, since it writes to the file. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { PlumblineError } from "./errors.ts";

/** What the file says as far as it can be read without the passphrase. */
export interface StackFile {
    /** Keys as they stand there, text for plain values and JSON for structured ones, as Pulumi hands them over. */
    readonly config: Readonly<Record<string, string>>;
    /** Keys whose whole value is encrypted. */
    readonly encryptedKeys: readonly string[];
}

/** Stands for a value that only Pulumi can decrypt; long enough and of the right letters for every check of a secret. */
const encrypted = "encrypted-in-the-settings-file-of-the-stack";

/**
 * Reads the file; encrypted values inside a structured one are replaced by a text that stands for them.
 * @throws PlumblineError `settings` for a file that is missing, or is no YAML
 */
export async function readStackFile(projectDir: string, stack: string): Promise<StackFile> {
    const file = `Pulumi.${stack}.yaml`;
    const text = await readFile(join(projectDir, file), "utf8").catch((cause: unknown) => {
        throw new PlumblineError("settings", `${file} cannot be read.`, { remedy: `Create it, or correct it.`, cause });
    });
    return parseStackFile(text, file);
}

export function parseStackFile(text: string, file: string): StackFile {
    const document = parseDocument(text);
    const [error] = document.errors;
    if (error !== undefined) throw malformed(file, error.message.split("\n", 1)[0]?.replace(/:$/, "") ?? "");
    const value: unknown = document.toJS();
    if (value === null || value === undefined) return { config: {}, encryptedKeys: [] };
    if (!isMap(value)) throw malformed(file, "expected a dictionary with the key config");
    const config = value.config ?? {};
    if (!isMap(config)) throw malformed(file, "config must be a dictionary of keys as plumbline:project");
    const entries = Object.entries(config);
    return {
        config: Object.fromEntries(
            entries
                .filter(([, member]) => !isEncrypted(member))
                .map(([key, member]) => [key, textOf(decrypted(member))]),
        ),
        encryptedKeys: entries.filter(([, member]) => isEncrypted(member)).map(([key]) => key),
    };
}

/**
 * Refuses a stack without any setting of ours. Where its file is missing, Pulumi writes an empty one without a word, and
 * the defaults would then deploy under another name than the stack has.
 * @param config the keys that are ours
 * @throws PlumblineError `settings`
 */
export function requireSettings(stack: string, config: Readonly<Record<string, string>>): void {
    if (Object.keys(config).length > 0) return;
    const file = `Pulumi.${stack}.yaml`;
    throw new PlumblineError("settings", `${file} holds no settings: so Pulumi writes it where it is missing.`, {
        remedy: `Take it from git again (git checkout ${file}), or set plumbline:project in it.`,
    });
}

function malformed(file: string, reason: string): PlumblineError {
    return new PlumblineError("settings", `${file} is not valid:\n  - ${reason}`, {
        remedy: `Correct ${file}; docs/settings.md lists every key.`,
    });
}

function textOf(value: unknown): string {
    return typeof value === "string" ? value : JSON.stringify(value);
}

/** `{ secure: … }` is how Pulumi writes an encrypted value, at whatever depth. */
function decrypted(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(decrypted);
    if (isEncrypted(value)) return encrypted;
    if (!isMap(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, decrypted(member)]));
}

function isEncrypted(value: unknown): boolean {
    return isMap(value) && typeof value.secure === "string" && Object.keys(value).length === 1;
}

function isMap(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}
