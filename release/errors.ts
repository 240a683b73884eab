/** The one error class of the program, with what a person needs to act on it. */

/** What went wrong, in the words of docs/troubleshooting.md. */
export type ErrorCategory =
    | "usage"
    | "baseline"
    | "settings"
    | "port-conflict"
    | "dependency"
    | "engine"
    | "image"
    | "startup"
    | "health"
    | "performance"
    | "security"
    | "backup"
    | "migration"
    | "switch"
    | "rollback";

export interface ErrorDetails {
    /** The service that it is about, where it is about one. */
    readonly service?: string;
    /** The next step for the person, as an imperative sentence. */
    readonly remedy: string;
    readonly cause?: unknown;
}

/** An expected failure: names the thing, the cause and the next step. */
export class PlumblineError extends Error {
    readonly category: ErrorCategory;
    readonly service: string | undefined;
    readonly remedy: string;

    constructor(category: ErrorCategory, message: string, details: ErrorDetails) {
        super(message, details.cause === undefined ? undefined : { cause: details.cause });
        this.name = "PlumblineError";
        this.category = category;
        this.service = details.service;
        this.remedy = details.remedy;
    }

    /** The text that every door prints: `pulumi up`, our commands and the functions alike. */
    format(): string {
        const about = this.service === undefined ? this.category : `${this.category}, ${this.service}`;
        return `${this.message} [${about}]\n  Next: ${this.remedy}`;
    }
}

/** The text of any thrown value, with its causes, on one line each. */
export function describeError(error: unknown): string {
    if (error instanceof PlumblineError) return error.format();
    if (error instanceof Error) {
        const cause = error.cause === undefined ? "" : `\n  because: ${describeError(error.cause)}`;
        return `${error.message || error.name}${cause}`;
    }
    return String(error);
}
