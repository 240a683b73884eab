/** What a rollout reports: its outcome, and the events of its timeline. */

import type { ServiceRelease } from "../release/types.ts";

/** Exit codes of every command of ours (R95). */
export const exitCodes = { committed: 0, rolledBack: 10, rollbackFailed: 20, refused: 30, usage: 64 } as const;

export type Outcome = "committed" | "rolled-back" | "rollback-failed" | "refused";

/** One service as it was proven. */
export interface ServiceOutcome {
    readonly name: string;
    readonly kind: string;
    readonly revision: string;
    readonly image: string;
    readonly imageId: string;
    readonly container: string;
    /** Where clients outside reach it, as in `127.0.0.1:8000`. */
    readonly addresses: readonly string[];
    /** From start to ready; 0 when it was not touched. */
    readonly readyAfterMs: number;
    /** Duration of the last probe that proved it. */
    readonly probeMs: number;
    readonly changed: boolean;
}

/** Where clients outside reach a service, as in `127.0.0.1:8000`; nowhere where its ports are only reachable inside. */
export function publishedAddresses({ ports }: Pick<ServiceRelease, "ports">): string[] {
    return ports.filter(({ published }) => published > 0).map(({ hostIp, published }) => `${hostIp}:${published}`);
}

/** The result of one transaction: the outputs of the `Rollout` resource and the heart of the deployment report. */
export interface RolloutOutcome {
    readonly transaction: string;
    readonly stack: string;
    readonly release: string;
    readonly previous: string | null;
    readonly outcome: Outcome;
    readonly startedAt: string;
    readonly durationMs: number;
    readonly services: readonly ServiceOutcome[];
    /** Other addresses of the edge, as gateways, by name. */
    readonly gateways: Readonly<Record<string, string>>;
    /** Folder with timeline and start-up logs, relative to the project. */
    readonly evidence: string;
    /** True where it was deployed although it had been undone before. */
    readonly forced?: boolean | undefined;
    /** Of a commit that replaced the edge's container: milliseconds in which nobody was served. */
    readonly edgeGapMs?: number | undefined;
    /** Of a commit: volumes that the release before had and this one has not. They stay, with their data. */
    readonly leftVolumes?: readonly string[] | undefined;
}

/** One line of `timeline.jsonl`. The file of the running transaction is `infrastructure/reports/<stack>/timeline.jsonl`. */
export interface TimelineEvent {
    readonly at: string;
    readonly transaction: string;
    readonly event:
        | "transaction-begin"
        | "step-begin"
        | "step-done"
        | "step-failed"
        | "undo-begin"
        | "undo-done"
        | "undo-failed"
        | "log"
        | "note"
        | "transaction-end";
    readonly step?: string;
    readonly service?: string;
    readonly durationMs?: number;
    readonly message: string;
    /** Of a beginning: the command that the transaction was begun for. */
    readonly caller?: string;
}
