/** Pulumi's lock on a stack: who holds it, and whether that process still lives. */

import { readFileSync } from "node:fs";
import os from "node:os";
import { PlumblineError } from "../release/errors.ts";
import { isAlive } from "../rollout/process.ts";

/** One lock as Pulumi's error text names it. */
export interface StackLock {
    readonly user: string;
    readonly host: string;
    readonly pid: number;
    /** As Pulumi writes it. */
    readonly since: string;
}

/** The locks in the text of Pulumi's error, as in `…: created by root@host (pid 4711) at 2026-01-02T03:04:05Z`. */
export function parseLocks(text: string): StackLock[] {
    const locks = new Map<string, StackLock>();
    for (const match of text.matchAll(/created by ([^\s@]+)@(\S+) \(pid (\d+)\) at (\S+)/g)) {
        const [, user = "", host = "", pid = "", since = ""] = match;
        locks.set(`${host}/${pid}`, { user, host, pid: Number(pid), since });
    }
    return [...locks.values()];
}

/** Answers what the decision needs to know of this machine. */
export interface ProcessTable {
    readonly host: string;
    isPulumi(pid: number): boolean;
}

/**
 * Whether all locks were left by Pulumi processes of this machine that are gone. A lock of another machine cannot be
 * judged from here, so it counts as held.
 */
export function areStale(locks: readonly StackLock[], processes: ProcessTable): boolean {
    return locks.length > 0 && locks.every((lock) => lock.host === processes.host && !processes.isPulumi(lock.pid));
}

/** The refusal when somebody else is at work on the stack. */
export function heldError(stack: string, locks: readonly StackLock[], cause: unknown): PlumblineError {
    const who = locks
        .map((lock) => `${lock.user} on ${lock.host} (process ${lock.pid}) since ${lock.since}`)
        .join("; ");
    return new PlumblineError("engine", `The stack ${stack} is being changed by ${who || "somebody else"}.`, {
        remedy: `Wait until it has ended. When you know that the process is gone: pulumi cancel --stack ${stack}`,
        // Pulumi's own text names nothing that is not said above.
        ...(locks.length === 0 ? { cause } : {}),
    });
}

/**
 * This machine. A number that now belongs to a program which is not Pulumi counts as gone, and so does a zombie: where the
 * first process of a container asks for nobody's end, a killed Pulumi stays one for ever.
 */
export const thisMachine: ProcessTable = {
    host: os.hostname(),
    isPulumi(pid) {
        if (!isAlive(pid, "")) return false;
        try {
            return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("pulumi");
        } catch {
            return true;
        }
    },
};
