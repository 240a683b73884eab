/** `status`: what runs, service by service, beside what the stack records. */

import { movedPortNotes } from "../release/ports.ts";
import type { MovedPort } from "../release/types.ts";
import type { LedgerState, OpenTransaction, PinRecord, QuarantineRecord } from "../rollout/ledger.ts";
import { withoutService } from "../rollout/left-volumes.ts";
import { renderTable } from "../validation/report/summary.ts";
import { conclude } from "./context.ts";
import { describeOwner, type OwnerState, ownerState } from "./deployer.ts";
import { judgeStatus, observe, type ServiceStatus } from "./observed.ts";
import type { CommandOptions } from "./options.ts";
import { openToLook } from "./place.ts";
import { recordOf, summaryOf } from "./recorded.ts";
import type { CommandResult, Failure } from "./result.ts";

export interface StatusResult extends CommandResult {
    readonly services: readonly ServiceStatus[];
    /** The transaction that is open now, and what is known of who opened it; null where none is. */
    readonly open: (OpenTransaction & { readonly owner: OwnerState }) | null;
    readonly pin: PinRecord | null;
    /** Releases that are refused until they are forced. */
    readonly quarantine: readonly QuarantineRecord[];
    /** Published ports that are not those of the baseline, since somebody else had them (`plumbline:ports.auto`). */
    readonly movedPorts: readonly MovedPort[];
    /** Data volumes of releases before this one that no service has any more. */
    readonly leftVolumes: readonly string[];
}

type StatusExtra = Pick<StatusResult, "services" | "open" | "pin" | "quarantine" | "movedPorts" | "leftVolumes">;

/**
 * Compares what the engine runs with the last commit, which every clone sees alike. The outcome is `as-recorded` (exit
 * code 0) when every recorded service runs healthy in the recorded revision from the recorded image, nothing else of the stack runs, and
 * no dead deployer has left a transaction open; `deviates` (30) otherwise; `refused` (30) when it cannot be told, as
 * for a stack that was never deployed. Changes nothing that runs; a stack that this clone's backend does not know is
 * created there, empty.
 */
export async function status(options: CommandOptions = {}): Promise<StatusResult> {
    const nothing: StatusExtra = {
        services: [],
        open: null,
        pin: null,
        quarantine: [],
        movedPorts: [],
        leftVolumes: [],
    };
    return conclude("status", options, nothing, async (context) => {
        const { stack, settings, engine, ledger } = await openToLook(context, { whenMissing: "create" });
        const outputs = await stack.outputs();
        const recorded = await recordOf(ledger, outputs);
        if (recorded !== null && summaryOf(outputs)?.transaction !== recorded.transaction) {
            context.note(
                `Pulumi's state here does not record the last commit, of transaction ${recorded.transaction}.`,
            );
        }
        const services = judgeStatus(recorded, await observe(engine, settings.project));
        const state = await ledger.state();
        const last = state.lastCommit === undefined ? undefined : await ledger.release(state.lastCommit.release);
        const owned = { "plumbline.project": settings.project };
        const extra = {
            services,
            ...ledgerStatus(state),
            movedPorts: last?.movedPorts ?? [],
            // While somebody works on the stack, a volume may be without a service for the time.
            leftVolumes:
                last === undefined || state.open !== undefined ? [] : withoutService(await engine.volumes(owned), last),
        };
        const failure = failureOf(context.stack, recorded !== null, extra);
        const good = failure === null && services.every((service) => service.deviations.length === 0);
        return {
            outcome: good ? "as-recorded" : "deviates",
            release: recorded?.release ?? null,
            evidence: recorded?.evidence ?? null,
            ...(failure === null ? {} : { failure }),
            extra,
        };
    });
}

function ledgerStatus({ open, pin, quarantine }: LedgerState): Pick<StatusExtra, "open" | "pin" | "quarantine"> {
    return {
        open: open === undefined ? null : { ...open, owner: ownerState(open) },
        pin: pin ?? null,
        quarantine: Object.values(quarantine),
    };
}

function failureOf(stack: string, isRecorded: boolean, { open }: Pick<StatusExtra, "open">): Failure | null {
    const failure = (category: "rollback" | "settings", message: string, remedy: string): Failure => ({
        category,
        message,
        remedy,
        service: null,
    });
    if (open?.owner === "dead") {
        const left = `A deployer has died and left ${describeOwner(open, open.owner)}.`;
        return failure("rollback", left, `Run: npm run recover -- --stack ${stack}`);
    }
    if (isRecorded) return null;
    return failure(
        "settings",
        `The stack ${stack} records no release.`,
        `Deploy it: npm run deploy -- --stack ${stack}`,
    );
}

/** The status as text for people. */
export function renderStatus(result: StatusResult): string {
    const told = [
        ...(result.open === null ? [] : [`Open: ${describeOwner(result.open, result.open.owner)}`]),
        ...(result.pin === null
            ? []
            : [
                  `Pinned: release ${result.pin.release}, by ${result.pin.by} since ${result.pin.at}; \`npm run deploy -- --unpin\` ends it`,
              ]),
        ...movedPortNotes(result.movedPorts).map((note) => `Moved: ${note}`),
        ...result.leftVolumes.map(
            (name) => `Without a service: volume ${name}; \`docker volume rm ${name}\` deletes it`,
        ),
        ...result.quarantine.map(
            ({ release, transaction, at }) => `Quarantined: release ${release}, undone by ${transaction} on ${at}`,
        ),
    ];
    const more = told.length === 0 ? "" : `\n${told.join("\n")}\n`;
    if (result.services.length === 0) return `${result.stack}: nothing runs\n${more}`;
    const rows = result.services.map((service) => [
        service.name,
        service.state,
        service.health,
        service.revision,
        service.addresses.join(", ") || "inside only",
        service.deviations.join("; ") || "as recorded",
    ]);
    const table = renderTable([["SERVICE", "STATE", "HEALTH", "REVISION", "ADDRESS", "AGAINST THE RECORD"], ...rows]);
    return `${table.join("\n")}\n${more}`;
}
