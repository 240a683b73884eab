/** Follows the timeline that a rollout writes while Pulumi waits for it. */

import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { TimelineEvent } from "../rollout/outcome.ts";

/** A timeline that is being followed. */
export interface TimelineTail {
    /** Reads what is still there, then ends. */
    stop(): Promise<void>;
}

const pollMs = 200;
/** Enough of the file's beginning to tell one transaction's timeline from the next one's. */
const prefixBytes = 256;

/**
 * Calls `onEvent` for every event of the file that happened since `since` (ISO 8601), in order, from now until `stop`.
 * The file may be missing, grow, or be replaced by the next transaction's. Lines that are no events are left out.
 */
export function tailTimeline(file: string, since: string, onEvent: (event: TimelineEvent) => void): TimelineTail {
    const reader = new TimelineReader(file);
    const abort = new AbortController();
    const deliver = async () => {
        for (const event of await reader.read()) if (event.at >= since) onEvent(event);
    };
    const loop = (async () => {
        while (!abort.signal.aborted) {
            await deliver();
            await sleep(pollMs, undefined, { signal: abort.signal }).catch(() => {});
        }
        await deliver();
    })();
    return {
        async stop() {
            abort.abort();
            await loop;
        },
    };
}

/** Reads what was added to a timeline since the last call. */
export class TimelineReader {
    readonly #file: string;
    #offset = 0;
    #prefix: Buffer = Buffer.alloc(0);
    #rest = "";

    constructor(file: string) {
        this.#file = file;
    }

    async read(): Promise<TimelineEvent[]> {
        const handle = await open(this.#file, "r").catch((error: NodeJS.ErrnoException) => {
            if (error.code === "ENOENT") return null;
            throw error;
        });
        if (handle === null) return [];
        try {
            const { size } = await handle.stat();
            const room = Buffer.alloc(Math.min(prefixBytes, size));
            // Less than its size where the file is being replaced at this moment.
            const head = room.subarray(0, (await handle.read(room, 0, room.length, 0)).bytesRead);
            const known = this.#prefix;
            const same = head.length >= known.length && head.subarray(0, known.length).equals(known);
            if (!same || size < this.#offset) {
                this.#offset = 0;
                this.#rest = "";
            }
            this.#prefix = head;
            const added = Buffer.alloc(size - this.#offset);
            const { bytesRead } = await handle.read(added, 0, added.length, this.#offset);
            this.#offset += bytesRead;
            const lines = `${this.#rest}${added.toString("latin1", 0, bytesRead)}`.split("\n");
            this.#rest = lines.pop() ?? "";
            return lines.flatMap((line) => parseTimelineLine(Buffer.from(line, "latin1").toString("utf8")));
        } finally {
            await handle.close();
        }
    }
}

/** The event of one line, or nothing where the line is none. */
export function parseTimelineLine(line: string): TimelineEvent[] {
    try {
        const value: unknown = JSON.parse(line);
        return isEvent(value) ? [value] : [];
    } catch {
        return [];
    }
}

function isEvent(value: unknown): value is TimelineEvent {
    if (typeof value !== "object" || value === null) return false;
    const event = value as Partial<Record<keyof TimelineEvent, unknown>>;
    return (
        typeof event.at === "string" &&
        typeof event.transaction === "string" &&
        typeof event.event === "string" &&
        typeof event.message === "string"
    );
}
