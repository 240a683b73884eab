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
import { statusOf } from "../engine/docker-errors.ts";
import { sleep } from "../engine/retry.ts";
import { PlumblineError } from "../release/errors.ts";
import type { Renewals } from "../release/renewals.ts";
import type { DeclaredContainer, Release } from "../release/types.ts";
import { callerOf } from "./caller.ts";
import { processStartTime } from "./process.ts";

/** Who works on a stack at this moment, and since when. */
export interface OpenTransaction {
    readonly transaction: string;
    /** Raised by whoever takes the transaction over; a runner with a lower number stops acting. */
    readonly epoch: number;
    readonly from: string | null;
    readonly to: string;
    readonly user: string;
    readonly host: string;
    readonly pid: number;
    /** Start time of the process, so that another one with the same number is not taken for it; empty where unknown. */
    readonly pidStart: string;
    readonly since: string;
    /** The command that it was begun for; none under plain Pulumi. */
    readonly caller?: string;
}

/** Everything that brings a stack back to a release: its definition and the containers that run it. */
export interface Placement {
    readonly release: string;
    readonly edge: DeclaredContainer;
    readonly containers: Readonly<Record<string, DeclaredContainer>>;
    /** Image id of each service, by name: with the revision, what identity means (R95). Empty before it was proven. */
    readonly images: Readonly<Record<string, string>>;
}

/** The record after which a release is the last known good. */
export interface CommitRecord extends Placement {
    /** Counts up from 1. */
    readonly sequence: number;
    readonly transaction: string;
    readonly previous: string | null;
    readonly at: string;
    /** A quarantined release that was deployed on purpose. */
    readonly forced: boolean;
    /** Which containers were made anew in their revision, and how often; absent where none was. */
    readonly renewals?: Renewals;
}

/** A release that was undone; refused until forced. */
export interface QuarantineRecord {
    readonly release: string;
    readonly transaction: string;
    readonly reason: string;
    readonly at: string;
    /** The transaction that deployed it all the same, and committed. */
    readonly liftedBy: string | null;
}

/** A release that was chosen by a person and stays until it is unpinned. */
export interface PinRecord {
    readonly release: string;
    readonly by: string;
    readonly at: string;
}

/** What a plan has to know of the ledger. */
export interface LedgerState {
    readonly open: OpenTransaction | undefined;
    readonly lastCommit: CommitRecord | undefined;
    /** By release id; those that were lifted are left out. */
    readonly quarantine: Readonly<Record<string, QuarantineRecord>>;
    readonly pin: PinRecord | undefined;
}

/** A file as it stands, and what it says. */
interface Json<T> {
    readonly text: string;
    readonly value: T;
}

