/** What the ledger keeps, as records. */
import type { Renewals } from "../release/renewals.ts";
import type { DeclaredContainer } from "../release/types.ts";

/** Who works on a stack at this moment, and since when. */
export interface OpenTransaction {
    readonly transaction: string;
    /** Raised by whoever takes the transaction over; a runner with a lower number stops acting. */
    readonly epoch: number;
    /** The release that it goes to. Where it comes from is the newest commit, as long as it is open. */
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
    /**
     * Milliseconds in which nobody was served while this rollout started the edge's container: from the stop of the one
     * before, where there was one. Absent where the edge's container stayed.
     */
    readonly edgeGapMs?: number;
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
