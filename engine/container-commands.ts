/** Commands in containers, each started by the engine, or through a shell that is kept there. */
import type { Duplex } from "node:stream";
import type Docker from "dockerode";
import { PlumblineError } from "../release/errors.ts";
import type { EngineCalls } from "./docker-calls.ts";
import type { ExecOptions, ExecResult } from "./docker-facts.ts";
import { KeptShell, ShellEnded, shellArgv } from "./kept-shell.ts";
import { drain, Frames } from "./log-lines.ts";
import { sleep } from "./retry.ts";

export class ContainerCommands {
    /** For calls that answer at once, and for those that may be silent for long. */
    readonly #quick: Docker;
    readonly #patient: Docker;
    readonly #calls: EngineCalls;
    /** By container. */
    readonly #shells = new Map<string, Promise<KeptShell>>();

    constructor(quick: Docker, patient: Docker, calls: EngineCalls) {
        this.#quick = quick;
        this.#patient = patient;
        this.#calls = calls;
    }

    /** A failing command is a result, not an error; a time-out is an error. */
    async run(id: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
        const doing = `run ${argv[0]} in container ${id}`;
        const timeoutMs = options.timeoutMs ?? 30_000;
        if (options.kept === true) {
            try {
                const stdin = options.stdin === undefined ? {} : { stdin: String(options.stdin) };
                return await (await this.#shell(id)).run(argv, { ...stdin, timeoutMs });
            } catch (error) {
                // The plain way waits for a slow engine, and says what became of the container.
                if (!(error instanceof ShellEnded)) throw error;
            }
        }
        const { execId, stream } = await this.#startExec(id, argv, { ...options, doing });
        const output = await this.#calls.once(doing, () => collectOutput(stream, options.stdin, timeoutMs, doing));
        const exitCode = await this.#exitCode(execId, doing);
        return { exitCode, ...output };
    }

    /** Ends the shells that were kept in containers. They are opened again when they are needed again. */
    close(): void {
        for (const opening of this.#shells.values()) {
            opening.then(
                (shell) => shell.close(),
                () => undefined, // It was never there.
            );
        }
        this.#shells.clear();
    }

    async #shell(id: string): Promise<KeptShell> {
        const kept = this.#shells.get(id);
        if (kept !== undefined) {
            const shell = await kept;
            if (shell.isUsable) return shell;
            if (this.#shells.get(id) === kept) this.#shells.delete(id);
            return this.#shell(id);
        }
        const opening = this.#startExec(id, shellArgv, { stdin: "", doing: `run a shell in container ${id}` }).then(
            ({ stream }) => new KeptShell(stream),
        );
        this.#shells.set(id, opening);
        opening.catch(() => {
            if (this.#shells.get(id) === opening) this.#shells.delete(id);
        });
        return opening;
    }

    async #startExec(
        id: string,
        argv: readonly string[],
        { doing, stdin, user }: ExecOptions & { readonly doing: string },
    ): Promise<{ readonly execId: string; readonly stream: Duplex }> {
        const exec = await this.#calls.repeatable(doing, () =>
            this.#quick.getContainer(id).exec({
                Cmd: [...argv],
                AttachStdin: stdin !== undefined,
                AttachStdout: true,
                AttachStderr: true,
                ...(user === undefined ? {} : { User: user }),
            }),
        );
        const patient = this.#patient.getExec(exec.id);
        const stream = await this.#calls.once(doing, () => patient.start({ hijack: true, stdin: stdin !== undefined }));
        return { execId: exec.id, stream };
    }

    /** The stream may end a moment before the engine knows the exit code. */
    async #exitCode(execId: string, doing: string): Promise<number> {
        for (let asked = 0; asked < 50; asked++) {
            const state = await this.#calls.repeatable(doing, () => this.#quick.getExec(execId).inspect());
            if (!state.Running && state.ExitCode !== null) return state.ExitCode;
            await sleep(20 * Math.min(asked + 1, 10));
        }
        throw new PlumblineError("engine", `The Docker engine could not ${doing}: it ended without an exit code`, {
            remedy: "Run the command again; restart the engine when it stays so.",
        });
    }
}

/** Feeds standard input, then gathers both streams until the command ends. */
async function collectOutput(
    stream: Duplex,
    stdin: string | Buffer | undefined,
    timeoutMs: number,
    doing: string,
): Promise<{ stdout: string; stderr: string }> {
    const frames = new Frames();
    const chunks: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
    const deadline = AbortSignal.timeout(timeoutMs);
    const ended = drain(
        stream,
        (chunk) => {
            for (const frame of frames.push(chunk)) chunks[frame.stream].push(frame.data);
        },
        deadline,
    );
    if (stdin !== undefined) stream.end(stdin);
    await ended;
    if (deadline.aborted) {
        throw new PlumblineError("engine", `The Docker engine could not ${doing} within ${timeoutMs} ms`, {
            remedy: "Look whether the container hangs (docker top, docker logs); then run the command again.",
        });
    }
    return { stdout: Buffer.concat(chunks.stdout).toString(), stderr: Buffer.concat(chunks.stderr).toString() };
}
