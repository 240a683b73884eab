/** What is wrong with a container beyond waiting, and the command that its healthcheck is. */
import { describe, expect, test } from "@jest/globals";
import type { ServiceKind } from "../../../release/types.ts";
import { healthcheckCommand, troubleOf } from "../../../rollout/readiness.ts";
import { emptySpec } from "./sample-release.ts";

type Facts = Parameters<typeof troubleOf>[0];

const well: Facts = { state: "running", health: "none", exitCode: 0, restartCount: 0, oomKilled: false };
const kinds: readonly ServiceKind[] = ["request", "consumer", "stateful", "job"];
const trouble = (change: Partial<Facts>, kind: ServiceKind = "request") => troubleOf({ ...well, ...change }, kind);

describe("a container", () => {
    test.each<[string, Partial<Facts>]>([
        ["runs", {}],
        ["is healthy", { health: "healthy" }],
        ["is still starting", { health: "starting" }],
        ["was only created", { state: "created" }],
    ])("that %s is in no trouble", (_, change) => {
        for (const kind of kinds) expect([kind, trouble(change, kind)]).toEqual([kind, undefined]);
    });

    test.each<[string, Partial<Facts>, string]>([
        ["exited with a code", { state: "exited", exitCode: 3 }, "stopped by itself with exit code 3"],
        ["exited well", { state: "exited" }, "stopped by itself with exit code 0"],
        ["is dead", { state: "dead", exitCode: 1 }, "stopped by itself with exit code 1"],
        [
            "was killed for want of memory",
            { state: "exited", exitCode: 137, oomKilled: true },
            "stopped by itself with exit code 137, killed for want of memory",
        ],
        ["is being restarted", { state: "restarting", exitCode: 2 }, "stopped by itself and was restarted 0 times"],
        [
            "runs again after it was restarted",
            { restartCount: 2, exitCode: 1, health: "healthy" },
            "stopped by itself and was restarted 2 times",
        ],
        [
            "was restarted for want of memory",
            { restartCount: 1, exitCode: 137, oomKilled: true },
            "stopped by itself, killed for want of memory and was restarted 1 times",
        ],
        ["is paused", { state: "paused" }, "is paused"],
        ["is unhealthy", { health: "unhealthy" }, "is unhealthy by its own healthcheck"],
    ])("that %s is in trouble, in words [R20]", (_, change, words) => {
        expect(trouble(change)).toBe(words);
    });

    test("of a job that has ended well is in no trouble; one that has failed or was restarted is", () => {
        expect(trouble({ state: "exited" }, "job")).toBeUndefined();
        expect(trouble({ state: "running", health: "unhealthy" }, "job")).toBeUndefined();
        expect(trouble({ state: "dead", exitCode: 0 }, "job")).toBe("stopped by itself with exit code 0");
        expect(trouble({ state: "exited", exitCode: 1 }, "job")).toBe("stopped by itself with exit code 1");
        expect(trouble({ state: "exited", restartCount: 1 }, "job")).toContain("was restarted 1 times");
    });
});

describe("a healthcheck as a command", () => {
    const commandOf = (words: readonly string[]) =>
        healthcheckCommand({
            spec: {
                ...emptySpec,
                healthcheck: { test: words, intervalMs: 1, timeoutMs: 1, startPeriodMs: 0, retries: 1 },
            },
        });

    test("is the words themselves, or the line given to a shell", () => {
        expect(commandOf(["CMD", "pg_isready", "-U", "a b"])).toEqual(["pg_isready", "-U", "a b"]);
        expect(commandOf(["CMD-SHELL", "redis-cli ping | grep PONG"])).toEqual([
            "/bin/sh",
            "-c",
            "redis-cli ping | grep PONG",
        ]);
    });

    test("is nothing where there is none, or it was switched off", () => {
        expect(healthcheckCommand({ spec: emptySpec })).toBeUndefined();
        expect(commandOf(["NONE"])).toBeUndefined();
        expect(commandOf([])).toBeUndefined();
    });
});
