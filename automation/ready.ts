/** Before a change: nobody else is at work, and what a killed deployer has left is ended and cleared. */

import { endOpenTransaction } from "./abandoned.ts";
import type { CommandContext, Ending } from "./context.ts";
import { foreignStateOf } from "./foreign.ts";
import { clearPending, withLock } from "./operation.ts";
import type { Place } from "./place.ts";
import { readState } from "./state.ts";
import { nothingDone, type TransactExtra } from "./transact.ts";

/**
 * Makes a stack ready for `deploy` and `rollback`.
 * @returns how the command ends where that cannot be done; undefined when all is ready
 * @throws PlumblineError when somebody else is at work, or when what runs was deployed from another Pulumi state
 */
export async function makeReady(context: CommandContext, place: Place): Promise<Ending<TransactExtra> | undefined> {
    const ended = await endOpenTransaction(context, place, { goOn: true });
    if (ended?.isOpen === true) {
        const message = ended.error ?? `Transaction ${ended.transaction} could not be ended.`;
        const remedy = `Mend what it names; then run: npm run recover -- --stack ${context.stack}`;
        return {
            outcome: "rollback-failed",
            release: null,
            evidence: `infrastructure/reports/${context.stack}/${ended.transaction}`,
            failure: { category: "rollback", message, remedy, service: null },
            extra: nothingDone,
        };
    }
    const state = await readState(place.stack);
    const foreign = await foreignStateOf(place, state);
    if (foreign !== undefined) throw foreign;
    if (state.pendingOperations > 0) await withLock(context, place, () => clearPending(context, place));
    return undefined;
}
