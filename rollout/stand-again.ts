/** The end of every transaction that was brought to a release: it is closed while what was proven runs. */
import { untilEngineAnswers } from "./engine-return.ts";
import { standsAsCommitted } from "./finished-jobs.ts";
import { type CommitRecord, type OpenTransaction, TransactionLost } from "./ledger.ts";
import type { Session } from "./session.ts";

/** How often what a crash took down while the transaction was closed is put back before it is given up. */
const mostAttempts = 3;

/**
 * Looks once more whether a release that was proven runs, puts back what an engine that crashed since then has taken down,
 * and closes the transaction. Asked after a commit, after an undo, and by the guard and `recover`. The transaction is closed
 * in one go: where the engine goes away meanwhile, all of it is done again once it is back. A crash after that is one of an
 * engine that nobody works on.
 *
 * @returns what could not be put back, in words: then the transaction is open still
 * @throws Error when it could not be closed
 */
export async function endStanding(
    session: Session,
    commit: CommitRecord,
    open: OpenTransaction,
): Promise<string | undefined> {
    for (let attempt = 1; ; attempt += 1) {
        try {
            const left = await standAgain(session, commit, open);
            if (left === undefined) await session.ledgerAtOnce.end(open);
            return left;
        } catch (error) {
            if (error instanceof TransactionLost || attempt === mostAttempts) throw error;
            await untilEngineAnswers(session.engine);
            // Closed all the same, and only the answer was lost.
            if (!(await isOpen(session, open))) return undefined;
        }
    }
}

async function isOpen({ ledger }: Session, { transaction, epoch }: OpenTransaction): Promise<boolean> {
    const now = await ledger.current();
    return now?.transaction === transaction && now.epoch === epoch;
}

async function standAgain(session: Session, commit: CommitRecord, open: OpenTransaction): Promise<string | undefined> {
    await untilEngineAnswers(session.engine);
    return (await stands(session, commit)) ? undefined : await session.putBack(commit, open);
}

/** Whether every container of the release runs, but for jobs that have ended well. */
async function stands({ engine, ledger }: Session, commit: CommitRecord): Promise<boolean> {
    const all = Object.entries({ ...commit.containers, edge: commit.edge });
    const facts = await Promise.all(
        all.map(async ([service, { name }]) => [service, await engine.inspect(name)] as const),
    );
    const fallen = facts.filter(([, seen]) => seen?.running !== true);
    if (fallen.length === 0) return true;
    const services = (await ledger.release(commit.release))?.services ?? [];
    const jobs = new Set(services.flatMap(({ name, kind }) => (kind === "job" ? [name] : [])));
    const isDone = ([service, seen]: (typeof fallen)[number]) =>
        seen !== undefined && jobs.has(service) && standsAsCommitted(seen);
    return fallen.every(isDone);
}
