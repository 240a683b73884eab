/** How a call to the engine is made: repeated where that does no harm, and its failure told to a person. */
import { engineError, mayPass, statusOf, wasNotReached } from "./docker-errors.ts";
import { type RetryPolicy, withRetry } from "./retry.ts";

/** Each failure is a PlumblineError `engine`; `doing` follows "could not" in it, as in `start container 3f9c`. */
export class EngineCalls {
    readonly #address: string;
    readonly #retry: RetryPolicy;

    constructor(address: string, retry: RetryPolicy) {
        this.#address = address;
        this.#retry = retry;
    }

    /** What the engine does not have is undefined. */
    async orUndefined<T>(doing: string, call: () => Promise<T>): Promise<T | undefined> {
        return this.repeatable(doing, async () => {
            try {
                return await call();
            } catch (error) {
                if (statusOf(error) === 404) return undefined;
                throw error;
            }
        });
    }

    /** Says it until the engine has answered; these statuses mean that there was nothing to do. */
    async tolerating(statuses: readonly number[], doing: string, call: () => Promise<unknown>): Promise<void> {
        await this.repeatable(doing, async () => {
            try {
                await call();
            } catch (error) {
                if (!statuses.includes(statusOf(error))) throw error;
            }
        });
    }

    /** Said again when the connection failed: for what only asks, and what may be said twice. */
    repeatable<T>(doing: string, call: () => Promise<T>): Promise<T> {
        return this.#say(doing, call, mayPass);
    }

    /** Said again only when it did not reach the engine. */
    once<T>(doing: string, call: () => Promise<T>): Promise<T> {
        return this.#say(doing, call, wasNotReached);
    }

    async #say<T>(doing: string, call: () => Promise<T>, isTransient: (e: unknown) => boolean): Promise<T> {
        try {
            return await withRetry(call, { policy: this.#retry, isTransient });
        } catch (error) {
            throw engineError(this.#address, doing, error);
        }
    }
}
