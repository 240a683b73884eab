import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { withLock } from "../../toolchain/lock.mjs";
import { inTemporaryFolder } from "./support/temporary.ts";

const module = path.resolve("toolchain/lock.mjs");

/** A process that says `in`, works for a while under the lock, and says `out`. */
function contender(folder: string, journal: string, workMs: number): ChildProcess {
    const program = `
        import { appendFileSync } from "node:fs";
        import { withLock } from ${JSON.stringify(module)};
        await withLock(${JSON.stringify(folder)}, async () => {
            appendFileSync(${JSON.stringify(journal)}, "in\\n");
            console.log("in");
            await new Promise((resolve) => setTimeout(resolve, ${workMs}));
            appendFileSync(${JSON.stringify(journal)}, "out\\n");
        }, () => {});`;
    return spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
}

describe("the lock between set-ups", () => {
    test("six processes at once work one after the other", async () => {
        await inTemporaryFolder(async (folder) => {
            const journal = path.join(folder, "journal");
            const locks = path.join(folder, "locks");
            const all = Array.from({ length: 6 }, () => contender(locks, journal, 60));
            const codes = await Promise.all(all.map(async (child) => (await once(child, "close"))[0]));
            expect(codes).toEqual([0, 0, 0, 0, 0, 0]);
            expect(readFileSync(journal, "utf8")).toBe("in\nout\n".repeat(6));
            expect(readdirSync(locks)).toEqual([]);
        });
    });

    test("the lock of a process that was killed is free", async () => {
        await inTemporaryFolder(async (folder) => {
            const owner = contender(folder, path.join(folder, "journal"), 60_000);
            if (owner.stdout === null) throw new Error("no output");
            await once(owner.stdout, "data");
            const waited: number[] = [];
            const taken = withLock(
                folder,
                () => "taken",
                (pid) => waited.push(pid),
            );
            await new Promise((resolve) => setTimeout(resolve, 300));
            owner.kill("SIGKILL");
            expect(await taken).toBe("taken");
            expect(waited).toEqual([owner.pid]);
            expect(readdirSync(folder).filter((name) => name.endsWith(".claim"))).toEqual([]);
        });
    });

    test("a claim of a process whose number was given out again is not obeyed", async () => {
        await inTemporaryFolder(async (folder) => {
            writeFileSync(path.join(folder, "old.claim"), JSON.stringify({ pid: process.pid, started: "1" }));
            const waited: number[] = [];
            await withLock(
                folder,
                () => {},
                (pid) => waited.push(pid),
            );
            expect(waited).toEqual([]);
        });
    });

    test("the lock is given back when the work fails", async () => {
        await inTemporaryFolder(async (folder) => {
            const failed = withLock(
                folder,
                () => Promise.reject(new Error("work failed")),
                () => {},
            );
            await expect(failed).rejects.toThrow("work failed");
            expect(readdirSync(folder)).toEqual([]);
        });
    });
});
