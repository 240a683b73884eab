/**
 * The ledger: what the engine itself cannot tell. It lives on the engine, in a volume of the stack, so that every deployer
 * sees the same: the open transaction and its epoch, commits, releases, quarantine and pin.
 *
 * Files on the volume are reached through a helper container that is created with the volume mounted and never started.
 * Who may act is decided by containers too: one for each epoch of the open transaction, named by the project and the epoch.
 * The engine lets only one deployer create a name, so opening a transaction and taking one over are both atomic.
 */
import { hostname, userInfo } from "node:os";
import type { ContainerSummary, Engine } from "../engine/docker.ts";
import { mayPass, statusOf, wasNotReached } from "../engine/docker-errors.ts";
import { sleep } from "../engine/retry.ts";
import { PlumblineError } from "../release/errors.ts";
import type { Release } from "../release/types.ts";
import { callerOf } from "./caller.ts";
import { untilEngineAnswers } from "./engine-return.ts";
import { commitFile, LedgerFiles, releaseFile, undoneFile } from "./ledger-files.ts";
import type { CommitRecord, LedgerState, OpenTransaction, Placement, QuarantineRecord } from "./ledger-records.ts";
import { processStartTime } from "./process.ts";

export type * from "./ledger-records.ts";

const folder = "/ledger";
/** Longest time in milliseconds that the engine takes to show a container that another deployer creates. */
const creationMs = 30_000;
/** Longest wait for an engine that went away while it opened a transaction. */
const returnMs = 60_000;
const askEveryMs = 100;

export class Ledger {
    readonly #engine: Engine;
    readonly #project: string;
    readonly #image: string;

    /** @param image any image that the engine holds; nothing in it is ever run */
    constructor(engine: Engine, project: string, image: string) {
        this.#engine = engine;
        this.#project = project;
        this.#image = image;
    }

    /** Name of the volume that holds the ledger. */
    get volume(): string {
        return `${this.#project}_ledger`;
    }

