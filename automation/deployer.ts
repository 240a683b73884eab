/**
 * Who holds an open transaction, as far as this machine can tell: a deployer at work, one that is ending, or a dead
 * one.
 */

import { hostname } from "node:os";
import type { OpenTransaction } from "../rollout/ledger.ts";
import { isKnownDead, parentOf } from "../rollout/process.ts";
import { type ProcessTable, thisMachine } from "./lock.ts";

/**
 * `elsewhere`: on another machine, so that it cannot be judged from here. `at-work`: Pulumi runs it. `ending`: it
 * lives, but no Pulumi waits for it: a provider that has outlived its CLI, a guard that undoes, or a `recover`. `dead`:
 * it is gone.
 */
export type OwnerState = "elsewhere" | "at-work" | "ending" | "dead";

/** @param parent the process that started another one; undefined where that cannot be known */
export function ownerState(
    open: Pick<OpenTransaction, "host" | "pid" | "pidStart">,
    processes: ProcessTable = thisMachine,
    parent: (pid: number) => number | undefined = parentOf,
): OwnerState {
    if (open.host !== hostname()) return "elsewhere";
    // In this order: of a process that ends meanwhile there is no parent, and that says nothing of its work.
    const startedBy = parent(open.pid);
    if (isKnownDead(open)) return "dead";
    return startedBy === undefined || processes.isPulumi(startedBy) ? "at-work" : "ending";
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
