/** What is known of a process of this machine: whether it is still the one that was meant, and who started it. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** Clock ticks from boot to the process's start (field 22); empty where there is no such file system, or no such process. */
export function processStartTime(pid: number): string {
    return statOf(pid)[19] ?? "";
}

/** The process that started another one, or has it since that one ended (field 4); undefined where that cannot be known. */
export function parentOf(pid: number): number | undefined {
    const parent = Number(statOf(pid)[1]);
    return Number.isInteger(parent) ? parent : undefined;
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
    return statOf(pid)[0] === "Z";
}

/** The fields of `/proc/<pid>/stat` from the third on; none where there is no such process, or no such file system. */
function statOf(pid: number): readonly string[] {
    try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        // The second field is the command in parentheses, which may hold anything.
        return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    } catch {
        return [];
    }
}