    /** Makes volume and helper container where they are missing. */
    async open(): Promise<void> {
        if ((await this.#engine.volume(this.volume)) === undefined) {
            await this.#engine.createVolume(this.volume, {
                "plumbline.project": this.#project,
                "plumbline.role": "ledger",
            });
        }
        await this.#createOnce(this.#helperName, "ledger", {});
    }

    /** What a plan has to know: also where nothing was ever deployed. */
    async state(): Promise<LedgerState> {
        // In this order: a transaction that ends meanwhile is seen in both, never in neither.
        const open = await this.current();
        const { lastCommit, pin, quarantine } = await this.read();
        return {
            open,
            lastCommit,
            quarantine: Object.fromEntries(quarantine.map((record) => [record.release, record])),
            pin,
        };
    }

    /** Everything that the ledger says at this moment; nothing where nothing was ever deployed. */
    async read(): Promise<LedgerFiles> {
        const files = (await this.#isReadable()) ? await this.#engine.readFiles(this.#helperName, folder) : new Map();
        return new LedgerFiles(files, { project: this.#project, volume: this.volume });
    }

    /**
     * Opens a transaction.
     *
     * @returns the transaction, or the one of another deployer that is in the way
     */
    async begin(
        wanted: Pick<OpenTransaction, "transaction" | "to" | "since">,
    ): Promise<{ readonly mine: OpenTransaction } | { readonly other: OpenTransaction }> {
        const other = await this.current();
        if (other !== undefined) return { other };
        const mine: OpenTransaction = { ...wanted, epoch: 1, ...thisProcess(), ...callerOf() };
        try {
            if (await this.#createOnce(this.#epochName(1), "transaction", labelsOf(mine))) return { mine };
        } catch (error) {
            if (isAnswerLost(error)) await this.#giveBack(mine).catch(() => undefined);
            throw error;
        }
        const faster = await this.current();
        return faster === undefined ? this.begin(wanted) : { other: faster };
    }

    /** The engine may have opened the transaction all the same: then it is closed, since nobody is there to act in it. */
    async #giveBack(mine: OpenTransaction): Promise<void> {
        await untilEngineAnswers(this.#engine, returnMs);
        await this.end(mine);
    }

    /** The transaction that is open now, in its highest epoch. */
    async current(): Promise<OpenTransaction | undefined> {
        const epochs = await this.#epochs();
        return epochs.map(fromLabels).sort((a, b) => b.epoch - a.epoch)[0];
    }

    /**
     * Takes an open transaction over: from here on its runner does no further act.
     *
     * @returns nothing when somebody else was faster, or it has ended
     */
    async takeOver(open: OpenTransaction): Promise<OpenTransaction | undefined> {
        const now = await this.current();
        if (!isSame(now, open)) return undefined;
        const mine: OpenTransaction = { ...open, epoch: open.epoch + 1, ...thisProcess() };
        if (!(await this.#createOnce(this.#epochName(mine.epoch), "transaction", labelsOf(mine)))) return undefined;
        // It may have ended between the look and the mark, and what has ended must not come to life again.
        const marks = await this.#epochs();
        const marksOf = (one: OpenTransaction) => marks.filter((mark) => isSame(fromLabels(mark), one));
        if (marksOf(open).length > 0) return mine;
        for (const { id } of marksOf(mine)) await this.#engine.remove(id);
        return undefined;
    }

    /** @throws TransactionLost when the transaction is no longer this one */
    async assertHeld(mine: OpenTransaction): Promise<void> {
        const now = await this.current();
        if (!isSame(now, mine)) throw new TransactionLost(mine.transaction);
    }

    /** Closes the transaction, unless another deployer has taken it over. */
    async end(mine: OpenTransaction): Promise<void> {
        const now = await this.current();
        if (!isSame(now, mine)) return;
        const epochs = await this.#epochs();
        // The highest last: while one is there, nobody else can begin.
        for (const { id } of epochs.sort((a, b) => fromLabels(a).epoch - fromLabels(b).epoch))
            await this.#engine.remove(id);
    }

    /** Records where an open transaction wants to go, so that whoever recovers it knows the containers. */
    async recordTarget(transaction: string, target: Placement, release: string): Promise<void> {
        // In this order, since whoever finds the second looks for the first.
        await this.#write({
            [releaseFile(target.release)]: release,
            [`transaction-${transaction}.json`]: JSON.stringify(target),
        });
    }

    /** Where a transaction wanted to go; nothing when it was killed before it had said so, and so had not acted. */
    async target(transaction: string): Promise<Placement | undefined> {
        return (await this.read()).json<Placement>(`transaction-${transaction}.json`);
    }

    /** Writes the commit: from here on the release is the last known good, and recovery only goes forward. */
    async commit(record: Omit<CommitRecord, "sequence">): Promise<CommitRecord> {
        const commit: CommitRecord = { sequence: (await this.read()).newestSequence + 1, ...record };
        await this.#write({ [commitFile(commit.sequence)]: JSON.stringify(commit) });
        return commit;
    }

    /**
     * Says that a transaction goes backward, before it does: a commit of it that arrives after all, from a deployer that was
     * killed while it wrote, then counts for nothing.
     *
     * @param isPutBack said afterwards: what ran before was proven to run again
     */
    async recordUndone(transaction: string, { isPutBack = false } = {}): Promise<void> {
        await this.#write({ [undoneFile(transaction)]: JSON.stringify({ transaction, isPutBack }) });
    }

    /** Whether a transaction has gone backward to its end, for whoever finds no other record of it. */
    async wasPutBack(transaction: string): Promise<boolean> {
        return (await this.read()).json<{ readonly isPutBack?: boolean }>(undoneFile(transaction))?.isPutBack === true;
    }

    /** The newest commit, or nothing: also where the stack was never deployed on this engine, or was destroyed since. */
    async lastCommit(): Promise<CommitRecord | undefined> {
        return (await this.read()).lastCommit;
    }

    /** The release of the newest commit; nothing where `lastCommit` is nothing. */
    async lastRelease(): Promise<Release | undefined> {
        const files = await this.read();
        const last = files.lastCommit;
        return last === undefined ? undefined : files.release(last.release)?.value;
    }

    /** The newest release that was ever committed, also of a stack that was destroyed since. */
    async newestRelease(): Promise<Release | undefined> {
        const files = await this.read();
        const [newest] = files.commits;
        return newest === undefined ? undefined : files.release(newest.release)?.value;
    }

    /** All commits, the newest first. */
    async commits(): Promise<CommitRecord[]> {
        return (await this.read()).commits;
    }

    /**
     * A release that a transaction has named before, by its id, as the text that was recorded.
     * @throws PlumblineError `rollback` when its file is damaged
     */
    async releaseText(id: string): Promise<string | undefined> {
        return (await this.read()).release(id)?.text;
    }

    /** The same, parsed. */
    async release(id: string): Promise<Release | undefined> {
        return (await this.read()).release(id)?.value;
    }

    /** Refuses a release from now on, until it is forced. */
    async quarantine(record: Omit<QuarantineRecord, "liftedBy">): Promise<void> {
        await this.#write({ [`quarantine-${record.release}.json`]: JSON.stringify({ ...record, liftedBy: null }) });
    }

    /** Ends a quarantine: the release was forced, and committed. */
    async liftQuarantine(release: string, transaction: string): Promise<void> {
        const name = `quarantine-${release}.json`;
        const record = (await this.read()).json<QuarantineRecord>(name);
        if (record !== undefined) await this.#write({ [name]: JSON.stringify({ ...record, liftedBy: transaction }) });
    }

    /** Pins a release, or takes the pin out with null. */
    async pin(release: string | null): Promise<void> {
        const by = `${thisProcess().user}@${hostname()}`;
        await this.#write({ "pin.json": JSON.stringify({ release, by, at: new Date().toISOString() }) });
    }

    /**
     * Records that the stack was taken down, so that its last release is no longer one to go back to, and removes the
     * helper container. The volume stays, with the history of the stack.
     */
    async close(): Promise<void> {
        const facts = await this.#engine.inspect(this.#helperName);
        if (facts === undefined) return;
        const last = await this.lastCommit();
        if (last !== undefined) await this.#write({ "destroyed.json": JSON.stringify({ sequence: last.sequence }) });
        await this.#engine.remove(facts.id);
    }

    /** Whether there are files to read. The helper of a stack that was destroyed is made anew: its history is still there. */
    async #isReadable(): Promise<boolean> {
        if ((await this.#engine.inspect(this.#helperName)) !== undefined) return true;
        if ((await this.#engine.volume(this.volume)) === undefined) return false;
        if ((await this.#engine.image(this.#image)) === undefined) return false;
        await this.#createOnce(this.#helperName, "ledger", {});
        return true;
    }

    get #helperName(): string {
        return `${this.#project}-ledger`;
    }

    #epochName(epoch: number): string {
        return `${this.#project}-transaction-${epoch}`;
    }

    async #epochs(): Promise<ContainerSummary[]> {
        return [...(await this.#engine.list({ "plumbline.project": this.#project, "plumbline.role": "transaction" }))];
    }

    /** @param contents text by name, written in this order */
    async #write(contents: Readonly<Record<string, string>>): Promise<void> {
        // Whoever has undone the first deployment of another clone may just have taken it away.
        if ((await this.#engine.inspect(this.#helperName)) === undefined) await this.open();
        const files = Object.entries(contents).map(([name, content]) => ({ name, content, mode: 0o600 }));
        await this.#engine.putFiles(this.#helperName, folder, files);
    }

    /** Creates a container by a name that only one can have. False when it is there already. */
    async #createOnce(name: string, role: string, labels: Record<string, string>): Promise<boolean> {
        const end = performance.now() + creationMs;
        for (;;) {
            try {
                await this.#engine.create({
                    name,
                    image: this.#image,
                    labels: { "plumbline.project": this.#project, "plumbline.role": role, ...labels },
                    mounts: [{ volume: this.volume, target: folder }],
                });
                return true;
            } catch (error) {
                if (!(error instanceof PlumblineError) || statusOf(error.cause) !== 409) throw error;
                if ((await this.#engine.inspect(name)) !== undefined) return false;
                // The engine keeps a name from the beginning of a creation on, and shows the container at its end.
                if (performance.now() > end) throw error;
                await sleep(askEveryMs);
            }
        }
    }
}

/** The runner's transaction was taken over: it does no further act, and leaves the rest to who has it now. */
export class TransactionLost extends Error {
    constructor(transaction: string) {
        super(`transaction ${transaction} was taken over by another process`);
        this.name = "TransactionLost";
    }
}

/** The same transaction in the same hands. */
function isSame(one: OpenTransaction | undefined, other: OpenTransaction): boolean {
    return one?.transaction === other.transaction && one.epoch === other.epoch;
}

function isAnswerLost(error: unknown): boolean {
    return error instanceof PlumblineError && mayPass(error.cause) && !wasNotReached(error.cause);
}

/** The refusal that a second deployer gets. */
export function busy(project: string, other: OpenTransaction): PlumblineError {
    const who = `${other.user}@${other.host} (process ${other.pid})`;
    return new PlumblineError(
        "rollback",
        `${project}: transaction ${other.transaction} of ${who} has been under way since ${other.since}`,
        { remedy: "wait until it has ended; if it never will, run `npm run recover`" },
    );
}

const prefix = "plumbline.transaction.";

function labelsOf(record: OpenTransaction): Record<string, string> {
    return Object.fromEntries(Object.entries(record).map(([key, value]) => [prefix + key, String(value ?? "")]));
}

function fromLabels(container: Pick<ContainerSummary, "labels">): OpenTransaction {
    const label = (key: string) => container.labels[prefix + key] ?? "";
    return {
        transaction: label("transaction"),
        epoch: Number(label("epoch")),
        to: label("to"),
        user: label("user"),
        host: label("host"),
        pid: Number(label("pid")),
        pidStart: label("pidStart"),
        since: label("since"),
        ...(label("caller") === "" ? {} : { caller: label("caller") }),
    };
}

function thisProcess(): Pick<OpenTransaction, "user" | "host" | "pid" | "pidStart"> {
    return { user: userInfo().username, host: hostname(), pid: process.pid, pidStart: processStartTime(process.pid) };
}
