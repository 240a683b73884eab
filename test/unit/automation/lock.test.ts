/** Who holds a stack, and when his lock may be cleared. */
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { areStale, heldError, parseLocks, type StackLock, thisMachine } from "../../../automation/lock.ts";
import { zombie } from "../../support/zombie.ts";

const text = `error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with \`pulumi cancel\`.
  file:///p/.plumbline/state/.pulumi/locks/organization/plumbline/local/1.json: created by ann@builder (pid 4711) at 2026-01-02T03:04:05Z`;

const lock: StackLock = { user: "ann", host: "builder", pid: 4711, since: "2026-01-02T03:04:05Z" };

describe("a lock", () => {
    test("names user, machine, process and time", () => {
        expect(parseLocks(text + text)).toEqual([lock]);
        expect(parseLocks("error: something else")).toEqual([]);
    });

    test("is stale when its process is gone from this machine [R94]", () => {
        expect(areStale([lock], { host: "builder", isPulumi: () => false })).toBe(true);
    });

    test("is held when the process lives, when it is of another machine, and when nothing is known", () => {
        expect(areStale([lock], { host: "builder", isPulumi: () => true })).toBe(false);
        expect(areStale([lock], { host: "other", isPulumi: () => false })).toBe(false);
        expect(areStale([], { host: "builder", isPulumi: () => false })).toBe(false);
    });

    test("that is held is refused with who and since when", () => {
        const error = heldError("local", [lock], new Error("x"));
        expect(error.message).toContain("ann on builder (process 4711) since 2026-01-02T03:04:05Z");
        expect(error.remedy).toContain("pulumi cancel --stack local");
    });

    test("of a number that now belongs to another program, or to none, counts as gone", () => {
        const ended = spawnSync(process.execPath, ["-e", ""]).pid;
        expect(thisMachine.isPulumi(ended)).toBe(false);
        expect(thisMachine.isPulumi(process.pid)).toBe(false);
    });

    test("of a Pulumi that was killed and whose end nobody asks for counts as gone [R94]", async () => {
        const folder = await mkdtemp(path.join(tmpdir(), "plumbline-lock-"));
        await symlink("/bin/true", path.join(folder, "pulumi"));
        const { pid, parent } = await zombie(path.join(folder, "pulumi"));
        try {
            expect(await readFile(`/proc/${pid}/comm`, "utf8")).toBe("pulumi\n");
            expect(thisMachine.isPulumi(pid)).toBe(false);
        } finally {
            parent.kill("SIGKILL");
            await rm(folder, { recursive: true });
        }
    });
});
