/** What goes wrong with the engine: whether it may pass, and what it means to a person. Pure. */

import { PlumblineError } from "../release/errors.ts";

/** The request did not reach the engine, so that even what must not be done twice may be said again. */
const unreached = new Set(["ECONNREFUSED", "ENOENT", "EAI_AGAIN"]);
/** The connection broke or nobody answered: the engine may or may not have acted. */
const broken = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "ESOCKETTIMEDOUT"]);
/** A proxy's words for the same. */
const passing = new Set([502, 503, 504]);

export function wasNotReached(error: unknown): boolean {
    return unreached.has(field(error, "code"));
}

export function mayPass(error: unknown): boolean {
    const code = field(error, "code");
    if (unreached.has(code) || broken.has(code) || passing.has(statusOf(error))) return true;
    return field(error, "message").includes("socket hang up");
}

/** What was done in a container was cut off: the container is down, or the engine has begun anew and knows nothing of it. */
export function wasCutOff(error: unknown): boolean {
    const [status, words] = [statusOf(error), wordsOf(error)];
    return (
        (status === 404 && /no such exec instance/i.test(words)) || (status === 409 && /is not running/i.test(words))
    );
}

/** The engine's HTTP status; 0 when the error is not its answer. */
export function statusOf(error: unknown): number {
    return Number(field(error, "statusCode")) || 0;
}

/** What an engine's answer says of an image at its registry; undefined where the registry said nothing of it. */
export function registryRefusal(error: unknown): "missing" | "denied" | undefined {
    const status = statusOf(error);
    if (status === 0) return undefined;
    const text = wordsOf(error);
    if (status === 401 || status === 403 || /unauthorized|denied|authentication required/i.test(text)) return "denied";
    if (/manifest unknown|not found|name unknown|no such manifest/i.test(text)) return "missing";
    return undefined;
}

function field(error: unknown, name: string): string {
    if (typeof error !== "object" || error === null) return "";
    const value = (error as Record<string, unknown>)[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** The engine's own words, without the HTTP decoration of the client. */
export function wordsOf(error: unknown): string {
    const text = field(error, "message") || String(error);
    return text.replace(/^\(HTTP code \d+\) .*? - /, "").trim();
}

/**
 * The error for a person.
 *
 * @param doing what was tried, to follow "could not", as in `start container 3f9c`
 */
export function engineError(address: string, doing: string, error: unknown): PlumblineError {
    if (error instanceof PlumblineError) return error;
    const code = field(error, "code");
    const status = statusOf(error);
    if (code === "EACCES" || code === "EPERM") {
        return new PlumblineError("engine", `No permission to use the Docker engine at ${address}`, {
            remedy: "Add your user to the group docker and log in again, or run as a user who may use the engine.",
            cause: error,
        });
    }
    if (unreached.has(code) || broken.has(code) || code === "ENOTFOUND" || code === "EHOSTUNREACH") {
        return new PlumblineError("engine", `The Docker engine at ${address} does not answer: could not ${doing}`, {
            remedy: "Start the engine (systemctl start docker, or Docker Desktop), or name the right one in docker:host or DOCKER_HOST.",
            cause: error,
        });
    }
    if (status === 400 && /client version|API version/i.test(wordsOf(error))) {
        return new PlumblineError("engine", `The Docker engine at ${address} is of another age: ${wordsOf(error)}`, {
            remedy: "Upgrade the Docker engine to 20.10 or newer.",
            cause: error,
        });
    }
    const text = `The Docker engine could not ${doing}: ${wordsOf(error)}`;
    if (status === 404) {
        return new PlumblineError("engine", text, {
            remedy: "Run the deploy again: it makes what is missing. Somebody may have removed it behind Plumbline's back.",
            cause: error,
        });
    }
    return new PlumblineError("engine", text, {
        remedy: "Correct what the engine complains about; its log (journalctl -u docker) may tell more.",
        cause: error,
    });
}
