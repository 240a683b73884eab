import { describe, expect, test } from "@jest/globals";
import {
    describeExpectation,
    firstDifference,
    judgeAnswer,
    valueAt,
} from "../../../../validation/facts/probe-answer.ts";
import { waitMs } from "../../../../validation/facts/probe-until.ts";

const answer = (status: number, json: unknown) => ({ status, body: JSON.stringify(json), json });
const healthy = { status: "ok", revision: "abc12345", parts: { postgres: { ok: true } } };

describe("an answer", () => {
    const expect200 = {
        status: 200,
        json: { status: "ok", parts: { postgres: { ok: true } } },
        revisionAt: "revision",
    };

    test("passes when status, subset and revision are as expected [R32]", () => {
        expect(judgeAnswer(answer(200, healthy), expect200, "abc12345").passed).toBe(true);
    });

    test.each([
        ["another status", answer(503, healthy), "abc12345", "status 503"],
        ["another value", answer(200, { ...healthy, status: "degraded" }), "abc12345", "differs at status"],
        ["a missing key", answer(200, { status: "ok", revision: "abc12345" }), "abc12345", "differs at parts"],
        [
            "a nested value",
            answer(200, { ...healthy, parts: { postgres: { ok: false } } }),
            "abc12345",
            "parts.postgres.ok",
        ],
        ["another revision", answer(200, healthy), "fff00000", 'revision at revision: "abc12345"'],
        ["no revision", answer(200, { ...healthy, revision: undefined }), "abc12345", "revision: nothing"],
        ["no JSON", { status: 200, body: "fine", json: undefined }, "abc12345", "no JSON"],
    ])("fails on %s and says what it found", (_what, given, revision, found) => {
        const verdict = judgeAnswer(given, expect200, revision);
        expect(verdict.passed).toBe(false);
        expect(verdict.actual).toContain(found);
    });

    test("needs no JSON where only a status is expected", () => {
        expect(judgeAnswer({ status: 204, body: "", json: undefined }, { status: 204 }, "x").passed).toBe(true);
    });

    test("that is long is shown cut", () => {
        const long = { status: 500, body: "x".repeat(10_000), json: undefined };
        expect(judgeAnswer(long, { status: 200 }, "x").actual.length).toBeLessThan(400);
    });

    test("is described as it is expected", () => {
        expect(describeExpectation({ status: 200, json: { a: 1 }, revisionAt: "r" }, "x")).toBe(
            'status 200, JSON with {"a":1}, r "x"',
        );
    });
});

describe("the subset", () => {
    test("lists must be of equal length, objects may have more", () => {
        expect(firstDifference({ a: [1, { b: 2 }] }, { a: [1, { b: 2, c: 3 }], d: 4 }, "")).toBeUndefined();
        expect(firstDifference({ a: [1] }, { a: [1, 2] }, "")).toBe("a");
        expect(firstDifference({ a: [1] }, { a: { 0: 1 } }, "")).toBe("a");
        expect(firstDifference("x", "y", "")).toBe("the top");
        expect(firstDifference({ a: null }, { a: 0 }, "")).toBe("a");
    });

    test("inherited properties are no values", () => {
        expect(firstDifference({ constructor: undefined }, {}, "")).toBe("constructor");
        expect(valueAt({ a: { b: ["x"] } }, "a.b.0")).toBe("x");
        expect(valueAt({}, "constructor")).toBeUndefined();
    });
});

test("the wait is short while a service may still start, then grows from the interval [R32]", () => {
    const policy = {
        initialDelayMs: 10_000,
        retries: 3,
        intervalMs: 5_000,
        successThreshold: 1,
        failureThreshold: 3,
        backoffFactor: 2,
    };
    expect([0, 1, 2, 3].map((failures) => waitMs(policy, failures))).toEqual([250, 5_000, 10_000, 20_000]);
});
