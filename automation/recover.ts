/** `recover`: after a deployer was killed, brings a stack to all-old or all-new, with nothing left behind. */

import { endOpenTransaction } from "./abandoned.ts";
import { agree } from "./agree.ts";
import { conclude, type Ending } from "./context.ts";
import { foreignStateOf } from "./foreign.ts";
import type { CommandOptions } from "./options.ts";
import { openPlace } from "./place.ts";
import type { CommandResult } from "./result.ts";
import { readState } from "./state.ts";

export interface RecoverOptions extends CommandOptions {
    /**
     * Take a transaction over also when its deployer is on another machine, where it cannot be told whether it lives.
     * @default false
     */
    readonly yes?: boolean;
}

export interface RecoverResult extends CommandResult {
    /** The transaction that was open; null where none was. */
    readonly transaction: string | null;
}

type RecoverExtra = Pick<RecoverResult, "transaction">;

/**
 * Ends an open transaction, forward when it was committed and back when it was not, clears the lock and the pending
 * operations of a dead CLI, and brings Pulumi's state to agree with the last committed release.
 *
 * The outcome is `committed` (exit code 0: the transaction had been committed, its release runs, proven), `rolled-back`
 * (10: the release before it runs, proven; `reason` `no-previous`: there was none, and nothing runs), `agreed` (0: no
 * transaction was open, only the state was mended), `unchanged` (0: there was nothing to recover), `rollback-failed` or
 * `incomplete` (20: a person is needed), or `refused` (30: a deployer is at work).
 */
export async function recover(options: RecoverOptions = {}): Promise<RecoverResult> {
    return conclude("recover", options, { transaction: null }, async (context): Promise<Ending<RecoverExtra>> => {
        const place = await openPlace(context, "create");
        const { ledger, stack } = place;
        const ended = await endOpenTransaction(context, place, { yes: options.yes === true });
        const last = await ledger.lastCommit();
        const ending = {
            release: last?.release ?? null,
            evidence: ended === undefined ? null : `infrastructure/reports/${context.stack}/${ended.transaction}`,
            extra: { transaction: ended?.transaction ?? null },
        };
        if (ended?.outcome === "rollback-failed") {
            const message = ended.error ?? "The transaction could not be ended.";
            const remedy = "Mend what it names; then run this command again, or deploy.";
            const failure = { category: "rollback", message, remedy, service: null } as const;
            return { ...ending, outcome: "rollback-failed", failure };
        }
        const state = await readState(stack);
        const foreign = await foreignStateOf(place, state);
        if (foreign !== undefined) {
            context.note(`Only the transaction was looked at, not Pulumi's state here: ${foreign.message}.`);
            return { ...ending, outcome: ended?.outcome ?? "unchanged" };
        }
        if (ended === undefined && state.resources === 0 && state.pendingOperations === 0) {
            return { ...ending, outcome: "unchanged" };
        }
        const { changed, failure } = await agree(context, place);
        if (failure !== null) {
            // Nothing was done by then where somebody else is at work.
            return { ...ending, outcome: ended === undefined && !changed ? "refused" : "incomplete", failure };
        }
        if (ended === undefined) return { ...ending, outcome: changed ? "agreed" : "unchanged" };
        const reason =
            ended.outcome === "rolled-back" && last === undefined ? ({ reason: "no-previous" } as const) : {};
        return { ...ending, outcome: ended.outcome, ...reason };
    });
}
