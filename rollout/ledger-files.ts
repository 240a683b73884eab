/** The files of a ledger as they stood at one moment, and what they say. */
import { PlumblineError } from "../release/errors.ts";
import type { Release } from "../release/types.ts";
import type { CommitRecord, PinRecord, QuarantineRecord } from "./ledger-records.ts";

/** A file as it stands, and what it says. */
interface Json<T> {
    readonly text: string;
    readonly value: T;
}

const commitName = /^commit-(\d{6})\.json$/;
const quarantineName = /^quarantine-([0-9a-f]+)\.json$/;

/** Files are looked into when they are asked for: one that is damaged hinders only those who need it. */
export class LedgerFiles {
    readonly #files: ReadonlyMap<string, Buffer>;
    readonly #project: string;
    readonly #volume: string;

    /** @param files content by name; none where nothing was ever deployed */
    constructor(files: ReadonlyMap<string, Buffer>, place: { readonly project: string; readonly volume: string }) {
        this.#files = files;
        this.#project = place.project;
        this.#volume = place.volume;
    }

    /** The newest commit that stands; nothing where there is none, or the stack was destroyed since. */
    get lastCommit(): CommitRecord | undefined {
        const destroyed = this.destroyedAt;
        for (const { name, sequence } of this.#commitsNewestFirst()) {
            if (sequence === destroyed) return undefined;
            const record = this.json<CommitRecord>(name);
            if (record !== undefined && !this.#isUndone(record)) return record;
        }
        return undefined;
    }

    /** All commits that stand, the newest first. */
    get commits(): CommitRecord[] {
        const records = this.#commitsNewestFirst().map(({ name }) => this.json<CommitRecord>(name));
        return records.filter((record) => record !== undefined).filter((record) => !this.#isUndone(record));
    }

    /** The commits since the stack was last taken down, the newest first: what they did still stands. */
    get commitsSinceDestroyed(): CommitRecord[] {
        const since = this.destroyedAt ?? 0;
        return this.commits.filter(({ sequence }) => sequence > since);
    }

    /** Number of the newest commit that was ever written, undone ones too; 0 where there is none. */
    get newestSequence(): number {
        return this.#commitsNewestFirst()[0]?.sequence ?? 0;
    }

    /** Number of the commit after which the stack was last taken down. */
    get destroyedAt(): number | undefined {
        return this.json<{ readonly sequence: number }>("destroyed.json")?.sequence;
    }

    /** The releases that are refused, those that were lifted left out. */
    get quarantine(): QuarantineRecord[] {
        const records = [...this.#files.keys()]
            .filter((name) => quarantineName.test(name))
            .map((name) => this.json<QuarantineRecord>(name));
        return records.filter((record) => record !== undefined).filter(({ liftedBy }) => liftedBy === null);
    }

    get pin(): PinRecord | undefined {
        const pin = this.json<PinRecord | { readonly release: null }>("pin.json");
        return pin === undefined || pin.release === null ? undefined : pin;
    }

    /**
     * A release by its id, as it was recorded.
     * @throws PlumblineError `rollback` when its file is damaged
     */
    release(id: string): Json<Release> | undefined {
        const read = this.#read<Release>(releaseFile(id));
        if (read !== undefined) this.#assertWhole(id, read.value);
        return read;
    }

    /** @throws PlumblineError when the file is there and is no JSON: a damaged ledger is said, never taken for an empty one */
    json<T>(name: string): T | undefined {
        return this.#read<T>(name)?.value;
    }

    #read<T>(name: string): Json<T> | undefined {
        const text = this.#files.get(name)?.toString("utf8");
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

    #commitsNewestFirst(): { readonly name: string; readonly sequence: number }[] {
        return [...this.#files.keys()]
            .flatMap((name) => {
                const sequence = commitName.exec(name)?.[1];
                return sequence === undefined ? [] : [{ name, sequence: Number(sequence) }];
            })
            .sort((a, b) => b.sequence - a.sequence);
    }

    #isUndone({ transaction }: CommitRecord): boolean {
        return this.#files.has(undoneFile(transaction));
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
            `the ledger of ${this.#project} is damaged: ${name} on volume ${this.#volume}`,
            { remedy, ...(cause === undefined ? {} : { cause }) },
        );
    }
}

export function commitFile(sequence: number): string {
    return `commit-${String(sequence).padStart(6, "0")}.json`;
}

export function releaseFile(id: string): string {
    return `release-${id}.json`;
}

export function undoneFile(transaction: string): string {
    return `undone-${transaction}.json`;
}
