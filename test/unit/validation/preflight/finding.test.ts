/** From findings to the one error that every door shows. */
import { inspect } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { cleanMessage } from "../../../../automation/diagnostics.ts";
import { ownFailure } from "../../../../automation/pulumi-error.ts";
import { fail, inconclusive, pass, refusalOf, stands } from "../../../../validation/preflight/finding.ts";

const port = fail({
    check: "ports",
    category: "port-conflict",
    service: "api",
    message: "api needs the port 127.0.0.1:8000, which the container web-1 has",
    remedy: "Stop it.",
});
const disk = fail({ check: "disk", category: "engine", message: "only 1.0 GB are free", remedy: "Free some." });
const unclear = inconclusive({ check: "memory", category: "engine", message: "nobody could tell", remedy: "Look." });

describe("what stands against a deploy [R96]", () => {
    test("is what fails, in a preview and an update alike", () => {
        for (const isPreview of [true, false]) {
            expect([port, unclear, pass("disk", "fine")].filter((it) => stands(it, isPreview))).toEqual([port]);
        }
    });

    test("is what is not certain only where an update must know, and never in a preview", () => {
        const must = { ...unclear, refuses: true as const };
        expect([stands(must, false), stands(must, true)]).toEqual([true, false]);
    });
});

describe("the refusal", () => {
    test("of one finding is that finding", () => {
        expect(refusalOf([port]).format()).toBe(
            "api needs the port 127.0.0.1:8000, which the container web-1 has [port-conflict, api]\n  Next: Stop it.",
        );
    });

    test("of several lists each with its next step, under the first one's category", () => {
        expect(refusalOf([port, disk]).format()).toBe(
            [
                "2 things stand against this deploy:",
                "  - api needs the port 127.0.0.1:8000, which the container web-1 has",
                "    Stop it.",
                "  - only 1.0 GB are free",
                "    Free some. [port-conflict]",
                "  Next: Mend each as the line below it says; nothing was changed.",
            ].join("\n"),
        );
    });

    test("is understood again by our commands, as Pulumi prints what a program has thrown [R00d]", () => {
        for (const findings of [[port], [port, disk]]) {
            const error = refusalOf(findings);
            const printed = `Running program '/project' failed with an unhandled exception:\n${inspect(error)}`;
            for (const text of [error.format(), printed]) {
                expect(ownFailure(cleanMessage(text))).toMatchObject({
                    category: "port-conflict",
                    message: error.message,
                    remedy: error.remedy,
                });
            }
        }
    });
});
