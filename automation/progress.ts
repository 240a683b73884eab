/** What is known of a running operation, and how it is told in lines. Pure: events in, state and text out. */

import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import type { TimelineEvent } from "../rollout/outcome.ts";
import { nameOfUrn } from "./diagnostics.ts";

/** One thing that happened, from either source, in one vocabulary. */
export interface ProgressEvent {
    /** ISO 8601. */
    readonly at: string;
    /** A service or a resource. */
    readonly subject: string;
    readonly state: ProgressState;
    readonly text: string;
}

export type ProgressState = "working" | "done" | "failed" | "undone" | "note" | "log";

/** Where one subject stands now. */
export interface SubjectProgress {
    readonly state: ProgressState;
    readonly text: string;
    /** Milliseconds since 1970 of the last change of state. */
    readonly since: number;
}

export type Progress = ReadonlyMap<string, SubjectProgress>;

const nouns: Readonly<Record<string, string>> = {
    "docker:index/container:Container": "container",
    "docker:index/network:Network": "network",
    "docker:index/volume:Volume": "volume",
    "docker:index/remoteImage:RemoteImage": "image",
    "command:local:Command": "image",
};

type Verb = readonly [doing: string, done: string];

const verbs: Readonly<Record<string, Verb>> = {
    create: ["creating", "created"],
    update: ["updating", "updated"],
    delete: ["deleting", "deleted"],
    replace: ["replacing", "replaced"],
    "create-replacement": ["replacing", "replaced"],
    "delete-replaced": ["deleting the replaced", "deleted the replaced"],
};

const keeping: Verb = ["keeping", "kept"];
const building: Verb = ["building", "built"];

/** What happens to a resource of a type, in words; null for what is not told. */
function wordsFor({ op, type, old }: StepEventMetadata): Verb | null {
    const verb = verbs[op];
    if (!verb || /^(pulumi|plumbline):/.test(type)) return null;
    // Our dynamic resources are the acts of a deploy, not things.
    if (type === "pulumi-nodejs:dynamic:Resource") return op === "delete" ? ["ending", "ended"] : ["running", "done"];
    // What is only taken out of the record: images, and what holds data.
    const stays = type === "command:local:Command" || old?.retainOnDelete === true;
    const [doing, done] = op === "delete" && stays ? keeping : type === "command:local:Command" ? building : verb;
    const noun = nouns[type] ?? type.slice(type.lastIndexOf(":") + 1);
    return [`${doing} ${noun}`, `${done} ${noun}`];
}

/**
 * The progress in one of Pulumi's engine events; null where it tells a person nothing (resources that stay or are only looked at, components,
 * providers, diagnostics, which are told at the end).
 */
export function fromEngineEvent(event: EngineEvent): ProgressEvent | null {
    const step = event.resourcePreEvent ?? event.resOutputsEvent ?? event.resOpFailedEvent;
    if (!step) return null;
    const words = wordsFor(step.metadata);
    const subject = nameOfUrn(step.metadata.urn);
    if (words === null || subject === null) return null;
    const [doing, done] = words;
    const at = new Date(event.timestamp * 1000).toISOString();
    if (event.resOpFailedEvent) return { at, subject, state: "failed", text: `${doing}: failed` };
    if (event.resourcePreEvent) return { at, subject, state: "working", text: doing };
    return { at, subject, state: "done", text: done };
}

const timelineStates: Readonly<Record<TimelineEvent["event"], ProgressState>> = {
    "transaction-begin": "note",
    "step-begin": "working",
    "step-done": "done",
    "step-failed": "failed",
    "undo-begin": "working",
    "undo-done": "undone",
    "undo-failed": "failed",
    log: "log",
    note: "note",
    "transaction-end": "note",
};

/** The progress in one line of the rollout's timeline. */
export function fromTimelineEvent(event: TimelineEvent): ProgressEvent {
    const took = event.durationMs === undefined ? "" : ` (${(event.durationMs / 1000).toFixed(1)} s)`;
    return {
        at: event.at,
        subject: event.service ?? event.step ?? "rollout",
        state: timelineStates[event.event],
        text: `${event.message}${took}`,
    };
}

/** The state after one more event. Notes and log lines change the text of a subject that is working, not its state. */
export function advance(progress: Progress, event: ProgressEvent): Progress {
    const next = new Map(progress);
    const before = progress.get(event.subject);
    const passive = event.state === "note" || event.state === "log";
    if (passive && before !== undefined && before.state !== "working") return next;
    if (event.state === "log" && before === undefined) return next;
    const state = passive ? (before?.state ?? "note") : event.state;
    const since = before && before.state === state ? before.since : Date.parse(event.at);
    next.set(event.subject, { state, text: event.text, since });
    return next;
}

/** Wide enough for services and containers; longer names push the text aside. */
const nameWidth = 24;

const marks: Readonly<Record<ProgressState, string>> = {
    working: "…",
    done: "✔",
    failed: "✖",
    undone: "↩",
    note: "·",
    log: " ",
};

/** One line of plain output: time, subject, what happened. Log lines of services are null: they stand in the evidence. */
export function plainLine(event: ProgressEvent): string | null {
    if (event.state === "log") return null;
    const text = event.text.split("\n", 1)[0] ?? "";
    return `${event.at.slice(11, 19)} ${marks[event.state]} ${event.subject.padEnd(nameWidth)} ${text}`;
}

/**
 * The block that a terminal shows: one line a subject, cut to the terminal's width; finished subjects fold into one line
 * when there are more than `maxLines`.
 */
export function terminalLines(progress: Progress, now: number, columns: number, maxLines: number): string[] {
    const entries = [...progress];
    const working = entries.filter(([, subject]) => subject.state !== "done");
    const done = entries.filter(([, subject]) => subject.state === "done");
    const shown = entries.length <= maxLines ? entries : working.slice(-Math.max(1, maxLines - 1));
    const folded = entries.length - shown.length;
    const lines = shown.map(([name, subject]) => {
        const elapsed =
            subject.state === "working" ? ` ${Math.max(0, Math.round((now - subject.since) / 1000))} s` : "";
        const text = subject.text.split("\n", 1)[0] ?? "";
        return cut(`${marks[subject.state]} ${name.padEnd(nameWidth)} ${text}${elapsed}`, columns);
    });
    if (folded > 0) lines.unshift(cut(`✔ ${done.length} finished`, columns));
    return lines;
}

function cut(line: string, columns: number): string {
    return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
}
