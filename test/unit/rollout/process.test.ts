/** Whether a process is alive, asked of real ones. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { afterEach, describe, expect, test } from "@jest/globals";
import { isAlive, isKnownDead, processStartTime } from "../../../rollout/process.ts";
import { zombie } from "../../support/zombie.ts";

const spawned: ChildProcess[] = [];

afterEach(async () => {
    for (const child of spawned.splice(0)) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
    }
});

async function started(): Promise<{ child: ChildProcess; pid: number }> {
    const child = spawn("sleep", ["600"], { stdio: "ignore" });
    spawned.push(child);
    await once(child, "spawn");
    return { child, pid: child.pid ?? 0 };
}

async function killed({ child }: { child: ChildProcess }): Promise<void> {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
}

describe("a process", () => {
    test("that runs is alive, by its start time and where none is known", async () => {
        const { pid } = await started();
        expect(processStartTime(pid)).toMatch(/^\d+$/);
        expect(isAlive(pid, processStartTime(pid))).toBe(true);
        expect(isAlive(pid, "")).toBe(true);
    });

    test("has the start time that field 22 of its stat says, the same each time it is asked", async () => {
        const own = processStartTime(process.pid);
        expect(own).toMatch(/^\d+$/);
        const { pid } = await started();
        expect(Number(processStartTime(pid))).toBeGreaterThanOrEqual(Number(own));
        expect(processStartTime(process.pid)).toBe(own);
    });

    test("that has ended is not alive, and has no start time", async () => {
        const one = await started();
        const startTime = processStartTime(one.pid);
        await killed(one);
        expect(isAlive(one.pid, startTime)).toBe(false);
        expect(isAlive(one.pid, "")).toBe(false);
        expect(processStartTime(one.pid)).toBe("");
    });

    test("that is a zombie is not alive, although its number is still taken", async () => {
        const { pid, parent } = await zombie();
        spawned.push(parent);
        expect(() => process.kill(pid, 0)).not.toThrow();
        expect(processStartTime(pid)).toMatch(/^\d+$/);
        expect(isAlive(pid, processStartTime(pid))).toBe(false);
        expect(isAlive(pid, "")).toBe(false);
    });

    test("with another start time is another one that has got its number", async () => {
        const { pid } = await started();
        expect(isAlive(pid, String(Number(processStartTime(pid)) - 1))).toBe(false);
    });
});

describe("the owner of a transaction", () => {
    test("of this machine is known to be dead when it is", async () => {
        const one = await started();
        const owner = { host: hostname(), pid: one.pid, pidStart: processStartTime(one.pid) };
        expect(isKnownDead(owner)).toBe(false);
        await killed(one);
        expect(isKnownDead(owner)).toBe(true);
    });

    test("whose number another process has by now is known to be dead", () => {
        expect(isKnownDead({ host: hostname(), pid: process.pid, pidStart: "1" })).toBe(true);
    });

    test("of another machine never is: nobody here can know", async () => {
        const one = await started();
        const owner = { host: "another-machine.example", pid: one.pid, pidStart: processStartTime(one.pid) };
        await killed(one);
        expect(isKnownDead(owner)).toBe(false);
    });
});
