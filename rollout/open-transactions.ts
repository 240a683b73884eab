/** Before a database is handed over: a bounded wait for the transactions that are open. */
import { withPostgres } from "../engine/postgres.ts";
import { sleep } from "../engine/retry.ts";
import { describeError } from "../release/errors.ts";
import { substituteDeep } from "../release/secrets.ts";
import type { ServiceRelease } from "../release/types.ts";
import type { RolloutContext } from "./context.ts";

const askEveryMs = 50;
const queryTimeoutMs = 2_000;

/** Transactions of clients that were open at a given time and are still open. */
const stillOpen = `
    select count(*)::int as open from pg_stat_activity
    where pid <> pg_backend_pid() and backend_type = 'client backend' and xact_start <= $1::timestamptz`;

/**
 * Waits until the transactions that are open now have ended, at most as long as the policy says. Those that begin in the
 * meantime are not waited for, so that a database under constant writes is handed over too. What is cut off in the end was
 * never acknowledged, and its client is told so by the database. Does nothing for services that are not asked as Postgres.
 *
 * @param service as it runs, with its own login
 */
export async function awaitOpenTransactions(
    context: RolloutContext,
    service: ServiceRelease,
    signal: AbortSignal,
): Promise<void> {
    const probe = service.probes.find((candidate) => candidate.type === "postgres");
    if (probe === undefined || probe.type !== "postgres") return;
    const note = (message: string) => context.timeline.record({ event: "note", service: service.name, message });
    const deadline = performance.now() + context.release.rollout.openTransactionsMs;
    try {
        const { port, user, password, database } = substituteDeep(probe, context.previousSecrets);
        await withPostgres(
            { ...context.probeAddress, role: "active", service: service.name, servicePort: port },
            { user, password, database },
            queryTimeoutMs,
            async (client) => {
                const now = await client.query<{ now: string }>("select now()::text as now");
                for (;;) {
                    const { rows } = await client.query<{ open: number }>(stillOpen, [now.rows[0]?.now]);
                    const open = rows[0]?.open ?? 0;
                    if (open === 0) return;
                    if (performance.now() > deadline) {
                        note(`${open} transactions are still open; they are cut off and their clients told so`);
                        return;
                    }
                    await sleep(askEveryMs, signal);
                }
            },
        );
    } catch (error) {
        signal.throwIfAborted();
        // A database that cannot be asked is replaced all the same: it may be why it is replaced.
        note(`it cannot be asked for open transactions: ${describeError(error)}`);
    }
}
