/** Ending a transaction whose deployer is dead: forward when it was committed, back when it was not. */

import { untilEngineAnswers } from "./engine-return.ts";
import type { OpenTransaction } from "./ledger.ts";
import type { RolloutOutcome } from "./outcome.ts";
import { type RolloutRequest, Session } from "./session.ts";
import { endStanding } from "./stand-again.ts";

/**
 * Brings the stack to all-old or all-new and closes the transaction, which the caller has taken over.
 *
 * A release whose deployer was killed has not failed: it is not quarantined, and the next deploy tries it again.
 *
 * @param request what the dead deployer wanted, or what the caller wants now: its doors and secrets are used
 * @param echo receives one readable line for every event
 * @returns `committed`, `rolled-back` or `rollback-failed`; the transaction stays open only in the last case, with what
 * could not be done as `error`
 */
export async function settle(
    mine: OpenTransaction,
    request: RolloutRequest,
    echo?: (line: string) => void,
): Promise<RolloutOutcome & { readonly error: string | null }> {
    const session = new Session(request, mine.transaction, () => new Date(), echo);
    const { ledger, engine } = session;
    await untilEngineAnswers(engine);
    await ledger.open();
    const last = await ledger.lastCommit();
    const committed = last?.transaction === mine.transaction;
    session.begin(last?.release ?? null, mine, `recovering ${mine.transaction}, ${committed ? "forward" : "backward"}`);
    try {
        if (!committed) await ledger.recordUndone(mine.transaction);
        let left = await session.putBack(last, mine);
        if (left === undefined) {
            if (!committed) await ledger.recordUndone(mine.transaction, { isPutBack: true });
            if (last !== undefined) left = await endStanding(session, last, mine);
        }
        if (left !== undefined) {
            if (!committed) await ledger.recordUndone(mine.transaction);
            const error = `transaction ${mine.transaction} could not be ended: ${left}`;
            return { ...session.end("rollback-failed", [], error), error };
        }
        if (last === undefined) await ledger.end(mine);
        const error = committed ? null : "the deployer was killed; the previous release was put back";
        return { ...session.end(committed ? "committed" : "rolled-back", [], error), error };
    } finally {
        await session.close();
    }
}
