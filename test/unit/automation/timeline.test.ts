/** Following the timeline of a rollout in another process. */
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { parseTimelineLine, TimelineReader, tailTimeline } from "../../../automation/timeline.ts";

let folder = "";
let file = "";
beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumbline-timeline-"));
    file = path.join(folder, "timeline.jsonl");
});
afterEach(() => rm(folder, { recursive: true }));

function line(transaction: string, message: string, at = "2026-01-02T03:04:05.000Z"): string {
    return `${JSON.stringify({ at, transaction, event: "note", message })}\n`;
}

const messages = (events: readonly { readonly message: string }[]) => events.map((event) => event.message);

describe("a timeline", () => {
    test("may be missing, and is read as it grows, each line once and whole", async () => {
        const reader = new TimelineReader(file);
        expect(await reader.read()).toEqual([]);
        const second = line("t1", "zwei · ü");
        await writeFile(file, line("t1", "one") + second.slice(0, 20));
        expect(messages(await reader.read())).toEqual(["one"]);
        await appendFile(file, second.slice(20));
        expect(messages(await reader.read())).toEqual(["zwei · ü"]);
        expect(await reader.read()).toEqual([]);
    });

    test("is read from its beginning when the next transaction has replaced it, also by a longer one", async () => {
        const reader = new TimelineReader(file);
        await writeFile(file, line("t1", "old"));
        await reader.read();
        await writeFile(file, line("t2", "new") + line("t2", "newer") + line("t2", "newest"));
        expect(messages(await reader.read())).toEqual(["new", "newer", "newest"]);
    });

    test("tells only what happened since the command began, to its end", async () => {
        const seen: string[] = [];
        await writeFile(file, line("t1", "before", "2026-01-01T00:00:00.000Z"));
        const tail = tailTimeline(file, "2026-01-02T00:00:00.000Z", (event) => seen.push(event.message));
        await writeFile(file, line("t2", "after") + line("t2", "last"));
        await tail.stop();
        expect(seen).toEqual(["after", "last"]);
    });
});

test("a line that is no event is left out", () => {
    expect(parseTimelineLine("{}")).toEqual([]);
    expect(parseTimelineLine("not json")).toEqual([]);
    expect(parseTimelineLine(line("t1", "one"))).toHaveLength(1);
});