const folder = "/ledger";
/** Longest time in milliseconds that the engine takes to show a container that another deployer creates. */
const creationMs = 30_000;
const askEveryMs = 100;
const commitName = /^commit-(\d{6})\.json$/;
const quarantineName = /^quarantine-([0-9a-f]+)\.json$/;

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
        const open = await this.current();
        if (!(await this.#isReadable())) {
            return { open, lastCommit: undefined, quarantine: {}, pin: undefined };
        }
        const names = await this.#names();
        const records = await Promise.all(
            names.filter((name) => quarantineName.test(name)).map((name) => this.#read<QuarantineRecord>(name)),
        );
        const standing = records.flatMap((record) =>
            record === undefined || record.liftedBy !== null ? [] : [record],
        );
        const pin = await this.#read<PinRecord | { release: null }>("pin.json");
        return {
            open,
            lastCommit: await this.#newestCommit(names),
            quarantine: Object.fromEntries(standing.map((record) => [record.release, record])),
            pin: pin === undefined || pin.release === null ? undefined : pin,
        };
    }

    /**
     * Opens a transaction.
     *
     * @returns the transaction, or the one of another deployer that is in the way
     */
    async begin(
        wanted: Pick<OpenTransaction, "transaction" | "from" | "to" | "since">,
    ): Promise<{ readonly mine: OpenTransaction } | { readonly other: OpenTransaction }> {
        const other = await this.current();
        if (other !== undefined) return { other };
        const mine: OpenTransaction = { ...wanted, epoch: 1, ...thisProcess(), ...callerOf() };
        if (await this.#createOnce(this.#epochName(1), "transaction", labelsOf(mine))) return { mine };
        const faster = await this.current();
        return faster === undefined ? this.begin(wanted) : { other: faster };
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
        if (now?.transaction !== open.transaction || now.epoch !== open.epoch) return undefined;
        const mine: OpenTransaction = { ...open, epoch: open.epoch + 1, ...thisProcess() };
        return (await this.#createOnce(this.#epochName(mine.epoch), "transaction", labelsOf(mine))) ? mine : undefined;
    }

    /** @throws TransactionLost when the transaction is no longer this one */
    async assertHeld(mine: OpenTransaction): Promise<void> {
        const now = await this.current();
        if (now?.transaction !== mine.transaction || now.epoch !== mine.epoch)
            throw new TransactionLost(mine.transaction);
    }

    /** Closes the transaction, unless another deployer has taken it over. */
    async end(mine: OpenTransaction): Promise<void> {
        const now = await this.current();
        if (now === undefined || now.transaction !== mine.transaction || now.epoch !== mine.epoch) return;
        const epochs = await this.#epochs();
        // The highest last: while one is there, nobody else can begin.
        for (const { id } of epochs.sort((a, b) => fromLabels(a).epoch - fromLabels(b).epoch))
            await this.#engine.remove(id);
    }

    /** Records where an open transaction wants to go, so that whoever recovers it knows the containers. */
    async recordTarget(transaction: string, target: Placement, release: string): Promise<void> {
        await this.#write(releaseFile(target.release), release);
        await this.#write(`transaction-${transaction}.json`, JSON.stringify(target));
    }

    /** Where a transaction wanted to go; nothing when it was killed before it had said so, and so had not acted. */
    target(transaction: string): Promise<Placement | undefined> {
        return this.#read<Placement>(`transaction-${transaction}.json`);
    }

    /** Writes the commit: from here on the release is the last known good, and recovery only goes forward. */
    async commit(record: Omit<CommitRecord, "sequence">): Promise<CommitRecord> {
        const newest = (await this.#names())
            .filter((name) => commitName.test(name))
            .sort()
            .at(-1);
        const sequence = Number(commitName.exec(newest ?? "")?.[1] ?? 0) + 1;
        const commit: CommitRecord = { sequence, ...record };
        await this.#write(`commit-${String(sequence).padStart(6, "0")}.json`, JSON.stringify(commit));
        return commit;
    }

    /**
     * Says that a transaction goes backward, before it does: a commit of it that arrives after all, from a deployer that was
     * killed while it wrote, then counts for nothing.
     *
     * @param isPutBack said afterwards: what ran before was proven to run again
     */
    async recordUndone(transaction: string, { isPutBack = false } = {}): Promise<void> {
        await this.#write(undoneFile(transaction), JSON.stringify({ transaction, isPutBack }));
    }

    /** Whether a transaction has gone backward to its end, for whoever finds no other record of it. */
    async wasPutBack(transaction: string): Promise<boolean> {
        return (await this.#read<{ readonly isPutBack?: boolean }>(undoneFile(transaction)))?.isPutBack === true;
    }

    /** The newest commit, or nothing: also where the stack was never deployed on this engine, or was destroyed since. */
    async lastCommit(): Promise<CommitRecord | undefined> {
        if (!(await this.#isReadable())) return undefined;
        return this.#newestCommit(await this.#names());
    }

    /** The release of the newest commit; nothing where `lastCommit` is nothing. */
    async lastRelease(): Promise<Release | undefined> {
        const last = await this.lastCommit();
        return last === undefined ? undefined : this.release(last.release);
    }

    /** The newest release that was ever committed, also of a stack that was destroyed since. */
    async newestRelease(): Promise<Release | undefined> {
        const [newest] = await this.commits();
        return newest === undefined ? undefined : this.release(newest.release);
    }

    /** All commits, the newest first. */
    async commits(): Promise<CommitRecord[]> {
        if (!(await this.#isReadable())) return [];
        const names = await this.#names();
        const newestFirst = names
            .filter((name) => commitName.test(name))
            .sort()
            .reverse();
        const records = await Promise.all(newestFirst.map((name) => this.#read<CommitRecord>(name)));
        return records.filter(
            (record) => record !== undefined && !names.includes(undoneFile(record.transaction)),
        ) as CommitRecord[];
    }

    /** The commits since the stack was last taken down, the newest first: what they did still stands. */
    async commitsSinceDestroyed(): Promise<CommitRecord[]> {
        const all = await this.commits();
        if (all.length === 0) return [];
        const destroyed = await this.#read<{ readonly sequence: number }>("destroyed.json");
        return all.filter(({ sequence }) => sequence > (destroyed?.sequence ?? 0));
    }

    /**
     * A release that a transaction has named before, by its id, as the text that was recorded.
     * @throws PlumblineError `rollback` when its file is damaged
     */
    async releaseText(id: string): Promise<string | undefined> {
        return (await this.#readRelease(id))?.text;
    }

    /** The same, parsed. */
    async release(id: string): Promise<Release | undefined> {
        return (await this.#readRelease(id))?.value;
    }

    /** Refuses a release from now on, until it is forced. */
    async quarantine(record: Omit<QuarantineRecord, "liftedBy">): Promise<void> {
        await this.#write(`quarantine-${record.release}.json`, JSON.stringify({ ...record, liftedBy: null }));
    }

    /** Ends a quarantine: the release was forced, and committed. */
    async liftQuarantine(release: string, transaction: string): Promise<void> {
        const name = `quarantine-${release}.json`;
        const record = await this.#read<QuarantineRecord>(name);
        if (record !== undefined) await this.#write(name, JSON.stringify({ ...record, liftedBy: transaction }));
    }

    /** Pins a release, or takes the pin out with null. */
    async pin(release: string | null): Promise<void> {
        const by = `${thisProcess().user}@${hostname()}`;
        await this.#write("pin.json", JSON.stringify({ release, by, at: new Date().toISOString() }));
    }

    /**
     * Records that the stack was taken down, so that its last release is no longer one to go back to, and removes the
     * helper container. The volume stays, with the history of the stack.
     */
    async close(): Promise<void> {
        const facts = await this.#engine.inspect(this.#helperName);
        if (facts === undefined) return;
        const last = await this.lastCommit();
        if (last !== undefined) await this.#write("destroyed.json", JSON.stringify({ sequence: last.sequence }));
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

    async #names(): Promise<string[]> {
        return (await this.#engine.listFiles(this.#helperName, folder)).map(({ name }) => name);
    }

    async #newestCommit(names: readonly string[]): Promise<CommitRecord | undefined> {
        const destroyed = await this.#read<{ readonly sequence: number }>("destroyed.json");
        const newestFirst = names
            .filter((name) => commitName.test(name))
            .sort()
            .reverse();
        for (const name of newestFirst) {
            if (Number(commitName.exec(name)?.[1]) === destroyed?.sequence) return undefined;
            const record = await this.#read<CommitRecord>(name);
            if (record !== undefined && !names.includes(undoneFile(record.transaction))) return record;
        }
        return undefined;
    }

    async #write(name: string, content: string): Promise<void> {
        // Whoever has undone the first deployment of another clone may just have taken it away.
        if ((await this.#engine.inspect(this.#helperName)) === undefined) await this.open();
        await this.#engine.putFiles(this.#helperName, folder, [{ name, content, mode: 0o600 }]);
    }

    async #read<T>(name: string): Promise<T | undefined> {
        return (await this.#readJson<T>(name))?.value;
    }

    async #readRelease(id: string): Promise<Json<Release> | undefined> {
        if (!(await this.#isReadable())) return undefined;
        const read = await this.#readJson<Release>(releaseFile(id));
        if (read !== undefined) this.#assertWhole(id, read.value);
        return read;
    }

    /** @throws PlumblineError when the file is there and is no JSON: a damaged ledger is said, never taken for an empty one */
    async #readJson<T>(name: string): Promise<Json<T> | undefined> {
        const text = (await this.#engine.getFile(this.#helperName, `${folder}/${name}`))?.toString("utf8");
        if (text === undefined) return undefined;
        try {
            return { text, value: JSON.parse(text) as T };
        } catch (error) {
            throw this.#damaged(
                name,
                "look at the file; the releases before it are in the other files of the volume",
                error,
            );
        }
    }

    /** JSON, but of something else than the release that its name says. */
    #assertWhole(id: string, release: Partial<Release>): void {
        if (release.id === id && Array.isArray(release.services)) return;
        throw this.#damaged(
            releaseFile(id),
            "deploy the sources of that release again, or choose another one from `npm run releases`",
        );
    }

    #damaged(name: string, remedy: string, cause?: unknown): PlumblineError {
        return new PlumblineError(
            "rollback",
            `the ledger of ${this.#project} is damaged: ${name} on volume ${this.volume}`,
            { remedy, ...(cause === undefined ? {} : { cause }) },
        );
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

/** The refusal that a second deployer gets. */
export function busy(project: string, other: OpenTransaction): PlumblineError {
    const who = `${other.user}@${other.host} (process ${other.pid})`;
    return new PlumblineError(
        "rollback",
        `${project}: transaction ${other.transaction} of ${who} has been under way since ${other.since}`,
        { remedy: "wait until it has ended; if it never will, run `npm run recover`" },
    );
}

function releaseFile(id: string): string {
    return `release-${id}.json`;
}

function undoneFile(transaction: string): string {
    return `undone-${transaction}.json`;
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
        from: label("from") || null,
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
