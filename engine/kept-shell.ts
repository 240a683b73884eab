/** A shell that stays in a container: a command through it costs a few milliseconds, where each `exec` costs some sixty. */
import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ExecResult } from "./docker-facts.ts";
import { Frames } from "./log-lines.ts";

/**
 * What is run to have one. It ends with its standard input; the bound is for a container that outlived a crash of its
 * engine, in which that end never arrives.
 */
export const shellArgv = ["timeout", "900", "sh"] as const;

/** Longest time in milliseconds that it is kept unasked: what stands between here and a remote engine may forget it. */
const longestIdleMs = 20_000;

/** What was asked, and was not answered: the shell has ended, or was given up since it kept silent for too long. */
export class ShellEnded extends Error {
    constructor() {
        super("the shell in the container has ended");
        this.name = "ShellEnded";
    }
}

interface Asked {
    readonly mark: string;
    readonly said: Record<"stdout" | "stderr", Buffer>;
    readonly resolve: (result: ExecResult) => void;
    readonly reject: (error: Error) => void;
}

/** Runs one command after another, in the order asked. */
export class KeptShell {
    readonly #stream: Duplex;
    readonly #frames = new Frames();
    #asked: Asked | undefined;
    #hasEnded = false;
    #answeredAt = performance.now();
    readonly #idleMs: number;
    /** Ends when the command before has ended, well or not. */
    #last: Promise<unknown> = Promise.resolve();

    /** @param stream of a started `exec` of `shellArgv`, with its standard input */
    constructor(stream: Duplex, idleMs = longestIdleMs) {
        this.#stream = stream;
        this.#idleMs = idleMs;
        // A shell that nobody asks anything keeps no process from its end.
        if (stream instanceof Socket) stream.unref();
        stream.on("data", (chunk: Buffer) => this.#hear(chunk));
        for (const event of ["end", "close", "error"]) stream.on(event, () => this.close());
    }

    /** Whether it may be asked. One that nobody has asked for long is ended. */
    get isUsable(): boolean {
        const isStale = this.#asked === undefined && performance.now() - this.#answeredAt > this.#idleMs;
        if (isStale) this.close();
        return !this.#hasEnded;
    }

    /**
     * A command's standard input is text, and ends with a line end: one is added where there is none.
     *
     * @throws ShellEnded when it has not answered; whether the command was run, or will be yet, is then unknown
     */
    run(
        argv: readonly string[],
        options: { readonly stdin?: string; readonly timeoutMs: number },
    ): Promise<ExecResult> {
        const ran = this.#last.then(() => this.#runAlone(argv, options.stdin, options.timeoutMs));
        this.#last = ran.catch(() => undefined);
        return ran;
    }

    /** What was asked and not answered is rejected. */
    close(): void {
        if (this.#hasEnded) return;
        this.#hasEnded = true;
        this.#asked?.reject(new ShellEnded());
        this.#stream.destroy();
    }

    async #runAlone(argv: readonly string[], stdin: string | undefined, timeoutMs: number): Promise<ExecResult> {
        if (this.#hasEnded) throw new ShellEnded();
        const mark = `plumbline-${randomBytes(12).toString("hex")}`;
        const { promise, resolve, reject } = Promise.withResolvers<ExecResult>();
        this.#asked = { mark, said: { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }, resolve, reject };
        const deadline = setTimeout(() => this.close(), timeoutMs);
        this.#stream.write(scriptOf(argv, stdin, mark));
        try {
            return await promise;
        } finally {
            clearTimeout(deadline);
            this.#asked = undefined;
            this.#answeredAt = performance.now();
        }
    }

    #hear(chunk: Buffer): void {
        const asked = this.#asked;
        for (const { stream, data } of this.#frames.push(chunk)) {
            if (asked !== undefined) asked.said[stream] = Buffer.concat([asked.said[stream], data]);
        }
        if (asked === undefined) return;
        const stdout = untilMark(asked.said.stdout, asked.mark);
        const stderr = untilMark(asked.said.stderr, asked.mark);
        if (stdout === undefined || stderr === undefined) return;
        asked.resolve({ exitCode: stdout.exitCode, stdout: stdout.text, stderr: stderr.text });
    }
}

/** Both streams are marked, since the engine keeps the order within each of them alone. */
function scriptOf(argv: readonly string[], stdin: string | undefined, mark: string): string {
    const command = argv.map(quoted).join(" ");
    const text = stdin === undefined || stdin === "" || stdin.endsWith("\n") ? stdin : `${stdin}\n`;
    const input = text === undefined ? "</dev/null" : `<<'${mark}'\n${text}${mark}`;
    const after = `code=$?; printf '\\n%s %s\\n' ${mark} "$code"; printf '\\n%s %s\\n' ${mark} "$code" >&2`;
    return `${command} ${input}\n${after}\n`;
}

function quoted(word: string): string {
    return `'${word.replaceAll("'", `'\\''`)}'`;
}

function untilMark(said: Buffer, mark: string): { readonly text: string; readonly exitCode: number } | undefined {
    const at = said.lastIndexOf(`\n${mark} `);
    if (at < 0 || said.at(-1) !== 0x0a) return undefined;
    return { text: said.subarray(0, at).toString(), exitCode: Number(said.subarray(at + mark.length + 2).toString()) };
}
