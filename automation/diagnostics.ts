/** Pulumi's diagnostics, collected from engine events and cleaned for people. A failed `up` has them only there. Pure. */

import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";

/** Pulumi's closing lines, which say nothing that another diagnostic does not say. */
const closingLines = new Set(["update failed", "preview failed", "destroy failed", "refresh failed"]);

/** Gathers the diagnostics of one Pulumi operation. */
export class Diagnostics {
    readonly #errors = new Map<string, string>();
    readonly #warnings = new Map<string, string>();
    readonly #raw: string[] = [];

    /** Takes one engine event; anything but a diagnostic is left alone. @returns a warning that was not there before */
    add(event: EngineEvent): string | undefined {
        const diagnostic = event.diagnosticEvent;
        if (!diagnostic || diagnostic.ephemeral || (diagnostic.severity as string) === "debug") return undefined;
        const raw = stripColours(`${diagnostic.prefix ?? ""}${diagnostic.message}`).trim();
        if (raw === "") return undefined;
        const subject = nameOfUrn(diagnostic.urn);
        this.#raw.push(`${diagnostic.severity} ${subject ?? ""}: ${raw}`);
        const text = cleanMessage(stripColours(diagnostic.message));
        if (text === "") return undefined;
        const line = subject === null ? text : `${subject}: ${text}`;
        if (diagnostic.severity === "error") this.#errors.set(text, line);
        if (diagnostic.severity !== "warning" || this.#warnings.has(text)) return undefined;
        this.#warnings.set(text, line);
        return line;
    }

    /** The errors, each once, complete, in the order of their coming. */
    errors(): string[] {
        const all = [...this.#errors];
        const telling = all.filter(([text]) => !closingLines.has(text));
        return (telling.length > 0 ? telling : all).map(([, line]) => line);
    }

    /** The warnings, each once. */
    warnings(): string[] {
        return [...this.#warnings.values()];
    }

    /** Everything as it came but for colours, for the evidence. */
    raw(): string {
        return this.#raw.length === 0 ? "" : `${this.#raw.join("\n")}\n`;
    }
}

/** Without Pulumi's colour tags (`<{%reset%}>`) and the terminal's escape sequences. */
export function stripColours(text: string): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
    return text.replace(/<\{%[^%]*%\}>/g, "").replace(/\u001b\[[0-9;]*[A-Za-z]/g, "");
}

/** A message without stack frames and the runtime's wrapping, every other line as it is. */
export function cleanMessage(message: string): string {
    const lines = message
        .split("\n")
        .filter((line) => !/^\s+at (async )?(.+ \(.+\)|.+:\d+:\d+\)?|<anonymous>)( \{)?$/.test(line))
        .filter((line) => !/^\s*(error: )?Running program .* failed with an unhandled exception:\s*$/.test(line))
        .map((line) =>
            line
                .replace(/^(error|Error|Uncaught): +/, "")
                .replace(/^(Error \[)?PlumblineError\]?: /, "")
                // Before what a provider refuses of a resource's inputs; the diagnostic names the resource anyway.
                .replace(/^pulumi-nodejs:dynamic:Resource resource '[^']+' has a problem: /, ""),
        );
    return foldFields(lines.join("\n"))
        .replace(/\n{3,}/g, "\n\n")
        .trim();
}

/** The fields that the runtime prints below one of our errors, in the form that our errors have everywhere. */
function foldFields(text: string): string {
    const fields =
        /\n {2}category: '([^']+)',\n(?: {2}service: (?:undefined|'([^']*)'),\n)? {2}remedy: (['"`])([\s\S]*?)\3(?:,\n {2}\[cause\]: ([\s\S]*?))?\n\}/g;
    return text.replace(fields, (_match, category, service, _quote, remedy, cause) => {
        const about = service === undefined ? category : `${category}, ${service}`;
        const because = cause === undefined ? "" : `\n  because: ${cause}`;
        return ` [${about}]${because}\n  Next: ${remedy}`;
    });
}

/** The resource's own name, as in `api-3f9c1a2b`; null where the diagnostic is about none, or about the stack. */
export function nameOfUrn(urn: string | undefined): string | null {
    if (!urn || /::pulumi:(pulumi:Stack|providers:)/.test(urn)) return null;
    return urn.slice(urn.lastIndexOf("::") + 2) || null;
}
