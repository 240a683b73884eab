/** Whether a process of this machine is still the one that was meant. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** Field 22 of `/proc/<pid>/stat`: clock ticks from boot to the process's start; empty where there is no such file system. */
export function processStartTime(pid: number): string {
    try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        // The second field is the command in parentheses, which may hold anything.
        return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    } catch {
        return ""; // No such process, or no such file system: `isAlive` asks further.
    }
}

/** Whether a process runs: a zombie does not, and neither does another one that has got its number. */
export function isAlive(pid: number, startTime: string): boolean {
    try {
        process.kill(pid, 0);
    } catch (error) {
        return (error as NodeJS.ErrnoException).code === "EPERM";
    }
    if (isZombie(pid)) return false;
    return startTime === "" || processStartTime(pid) === startTime;
}

/** Whether the owner of a transaction is known to be dead: only a process of this machine can be. */
export function isKnownDead(owner: {
    readonly host: string;
    readonly pid: number;
    readonly pidStart: string;
}): boolean {
    return owner.host === hostname() && !isAlive(owner.pid, owner.pidStart);
}

function isZombie(pid: number): boolean {
    try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
    } catch {
        return false;
    }
}
