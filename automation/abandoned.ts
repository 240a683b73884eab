/**
 * Ending a transaction that another process has left open: waiting for who still ends it, or taking it over from the
 * dead.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { describeError, PlumblineError } from "../release/errors.ts";
import type { Release } from "../release/types.ts";
import { busy, type OpenTransaction, type Placement, TransactionLost } from "../rollout/ledger.ts";
import type { Outcome } from "../rollout/outcome.ts";
import { settle } from "../rollout/recover.ts";
import type { RolloutRequest } from "../rollout/session.ts";
import type { CommandContext } from "./context.ts";
import { describeOwner, ownerState } from "./deployer.ts";
import { withLaterTimeline } from "./operation.ts";
import type { Place } from "./place.ts";
import { readSecretValues, type SecretValues } from "./state.ts";

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
    /** Whether it is still open, for `recover` to try again. */
    readonly isOpen: boolean;
}

export interface EndOptions {
    /** Take it over from an owner on another machine too. @default false */
    readonly yes?: boolean;
    /**
     * The caller brings a release up next: what cannot be put back before that is told, and the transaction is closed all
     * the same. @default it stays open
     */
    readonly goOn?: boolean;
    /** The caller's own transaction, whose update has ended: whoever still holds it is about to end it. @default any */
    readonly own?: string;
}

/**
 * Returns when no transaction is open any more: at once when there was none.
 * @throws PlumblineError `rollback` when a deployer is at work, or has been, on a machine that cannot be judged from
 * here, or when the wait was too long; `settings` when the secrets of what is to be put back are not known here
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
    { yes = false, own, goOn = false }: EndOptions,
): Promise<Ended> {
    const { project } = place.settings;
    const deadline = Date.now() + waitMs;
    let told = false;
    for (;;) {
        const open = await place.ledger.current();
        if (open?.transaction !== first.transaction) return await endedBy(place, first.transaction);
        const state = ownerState(open);
        if (state === "dead" || (state === "elsewhere" && yes)) {
            const ended = await takeOver(context, place, open, { goOn, owner: describeOwner(open, state) });
            if (ended === undefined) continue;
            return ended;
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
    return { transaction, outcome: committed ? "committed" : "rolled-back", error: null, isOpen: false };
}

/** Takes a transaction over and ends it in this process. @returns nothing when somebody else has it, or it has ended */
async function takeOver(
    context: CommandContext,
    place: Place,
    open: OpenTransaction,
    { goOn, owner }: { readonly goOn: boolean; readonly owner: string },
): Promise<Ended | undefined> {
    const { ledger } = place;
    const { transaction } = open;
    const failed = { transaction, outcome: "rollback-failed" } as const;
    const secrets = await readSecretValues(place.stack);
    try {
        const wanted = await wantedBy(place, transaction);
        if (wanted !== undefined) await assertSecrets(place, wanted, secrets);
        const mine = await ledger.takeOver(open);
        if (mine === undefined) return undefined;
        context.note(`${capitalised(owner)}: it is ended now.`);
        if (wanted === undefined) {
            // Killed before it had said where to: nothing was started.
            await ledger.end(mine);
            return { transaction, outcome: "rolled-back", error: null, isOpen: false };
        }
        const request = requestFor(wanted, secrets, place.engineHost);
        const { outcome, error } = await inFolder(context.projectDir, () => settle(mine, request, () => undefined));
        if (outcome === "committed" || outcome === "rolled-back") {
            return { transaction, outcome, error: null, isOpen: false };
        }
        if (!goOn) return { ...failed, error, isOpen: true };
        await ledger.end(mine);
        context.note(`What ran before cannot be put back, and what is deployed now takes its place: ${error}`);
        return { ...failed, error, isOpen: false };
    } catch (error) {
        if (error instanceof TransactionLost) return undefined;
        if (error instanceof UnknownSecrets) throw error;
        return { ...failed, error: describeError(error), isOpen: true };
    }
}

/** Where a dead deployer wanted to go, or else where it came from. */
interface Wanted {
    readonly placement: Placement;
    readonly isTarget: boolean;
    readonly release: Release;
    readonly releaseText: string;
}

/** As the ledger tells; nothing when the deployer was killed before it had said so. */
async function wantedBy({ ledger }: Place, transaction: string): Promise<Wanted | undefined> {
    const target = await ledger.target(transaction);
    const placement = target ?? (await ledger.lastCommit());
    if (placement === undefined) return undefined;
    const releaseText = await ledger.releaseText(placement.release);
    const release = await ledger.release(placement.release);
    if (releaseText === undefined || release === undefined) {
        throw new PlumblineError("rollback", `The ledger has no release ${placement.release}.`, {
            remedy: `Look at the volume ${ledger.volume}; deploying again mends the stack.`,
        });
    }
    return { placement, isTarget: target !== undefined, release, releaseText };
}

/** What `settle` needs of it. */
function requestFor(
    { placement, isTarget, release, releaseText }: Wanted,
    { declared, committed }: SecretValues,
    engineHost: string | undefined,
): RolloutRequest {
    const { edge, containers } = placement;
    const secrets = isTarget ? declared : committed;
    return { release, releaseText, edge, containers, secrets, previousSecrets: committed, engineHost };
}

/** Another clone has neither the values nor a way to prove what needs them. */
class UnknownSecrets extends PlumblineError {
    constructor(release: string, names: readonly string[]) {
        super("settings", `The secrets of release ${release} are not in this Pulumi state: ${names.join(", ")}.`, {
            remedy: "Run this where that release was deployed from, or with its Pulumi state (PULUMI_BACKEND_URL).",
        });
    }
}

/** @throws UnknownSecrets when a release that may have to be put back was given values that are not known here */
async function assertSecrets({ ledger }: Place, { release }: Wanted, { declared }: SecretValues): Promise<void> {
    const last = await ledger.lastCommit();
    const previous = last === undefined ? undefined : await ledger.release(last.release);
    for (const { id, secretVersions } of previous === undefined ? [release] : [release, previous]) {
        const missing = Object.keys(secretVersions).filter((name) => declared[name] === undefined);
        if (missing.length > 0) throw new UnknownSecrets(id, missing);
    }
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
