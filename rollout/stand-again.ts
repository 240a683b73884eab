/** The end of every transaction that was brought to a release: what was proven runs still, before it is closed and after. */
import { untilEngineAnswers } from "./engine-return.ts";
import { standsAsCommitted } from "./finished-jobs.ts";
import type { CommitRecord, OpenTransaction } from "./ledger.ts";
import type { Session } from "./session.ts";

/** How often a transaction is opened once more for what a crash has taken down while it was closed. */
const mostReopened = 2;

/**
 * Closes a transaction whose release was proven, and looks at it on both sides of that moment: what an engine that crashed
 * since then has taken down is put back once more, within the transaction. Asked after a commit, after an undo, and by the
 * guard and `recover`. A crash after the last look is one of an engine that nobody works on.
 *
 * @returns what could not be put back, in words: then the transaction is open still
 */
export async function endStanding(
    session: Session,
    commit: CommitRecord,
    open: OpenTransaction,
): Promise<string | undefined> {
    const { ledger, engine } = session;
    for (let mine = open, reopened = 0; ; reopened += 1) {
        const left = await standAgain(session, commit, mine);
        if (left !== undefined) return left;
        await ledger.end(mine);
        await untilEngineAnswers(engine);
        if (reopened === mostReopened || (await stands(session, commit))) return undefined;
        const { transaction, to, since } = open;
        const begun = await ledger.begin({ transaction, to, since });
        // Whoever works on the stack by now finds what does not run.
        if ("other" in begun) return undefined;
        mine = begun.mine;
    }
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
