/** The timeline of a transaction: one JSON line for every event, written as it happens. */
import {
    appendFileSync,
    copyFileSync,
    existsSync,
    mkdirSync,
    readFileSync,
    statSync,
    truncateSync,
    writeFileSync,
} from "node:fs";
import path from "node:path";
import type { TimelineEvent } from "./outcome.ts";

/** Folder of everything that deployments of a stack leave on disk, relative to the project. */
export function reportsFolder(stack: string): string {
    return path.join("infrastructure", "reports", stack);
}

/** The file of the transaction under way. */
export function timelinePath(stack: string): string {
    return path.join(reportsFolder(stack), "timeline.jsonl");
}

/** Writes the events of one transaction, for the person who watches and for the evidence. */
export class Timeline {
    readonly #file: string;
    readonly #transaction: string;
    readonly #now: () => Date;
    readonly #redact: (text: string) => string;
    readonly #echo: (line: string) => void;
    readonly #isMine: () => boolean;
    #isOpen = false;
    /** Lines that wait for room on the disk. */
    #unwritten = "";
    #failure: unknown;

    /**
     * @param options.now gives the time of an event
     * @param options.redact takes secret values out of a message
     * @param options.echo receives one readable line for every event, for `pulumi up` without our commands
     * @param options.isMine false once another process has the transaction: the rest is for that one to tell
     */
    constructor(
        stack: string,
        transaction: string,
        options: {
            now?: () => Date;
            redact?: (text: string) => string;
            echo?: (line: string) => void;
            isMine?: () => boolean;
        } = {},
    ) {
        this.#file = timelinePath(stack);
        this.#transaction = transaction;
        this.#now = options.now ?? (() => new Date());
        this.#redact = options.redact ?? ((text) => text);
        this.#echo = options.echo ?? (() => undefined);
        this.#isMine = options.isMine ?? (() => true);
        this.#write();
    }

    /** What keeps the newest events from being written, as a full disk does; undefined when all of them are. */
    get failure(): unknown {
        return this.#failure;
    }

    /**
     * Adds one event. Synchronous, so that the line stands when the act begins. Never throws: who undoes must get to its end
     * on a full disk too. What cannot be written is kept and tried again with the next event; `failure` tells of it.
     */
    record(event: Omit<TimelineEvent, "at" | "transaction">): void {
        if (!this.#isMine()) return;
        const message = this.#redact(event.message);
        const line: TimelineEvent = {
            at: this.#now().toISOString(),
            transaction: this.#transaction,
            ...event,
            message,
        };
        this.#unwritten += `${JSON.stringify(line)}\n`;
        this.#write();
        if (event.event !== "log" && event.event !== "step-begin") {
            const took = event.durationMs ? ` (${(event.durationMs / 1000).toFixed(1)} s)` : "";
            this.#echo(`${event.event}: ${message}${took}`);
        }
    }

    #write(): void {
        try {
            if (!this.#isOpen) this.#open();
            appendWhole(this.#file, this.#unwritten);
            this.#unwritten = "";
            this.#failure = undefined;
        } catch (error) {
            this.#failure = error;
        }
    }

    #open(): void {
        mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o700 });
        // Whoever recovers a transaction goes on in the timeline of the one that was killed.
        if (transactionOf(this.#file) !== this.#transaction) writeFileSync(this.#file, "", { mode: 0o600 });
        this.#isOpen = true;
    }

    /** Keeps a copy in the evidence folder of the transaction. */
    keep(folder: string): void {
        if (!this.#isMine()) return;
        copyFileSync(this.#file, path.join(folder, "timeline.jsonl"));
    }
}

/** All of it or nothing: a disk that fills up in the middle of a line would leave half of it. */
function appendWhole(file: string, text: string): void {
    const { size } = statSync(file);
    try {
        appendFileSync(file, text);
    } catch (error) {
        if (existsSync(file)) truncateSync(file, size);
        throw error;
    }
}

/** The transaction whose events a timeline holds; empty where there is none. */
function transactionOf(file: string): string {
    try {
        const first = readFileSync(file, "utf8").split("\n", 1)[0] ?? "";
        return (JSON.parse(first) as TimelineEvent).transaction;
    } catch {
        return ""; // Missing, or cut off by a kill: a fresh one is begun.
    }
}
