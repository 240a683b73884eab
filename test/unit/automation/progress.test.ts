/** How progress reads: plain lines in a log, a block on a terminal. */
import { describe, expect, test } from "@jest/globals";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import {
    advance,
    fromEngineEvent,
    fromTimelineEvent,
    type Progress,
    type ProgressEvent,
    plainLine,
    terminalLines,
} from "../../../automation/progress.ts";
import { chooseView, plainView, terminalView } from "../../../automation/progress-view.ts";
import type { TimelineEvent } from "../../../rollout/outcome.ts";

const at = "2026-01-02T03:04:05.000Z";

function engineEvent(kind: "resourcePreEvent" | "resOutputsEvent" | "resOpFailedEvent", op: string, type: string) {
    const urn = `urn:pulumi:local::plumbline::${type}::api-3f9c1a2b`;
    return {
        sequence: 1,
        timestamp: Date.parse(at) / 1000,
        [kind]: { metadata: { op, urn, type } },
    } as unknown as EngineEvent;
}

function timelineEvent(event: TimelineEvent["event"], more: Partial<TimelineEvent> = {}): TimelineEvent {
    return { at, transaction: "tx-1", event, service: "api", message: "starting", ...more };
}

const container = "docker:index/container:Container";

describe("an engine event", () => {
    test("becomes the beginning, the end or the failure of a container", () => {
        const of = (kind: Parameters<typeof engineEvent>[0]) => fromEngineEvent(engineEvent(kind, "create", container));
        expect(of("resourcePreEvent")).toEqual({
            at,
            subject: "api-3f9c1a2b",
            state: "working",
            text: "creating container",
        });
        expect(of("resOutputsEvent")?.text).toBe("created container");
        expect(of("resOpFailedEvent")?.state).toBe("failed");
    });

    test("about an unchanged resource, a group, a provider or the stack tells nothing", () => {
        expect(fromEngineEvent(engineEvent("resourcePreEvent", "same", container))).toBeNull();
        expect(fromEngineEvent(engineEvent("resourcePreEvent", "create", "plumbline:components:Edge"))).toBeNull();
        expect(fromEngineEvent(engineEvent("resourcePreEvent", "create", "pulumi:providers:docker"))).toBeNull();
        expect(fromEngineEvent(engineEvent("resourcePreEvent", "create", "pulumi:pulumi:Stack"))).toBeNull();
    });
});

test("our own acts and image builds are told as such", () => {
    const of = (type: string) => fromEngineEvent(engineEvent("resourcePreEvent", "create", type))?.text;
    expect(of("pulumi-nodejs:dynamic:Resource")).toBe("running");
    expect(of("command:local:Command")).toBe("building image");
});

test("a volume that keeps its data is not told as deleted", () => {
    const volume = "docker:index/volume:Volume";
    const of = (retainOnDelete: boolean) => {
        const event = engineEvent("resOutputsEvent", "delete", volume);
        Object.assign(event.resOutputsEvent?.metadata ?? {}, { old: { retainOnDelete } });
        return fromEngineEvent(event)?.text;
    };
    expect(of(true)).toBe("kept volume");
    expect(of(false)).toBe("deleted volume");
});

describe("plain lines", () => {
    test("say time, subject, what happened and how long it took", () => {
        const done = fromTimelineEvent(timelineEvent("step-done", { message: "ready", durationMs: 1500 }));
        expect(plainLine(done)).toBe("03:04:05 ✔ api                      ready (1.5 s)");
    });

    test("leave the log lines of services to the evidence", () => {
        expect(plainLine(fromTimelineEvent(timelineEvent("log", { message: "listening" })))).toBeNull();
    });

    test("show a failure as one", () => {
        const failed = fromTimelineEvent(timelineEvent("step-failed", { message: "exited with 1\nlast lines" }));
        expect(plainLine(failed)).toBe("03:04:05 ✖ api                      exited with 1");
    });
});

function progressOf(...events: ProgressEvent[]): Progress {
    return events.reduce<Progress>(advance, new Map());
}

describe("the block on a terminal", () => {
    const working = fromTimelineEvent(timelineEvent("step-begin"));

    test("shows how long a service has been working on", () => {
        const lines = terminalLines(progressOf(working), Date.parse(at) + 4000, 80, 10);
        expect(lines).toEqual(["… api                      starting 4 s"]);
    });

    test("shows a log line of a service that is starting, without ending its work", () => {
        const log = fromTimelineEvent(timelineEvent("log", { message: "migrating" }));
        expect(terminalLines(progressOf(working, log), Date.parse(at), 80, 10)).toEqual([
            "… api                      migrating 0 s",
        ]);
    });

    test("keeps a failure on the screen when log lines follow", () => {
        const failed = fromTimelineEvent(timelineEvent("step-failed", { message: "exited with 1" }));
        const log = fromTimelineEvent(timelineEvent("log", { message: "bye" }));
        expect(progressOf(working, failed, log).get("api")).toMatchObject({ state: "failed", text: "exited with 1" });
    });

    test("folds what is finished when there is no room, and cuts at the width", () => {
        const done = [1, 2, 3, 4, 5].map((n) =>
            fromTimelineEvent(timelineEvent("step-done", { service: `s${n}`, message: "ready" })),
        );
        const lines = terminalLines(progressOf(...done, working), Date.parse(at), 20, 4);
        expect(lines).toEqual(["✔ 5 finished", "… api              …"]);
    });
});

describe("the view", () => {
    const streamOf = (isTTY: boolean) => {
        const written: string[] = [];
        return { isTTY, columns: 80, rows: 24, written, write: (text: string) => written.push(text) };
    };
    const event = fromTimelineEvent(timelineEvent("step-begin"));

    test("writes plain lines in CI and into files, whatever the terminal", () => {
        for (const [isTTY, env] of [
            [true, { CI: "true" }],
            [false, {}],
        ] as const) {
            const stream = streamOf(isTTY);
            const view = chooseView(stream, env);
            view.event(event);
            view.end();
            expect(stream.written).toEqual(["03:04:05 … api                      starting\n"]);
        }
    });

    test("redraws a block on a terminal", () => {
        const stream = streamOf(true);
        const view = terminalView(stream, () => Date.parse(at));
        view.event(event);
        view.event({ ...event, state: "done", text: "ready" });
        view.end();
        expect(stream.written[0]).toBe("… api                      starting 0 s\n");
        expect(stream.written[1]).toBe("\u001b[1A\u001b[J✔ api                      ready\n");
    });

    test("draws on a terminal that does not know its size", () => {
        const stream = { ...streamOf(true), columns: 0, rows: 0 };
        const view = terminalView(stream, () => Date.parse(at));
        view.event(event);
        view.end();
        expect(stream.written[0]).toContain("starting");
    });

    test("keeps a note above the block", () => {
        const stream = streamOf(true);
        const view = terminalView(stream, () => Date.parse(at));
        view.event(event);
        view.note("a lock was cleared");
        view.end();
        expect(stream.written[1]).toBe("\u001b[1A\u001b[Ja lock was cleared\n");
    });

    test("tells notes with their time in a log", () => {
        const stream = streamOf(false);
        plainView(stream, () => Date.parse(at)).note("a lock was cleared");
        expect(stream.written).toEqual(["03:04:05 · a lock was cleared\n"]);
    });
});
