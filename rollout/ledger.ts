/**
 * The ledger: what the engine itself cannot tell. It lives on the engine, in a volume of the stack, so that every deployer
 * sees the same: who holds the transaction that is open, and which releases were committed.
 *
 * Files on the volume are reached through a helper container that is created with the volume mounted and never started.
 * The open transaction is a second such container with a fixed name: the engine lets only one deployer create it.
 */
import { hostname, userInfo } from "node:os";
import type { ContainerFacts, Engine } from "../engine/docker.ts";
import { statusOf } from "../engine/docker-errors.ts";
import { PlumblineError } from "../release/errors.ts";
import type { Release } from "../release/types.ts";

/** Who works on a stack at this moment, and since when. */
export interface OpenTransaction {
    readonly transaction: string;
    /** Raised by whoever takes the transaction over; a runner with a lower number stops acting. */
    readonly epoch: number;
    readonly from: string | null;
    readonly to: string | null;
    readonly user: string;
    readonly host: string;
    readonly pid: number;
    readonly since: string;
}

/** The record after which a release is the last known good. */
export interface CommitRecord {
    /** Counts up from 1. */
    readonly sequence: number;
    readonly transaction: string;
    readonly release: string;
    readonly previous: string | null;
    readonly at: string;
    /** Image id of each service, by name: what identity means for this release. */
    readonly images: Readonly<Record<string, string>>;
}

const folder = "/ledger";
const commitName = /^(\d{6})\.json$/;

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

    /**
     * Opens a transaction.
     *
     * @throws PlumblineError (`rollout under way`) when another deployer that is alive, or cannot be asked, holds it
     */
    async begin(record: Omit<OpenTransaction, "epoch" | "user" | "host" | "pid">): Promise<OpenTransaction> {
        const mine: OpenTransaction = {
            ...record,
            epoch: 1,
            user: userInfo().username,
            host: hostname(),
            pid: process.pid,
        };
        for (let attempt = 0; ; attempt += 1) {
            if (await this.#createOnce(this.#transactionName, "transaction", labelsOf(mine))) return mine;
            const other = await this.current();
            if (other === undefined) continue;
            const dead = other.host === hostname() && !isAlive(other.pid);
            if (!dead || attempt >= 3) throw busy(this.#project, other);
            await this.#remove(this.#transactionName);
        }
    }

    /** The transaction that is open now, if any. */
    async current(): Promise<OpenTransaction | undefined> {
        const facts = await this.#engine.inspect(this.#transactionName);
        return facts === undefined ? undefined : fromLabels(facts);
    }

    /** Throws when the transaction is no longer this one: a runner that was thought dead then does no further act. */
    async assertHeld(mine: OpenTransaction): Promise<void> {
        const now = await this.current();
        if (now?.transaction !== mine.transaction || now.epoch !== mine.epoch) {
            throw new PlumblineError("rollback", `transaction ${mine.transaction} was taken over by another deployer`, {
                remedy: `see what runs with \`npm run status\``,
            });
        }
    }

    /** Closes the transaction, unless another deployer has taken it over. */
    async end(mine: OpenTransaction): Promise<void> {
        const now = await this.current();
        if (now?.transaction === mine.transaction && now.epoch === mine.epoch)
            await this.#remove(this.#transactionName);
    }

    /** Writes the commit: from here on the release is the last known good. */
    async commit(record: Omit<CommitRecord, "sequence">, release: string): Promise<CommitRecord> {
        const sequence = ((await this.lastCommit())?.sequence ?? 0) + 1;
        const commit: CommitRecord = { sequence, ...record };
        const file = (name: string, content: string) => ({ name, content, mode: 0o600 });
        await this.#engine.putFiles(this.#helperName, folder, [file(`release-${record.release}.json`, release)]);
        // The commit itself is written last: with it, everything that it names is there.
        const name = `${String(sequence).padStart(6, "0")}.json`;
        await this.#engine.putFiles(this.#helperName, folder, [file(name, JSON.stringify(commit))]);
        return commit;
    }

    /** The newest commit, or nothing: also where the stack was never deployed on this engine. */
    async lastCommit(): Promise<CommitRecord | undefined> {
        if ((await this.#engine.inspect(this.#helperName)) === undefined) return undefined;
        const names = await this.#engine.listFiles(this.#helperName, folder);
        const newest = names
            .map(({ name }) => name)
            .filter((name) => commitName.test(name))
            .sort()
            .at(-1);
        if (newest === undefined) return undefined;
        const text = await this.#engine.getFile(this.#helperName, `${folder}/${newest}`);
        return text === undefined ? undefined : (JSON.parse(text.toString("utf8")) as CommitRecord);
    }

    /** A release that was committed before, by its id. */
    async release(id: string): Promise<Release | undefined> {
        const text = await this.#engine.getFile(this.#helperName, `${folder}/release-${id}.json`);
        return text === undefined ? undefined : (JSON.parse(text.toString("utf8")) as Release);
    }

    /** Removes the helper container; the volume stays, with the history of the stack. */
    async close(): Promise<void> {
        await this.#remove(this.#helperName);
    }

    get #helperName(): string {
        return `${this.#project}-ledger`;
    }

    get #transactionName(): string {
        return `${this.#project}-transaction`;
    }

    /** Creates a container by a name that only one can have. False when it is there already. */
    async #createOnce(name: string, role: string, labels: Record<string, string>): Promise<boolean> {
        try {
            await this.#engine.create({
                name,
                image: this.#image,
                labels: { "plumbline.project": this.#project, "plumbline.role": role, ...labels },
                mounts: [{ volume: this.volume, target: folder }],
            });
            return true;
        } catch (error) {
            const conflict = error instanceof PlumblineError && statusOf(error.cause) === 409;
            if (conflict && (await this.#engine.inspect(name)) !== undefined) return false;
            throw error;
        }
    }

    async #remove(name: string): Promise<void> {
        const facts = await this.#engine.inspect(name);
        if (facts !== undefined) await this.#engine.remove(facts.id);
    }
}

const prefix = "plumbline.transaction.";

function labelsOf(record: OpenTransaction): Record<string, string> {
    return Object.fromEntries(Object.entries(record).map(([key, value]) => [prefix + key, String(value ?? "")]));
}

function fromLabels(facts: ContainerFacts): OpenTransaction {
    const label = (key: string) => facts.labels[prefix + key] ?? "";
    return {
        transaction: label("transaction"),
        epoch: Number(label("epoch")),
        from: label("from") || null,
        to: label("to") || null,
        user: label("user"),
        host: label("host"),
        pid: Number(label("pid")),
        since: label("since"),
    };
}

function busy(project: string, other: OpenTransaction): PlumblineError {
    const who = `${other.user}@${other.host} (process ${other.pid})`;
    return new PlumblineError(
        "rollback",
        `${project}: transaction ${other.transaction} of ${who} has been under way since ${other.since}`,
        { remedy: "wait until it has ended, or end it there" },
    );
}

function isAlive(pid: number): boolean {
    try {
        process.kill(pid, 0);
        return true;
    } catch (error) {
        return (error as NodeJS.ErrnoException).code === "EPERM";
    }
}
