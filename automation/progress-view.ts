/** Who is told of the progress: a terminal (one line a service, redrawn), a log (one line an event), or nobody. */

import { advance, type Progress, type ProgressEvent, plainLine, terminalLines } from "./progress.ts";

/** Takes progress; never fails the operation that it watches. */
export interface ProgressView {
    /** One thing happened. */
    event(event: ProgressEvent): void;
    /** A sentence for the person, kept on the screen. */
    note(text: string): void;
    /** Nothing more comes; what is shown stays. */
    end(): void;
}

/** The part of a stream that a view writes to. */
export interface ViewStream {
    write(text: string): unknown;
    readonly isTTY?: boolean;
    readonly columns?: number;
    readonly rows?: number;
}

/** Shows nothing. */
export const silentView: ProgressView = { event: () => {}, note: () => {}, end: () => {} };

/** The view that fits: a redrawn block on a terminal, plain lines in CI and where output goes to a file. */
export function chooseView(stream: ViewStream, env: Readonly<NodeJS.ProcessEnv>): ProgressView {
    const interactive = stream.isTTY === true && env.CI !== "true" && env.TERM !== "dumb";
    return interactive ? terminalView(stream) : plainView(stream);
}

/** One line with its time for each event. */
export function plainView(stream: ViewStream, now: () => number = Date.now): ProgressView {
    return {
        event(event) {
            const line = plainLine(event);
            if (line !== null) stream.write(`${line}\n`);
        },
        note(text) {
            stream.write(`${new Date(now()).toISOString().slice(11, 19)} · ${text}\n`);
        },
        end() {},
    };
}

/** A block at the end of the screen, redrawn with every event and four times a second. */
export function terminalView(stream: ViewStream, now: () => number = Date.now): ProgressView {
    let progress: Progress = new Map();
    let drawn = 0;
    const draw = () => {
        // Some terminals say 0 where they do not know their size.
        const [columns, rows] = [stream.columns || 80, stream.rows || 24];
        const lines = terminalLines(progress, now(), columns - 1, Math.max(4, rows - 4));
        stream.write(`${erase(drawn)}${lines.map((line) => `${line}\n`).join("")}`);
        drawn = lines.length;
    };
    const timer = setInterval(draw, 250);
    timer.unref();
    return {
        event(event) {
            progress = advance(progress, event);
            draw();
        },
        note(text) {
            stream.write(`${erase(drawn)}${text}\n`);
            drawn = 0;
            draw();
        },
        end() {
            clearInterval(timer);
            draw();
            progress = new Map();
            drawn = 0;
        },
    };
}

/** Moves up `lines` lines and clears to the end of the screen. */
function erase(lines: number): string {
    return lines === 0 ? "" : `\u001b[${lines}A\u001b[J`;
}
