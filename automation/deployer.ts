/**
 * Who holds an open transaction, as far as this machine can tell: a deployer at work, one that is ending, or a dead
 * one.
 */

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { OpenTransaction } from "../rollout/ledger.ts";
import { isKnownDead } from "../rollout/process.ts";
import { type ProcessTable, thisMachine } from "./lock.ts";

/**
 * `elsewhere`: on another machine, so that it cannot be judged from here. `at-work`: Pulumi runs it. `ending`: it
 * lives, but no Pulumi waits for it: a provider that has outlived its CLI, a guard that undoes, or a `recover`. `dead`:
 * it is gone.
 */
export type OwnerState = "elsewhere" | "at-work" | "ending" | "dead";

/** @param parentOf the process that started another one; undefined where that cannot be known */
export function ownerState(
    open: Pick<OpenTransaction, "host" | "pid" | "pidStart">,
    processes: ProcessTable = thisMachine,
    parentOf: (pid: number) => number | undefined = parentOnLinux,
): OwnerState {
    if (open.host !== hostname()) return "elsewhere";
    // In this order: of a process that ends meanwhile there is no parent, and that says nothing of its work.
    const parent = parentOf(open.pid);
    if (isKnownDead(open)) return "dead";
    return parent === undefined || processes.isPulumi(parent) ? "at-work" : "ending";
}

function parentOnLinux(pid: number): number | undefined {
    try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        // The second field is the command in parentheses, which may hold anything.
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        return Number.isInteger(parent) ? parent : undefined;
    } catch {
        return undefined;
    }
}

/** Who it is and since when, in words. */
export function describeOwner(open: OpenTransaction, state: OwnerState): string {
    const words: Readonly<Record<OwnerState, string>> = {
        elsewhere: "on another machine, so it cannot be told whether it lives",
        "at-work": "at work",
        ending: "alive, and about to end it",
        dead: "gone",
    };
    const who = `${open.user}@${open.host} (process ${open.pid}, ${words[state]})`;
    return `transaction ${open.transaction} of ${who} since ${open.since}`;
}
