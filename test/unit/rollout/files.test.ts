/** What a transaction leaves on disk: its timeline, the last outcome, and the name that it goes by. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { redactor } from "../../../release/redact.ts";
import type { RolloutOutcome } from "../../../rollout/outcome.ts";
import { lastOutcomePath, writeLastOutcome } from "../../../rollout/outcome-file.ts";
import { newTransactionId } from "../../../rollout/rollout.ts";
import { reportsFolder, Timeline, timelinePath } from "../../../rollout/timeline.ts";

const home = process.cwd();
let folder: string;

beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "plumbline-files-"));
    process.chdir(folder);
});

afterEach(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true });
});

const now = () => new Date("2026-11-24T17:53:01.123Z");
const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8);
const linesOf = (file: string) =>
    readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("the timeline", () => {
    test("stands under the reports of its stack, for the owner's eyes only [R65]", () => {
        new Timeline("local", "tx-1", { now }).record({ event: "note", message: "hello" });
        expect(timelinePath("local")).toBe(path.join("infrastructure", "reports", "local", "timeline.jsonl"));
        expect(modeOf(timelinePath("local"))).toBe("600");
        expect(modeOf(reportsFolder("local"))).toBe("700");
    });

    test("has one JSON line for each event, at its time, of its transaction", () => {
        const timeline = new Timeline("local", "tx-1", { now });
        timeline.record({ event: "step-begin", step: "start api", service: "api", message: "start api" });
        timeline.record({
            event: "step-done",
            step: "start api",
            service: "api",
            durationMs: 1500,
            message: "two\nlines",
        });
        const at = "2026-11-24T17:53:01.123Z";
        expect(linesOf(timelinePath("local"))).toEqual([
            { at, transaction: "tx-1", event: "step-begin", step: "start api", service: "api", message: "start api" },
            {
                at,
                transaction: "tx-1",
                event: "step-done",
                step: "start api",
                service: "api",
                durationMs: 1500,
                message: "two\nlines",
            },
        ]);
    });

    test("is a fresh file for each transaction, and each stack has its own", () => {
        new Timeline("staging", "tx-0", { now }).record({ event: "note", message: "staging" });
        new Timeline("local", "tx-1", { now }).record({ event: "note", message: "first" });
        const second = new Timeline("local", "tx-2", { now });
        expect(linesOf(timelinePath("local"))).toEqual([]);
        second.record({ event: "note", message: "second" });
        expect(linesOf(timelinePath("local")).map(({ message }) => message)).toEqual(["second"]);
        expect(linesOf(timelinePath("staging")).map(({ message }) => message)).toEqual(["staging"]);
    });

    test("goes on for the same transaction, as when it is recovered after a kill", () => {
        new Timeline("local", "tx-1", { now }).record({ event: "note", message: "before the kill" });
        new Timeline("local", "tx-1", { now }).record({ event: "note", message: "recovered" });
        expect(linesOf(timelinePath("local")).map(({ message }) => message)).toEqual(["before the kill", "recovered"]);
    });

    test("gets no word more from who has lost the transaction, nor does the evidence [R94]", () => {
        let isMine = true;
        const echoed: string[] = [];
        const options = { now, isMine: () => isMine, echo: (line: string) => echoed.push(line) };
        const outlived = new Timeline("local", "tx-1", options);
        outlived.record({ event: "note", message: "mine" });
        isMine = false;
        new Timeline("local", "tx-1", { now }).record({ event: "note", message: "the guard's" });
        outlived.record({ event: "undo-failed", message: "of a transaction that somebody else has" });
        const evidence = path.join(reportsFolder("local"), "tx-1");
        mkdirSync(evidence, { recursive: true });
        outlived.keep(evidence);
        expect(linesOf(timelinePath("local")).map(({ message }) => message)).toEqual(["mine", "the guard's"]);
        expect(echoed).toEqual(["note: mine"]);
        expect(readdirSync(evidence)).toEqual([]);
    });

    test("is begun anew over one that was cut off in its first line", () => {
        mkdirSync(reportsFolder("local"), { recursive: true });
        writeFileSync(timelinePath("local"), '{"at":"2026-11-24T17:5');
        new Timeline("local", "tx-1", { now }).record({ event: "note", message: "whole" });
        expect(linesOf(timelinePath("local")).map(({ message }) => message)).toEqual(["whole"]);
    });

    test("holds no secret, neither in the file nor on the screen", () => {
        const screen: string[] = [];
        const redact = redactor({ REDIS_PASSWORD: "correct-horse-battery" });
        const timeline = new Timeline("local", "tx-1", { now, redact, echo: (line) => screen.push(line) });
        for (const event of ["log", "note", "step-failed", "transaction-end"] as const) {
            timeline.record({ event, message: "cannot open redis://:correct-horse-battery@redis:6379/0" });
        }
        const written = readFileSync(timelinePath("local"), "utf8") + screen.join("\n");
        expect(written).not.toContain("correct-horse-battery");
        expect(written).toContain("redis://:<secret:REDIS_PASSWORD>@redis:6379/0");
    });

    test("tells a person what ended and how long it took, and spares the rest", () => {
        const screen: string[] = [];
        const timeline = new Timeline("local", "tx-1", { now, echo: (line) => screen.push(line) });
        timeline.record({ event: "step-begin", message: "start api" });
        timeline.record({ event: "log", message: "listening" });
        timeline.record({ event: "step-done", durationMs: 1540, message: "start api" });
        timeline.record({ event: "step-done", durationMs: 0, message: "edge: already done" });
        expect(screen).toEqual(["step-done: start api (1.5 s)", "step-done: edge: already done"]);
    });

    test("keeps what cannot be written, tells of it, and writes it once it can [R95]", () => {
        mkdirSync(timelinePath("local"), { recursive: true });
        const timeline = new Timeline("local", "tx-1", { now });
        timeline.record({ event: "note", message: "first" });
        expect(String(timeline.failure)).toContain("EISDIR");
        rmdirSync(timelinePath("local"));
        timeline.record({ event: "note", message: "second" });
        expect(timeline.failure).toBeUndefined();
        expect(linesOf(timelinePath("local")).map(({ message }) => message)).toEqual(["first", "second"]);
    });

    test("is copied into the evidence of its transaction", () => {
        const timeline = new Timeline("local", "tx-1", { now });
        timeline.record({ event: "note", message: "kept" });
        const evidence = path.join(reportsFolder("local"), "tx-1");
        mkdirSync(evidence);
        timeline.keep(evidence);
        new Timeline("local", "tx-2", { now });
        expect(linesOf(path.join(evidence, "timeline.jsonl")).map(({ message }) => message)).toEqual(["kept"]);
    });
});

describe("the last outcome", () => {
    const outcome: RolloutOutcome = {
        transaction: "tx-1",
        stack: "local",
        release: "3f9c1a2b4d5e",
        previous: null,
        outcome: "committed",
        startedAt: "2026-11-24T17:53:01.123Z",
        durationMs: 1200,
        services: [],
        gateways: {},
        evidence: "infrastructure/reports/local/tx-1",
    };

    test("is the outcome with the error that it ended in, for the owner's eyes only [R65]", () => {
        mkdirSync(reportsFolder("local"), { recursive: true });
        writeLastOutcome(outcome, "the worker was unhealthy");
        expect(JSON.parse(readFileSync(lastOutcomePath("local"), "utf8"))).toEqual({
            ...outcome,
            error: "the worker was unhealthy",
        });
        expect(modeOf(lastOutcomePath("local"))).toBe("600");
    });

    test("replaces the one before in one move and leaves nothing else behind", () => {
        mkdirSync(reportsFolder("local"), { recursive: true });
        writeFileSync(lastOutcomePath("local"), "{ half of an old");
        writeLastOutcome(outcome, null);
        expect(JSON.parse(readFileSync(lastOutcomePath("local"), "utf8"))).toEqual({ ...outcome, error: null });
        expect(readdirSync(reportsFolder("local"))).toEqual(["outcome.json"]);
    });
});

describe("the name of a transaction", () => {
    test("is its time, to the second, and chance", () => {
        expect(newTransactionId(now(), () => Buffer.from([0x3f, 0x9c]))).toBe("tx-20261124T175301-3f9c");
    });

    test("sorts by time, and two of one second differ", () => {
        const ids = ["2026-11-24T17:53:01Z", "2026-11-24T17:53:02Z", "2026-12-01T00:00:00Z"].map((at) =>
            newTransactionId(new Date(at)),
        );
        expect([...ids].sort()).toEqual(ids);
        const many = new Set(Array.from({ length: 20 }, () => newTransactionId(now())));
        expect(many.size).toBeGreaterThan(1);
    });
});
