/**
 * A lock between processes of one machine, in plain JavaScript because `run.mjs` needs it before Node 24 is there.
 *
 * Each process that wants the lock puts down a claim, a file of a name of its own, and then looks at all claims: it
 * owns the lock when every other claim is of a process that is no more. So a lock never has to be taken away from a dead
 * owner, which is where two takers could meet; its claim is just swept away.
 */

import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/** Runs `work` while holding the lock. `waiting` is told once, with the process that has it. */
export async function withLock(folder, work, waiting) {
    mkdirSync(folder, { recursive: true });
    const mine = path.join(folder, `${process.pid}-${randomBytes(6).toString("hex")}.claim`);
    let told = false;
    for (;;) {
        let owner = livingOwner(folder, mine);
        if (owner === undefined) {
            putDown(mine);
            owner = livingOwner(folder, mine);
            if (owner === undefined) break;
            // Two claims at the same time: both step back, for times that differ.
            rmSync(mine, { force: true });
        } else if (!told) {
            told = true;
            waiting(owner);
        }
        await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 200));
    }
    const release = () => rmSync(mine, { force: true });
    process.on("exit", release);
    try {
        return await work();
    } finally {
        process.off("exit", release);
        release();
    }
}

function putDown(file) {
    writeFileSync(`${file}.draft`, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }));
    renameSync(`${file}.draft`, file);
}

/** The process of another claim that still runs, or undefined; claims of dead processes are removed. */
function livingOwner(folder, mine) {
    for (const name of readdirSync(folder)) {
        const file = path.join(folder, name);
        if (file === mine || !name.endsWith(".claim")) continue;
        let claim;
        try {
            claim = JSON.parse(readFileSync(file, "utf8"));
        } catch {
            continue; // Just removed by its owner.
        }
        if (isAlive(claim)) return claim.pid;
        rmSync(file, { force: true });
    }
    return undefined;
}

function isAlive({ pid, started }) {
    try {
        process.kill(pid, 0);
    } catch (error) {
        if (error.code === "ESRCH") return false;
    }
    // A process id is given out again after a while: the start time tells the two apart, where the system shows it.
    const now = startOf(pid);
    return now === null || started === null || now === started;
}

/** When a process was started, in the system's own count, or null where it cannot be known. */
function startOf(pid) {
    try {
        const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
        // A zombie has ended already; only its parent has not asked yet.
        return fields[0] === "Z" ? "ended" : fields[19];
    } catch {
        return null;
    }
}
