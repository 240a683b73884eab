/** Start-up logs: followed from the start of a container and kept with the evidence of the transaction (R20). */
import { createWriteStream, type WriteStream } from "node:fs";
import path from "node:path";
import { finished } from "node:stream/promises";
import type { Engine } from "../engine/docker.ts";
import { describeError } from "../release/errors.ts";

export class StartupLogs {
    readonly #engine: Engine;
    readonly #folder: string;
    readonly #redact: (text: string) => string;
    readonly #onLine: (service: string, line: string) => void;
    readonly #abort = new AbortController();
    readonly #following: Promise<void>[] = [];
    readonly #files: WriteStream[] = [];

    /**
     * @param folder is there already, or nothing is kept
     * @param redact takes secret values out of a line before it is written anywhere
     */
    constructor(
        engine: Engine,
        folder: string,
        options: { redact: (text: string) => string; onLine: (service: string, line: string) => void },
    ) {
        this.#engine = engine;
        this.#folder = folder;
        this.#redact = options.redact;
        this.#onLine = options.onLine;
    }

    /** Begins to follow a container's log into `<service>.log`. */
    follow(service: string, container: string): void {
        const file = createWriteStream(path.join(this.#folder, `${service}.log`), { flags: "a", mode: 0o600 });
        file.on("error", (error) =>
            this.#onLine(service, `the start-up log cannot be written: ${describeError(error)}`),
        );
        this.#files.push(file);
        const onLine = ({ line }: { line: string }) => {
            const clean = this.#redact(line);
            file.write(`${clean}\n`);
            this.#onLine(service, clean);
        };
        const following = this.#engine.followLogs(container, onLine, this.#abort.signal).catch((error: unknown) => {
            onLine({ line: `(the log could not be followed further: ${describeError(error)})` });
        });
        this.#following.push(following);
    }

    /** The last lines of a container, for an error message. */
    async lastLines(container: string, count = 15): Promise<string> {
        const lines = await this.#engine
            .logs(container, { tail: count })
            .catch((error: unknown) => [{ line: `(its log cannot be read: ${describeError(error)})` }]);
        if (lines.length === 0) return "    (it wrote no log)";
        return lines.map(({ line }) => `    ${this.#redact(line)}`).join("\n");
    }

    /** Ends all following and closes the files. */
    async close(): Promise<void> {
        this.#abort.abort();
        await Promise.all(this.#following);
        for (const file of this.#files) {
            file.end();
            await finished(file).catch(() => undefined); // The error was reported by its listener.
        }
    }
}
