/** The last look of every transaction before it is closed: whether what was proven runs still. */
import { untilEngineAnswers } from "./engine-return.ts";
import { standsAsCommitted } from "./finished-jobs.ts";
import type { CommitRecord, OpenTransaction } from "./ledger.ts";
import type { Session } from "./session.ts";

/**
 * Puts a release that was proven back once more where its containers do not all run any longer, as after a crash of the
 * engine since then. Asked by whoever closes a transaction: after a commit, after an undo, and by the guard and `recover`.
 *
 * @returns what could not be put back, in words
 */
export async function standAgain(
    session: Session,
    commit: CommitRecord,
    open: OpenTransaction,
): Promise<string | undefined> {
    const { engine, ledger } = session;
    await untilEngineAnswers(engine);
    const all = Object.entries({ ...commit.containers, edge: commit.edge });
    const facts = await Promise.all(
        all.map(async ([service, { name }]) => [service, await engine.inspect(name)] as const),
    );
    const fallen = facts.filter(([, seen]) => seen?.running !== true);
    if (fallen.length === 0) return undefined;
    const services = (await ledger.release(commit.release))?.services ?? [];
    const jobs = new Set(services.flatMap(({ name, kind }) => (kind === "job" ? [name] : [])));
    const isDone = ([service, seen]: (typeof fallen)[number]) =>
        seen !== undefined && jobs.has(service) && standsAsCommitted(seen);
    return fallen.every(isDone) ? undefined : await session.putBack(commit, open);
}
