/**
 * Ending a transaction that another process has left open: waiting for who still ends it, or taking it over from the
 * dead.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { PlumblineError } from "../release/errors.ts";
import { busy, type OpenTransaction, type Placement } from "../rollout/ledger.ts";
import type { Outcome } from "../rollout/outcome.ts";
import { settle } from "../rollout/recover.ts";
import type { RolloutRequest } from "../rollout/session.ts";
import type { CommandContext } from "./context.ts";
import { describeOwner, ownerState } from "./deployer.ts";
import { withLaterTimeline } from "./operation.ts";
import type { Place } from "./place.ts";
import { readSecretValues } from "./state.ts";

/** Longest wait for a guard or a provider that has outlived its CLI. Undoing takes at most 60 s (item 3). */
const waitMs = 90_000;
const lookEveryMs = 500;

/** How a transaction ended that was open. */
export interface Ended {
    readonly transaction: string;
    /** `committed` or `rolled-back` as the ledger tells; `rollback-failed` where this process could not settle it. */
    readonly outcome: Extract<Outcome, "committed" | "rolled-back" | "rollback-failed">;
    /** What could not be done; null unless `rollback-failed`. */
    readonly error: string | null;
}

export interface EndOptions {
    /** Take it over from an owner on another machine too. @default false */
    readonly yes?: boolean;
    /** The caller's own transaction, whose update has ended: whoever still holds it is about to end it. @default any */
    readonly own?: string;
}

/**
 * Returns when no transaction is open any more: at once when there was none.
 * @throws PlumblineError `rollback` when a deployer is at work, or has been, on a machine that cannot be judged from
 * here, or when the wait was too long
 */
export async function endOpenTransaction(
    context: CommandContext,
    place: Place,
    options: EndOptions = {},
): Promise<Ended | undefined> {
    const first = await place.ledger.current();
    if (first === undefined || (options.own ?? first.transaction) !== first.transaction) return undefined;
    return await withLaterTimeline(context, () => endOrWait(context, place, first, options));
}

async function endOrWait(
    context: CommandContext,
    place: Place,
    first: OpenTransaction,
    { yes = false, own }: EndOptions,
): Promise<Ended> {
    const { project } = place.settings;
    const deadline = Date.now() + waitMs;
    let told = false;
    for (;;) {
        const open = await place.ledger.current();
        if (open?.transaction !== first.transaction) return await endedBy(place, first.transaction);
        const state = ownerState(open);
        if (state === "dead" || (state === "elsewhere" && yes)) {
            const mine = await place.ledger.takeOver(open);
            if (mine === undefined) continue;
            context.note(`${capitalised(describeOwner(open, state))}: it is ended now.`);
            return await settleHere(context, place, mine);
        }
        if (state === "elsewhere") throw elsewhereError(project, open);
        if (state === "at-work" && own === undefined) throw busy(project, open);
        if (Date.now() > deadline) throw busy(project, open);
        if (!told) context.note(`Waiting for ${describeOwner(open, state)}.`);
        told = true;
        await sleep(lookEveryMs);
    }
}

async function endedBy({ ledger }: Place, transaction: string): Promise<Ended> {
    const commits = await ledger.commits();
    const committed = commits.some((commit) => commit.transaction === transaction);
    return { transaction, outcome: committed ? "committed" : "rolled-back", error: null };
}

/** Runs the recovery in this process, which has taken the transaction over. */
async function settleHere(context: CommandContext, place: Place, mine: OpenTransaction): Promise<Ended> {
    const { ledger } = place;
    const { transaction } = mine;
    const last = await ledger.lastCommit();
    const target = await ledger.target(transaction);
    const placement = target ?? last;
    if (placement === undefined) {
        // Killed before it had said where to: nothing was started.
        await ledger.end(mine);
        return { transaction, outcome: "rolled-back", error: null };
    }
    const request = await requestFor(place, placement, target !== undefined);
    const outcome = await inFolder(context.projectDir, () => settle(mine, request, () => undefined));
    if (outcome.outcome === "committed" || outcome.outcome === "rolled-back") {
        return { transaction, outcome: outcome.outcome, error: null };
    }
    return { transaction, outcome: "rollback-failed", error: `transaction ${transaction} could not be ended` };
}

/** What the dead deployer wanted, as far as the ledger and the state tell. */
async function requestFor(place: Place, placement: Placement, isTarget: boolean): Promise<RolloutRequest> {
    const { ledger, stack, engineHost } = place;
    const releaseText = await ledger.releaseText(placement.release);
    const release = await ledger.release(placement.release);
    if (releaseText === undefined || release === undefined) {
        throw new PlumblineError("rollback", `The ledger has no release ${placement.release}.`, {
            remedy: `Look at the volume ${ledger.volume}; deploying again mends the stack.`,
        });
    }
    const { declared, committed } = await readSecretValues(stack);
    const { edge, containers } = placement;
    const secrets = isTarget ? declared : committed;
    return { release, releaseText, edge, containers, secrets, previousSecrets: committed, engineHost };
}

/** The rollout writes its evidence below the folder in which it works. */
async function inFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
    const before = process.cwd();
    if (before === folder) return await work();
    process.chdir(folder);
    try {
        return await work();
    } finally {
        process.chdir(before);
    }
}

function elsewhereError(project: string, open: OpenTransaction): PlumblineError {
    const remedy = `When you know that its deployer is gone: npm run recover -- --yes (on ${open.host} no --yes is needed)`;
    return new PlumblineError("rollback", busy(project, open).message, { remedy });
}

function capitalised(text: string): string {
    return text.charAt(0).toUpperCase() + text.slice(1);
}
