/** `status`: what runs, service by service, beside what the stack records. */

import { connectEngine } from "../engine/docker.ts";
import { renderTable } from "../validation/report/summary.ts";
import { conclude } from "./context.ts";
import { judgeStatus, observe, type ServiceStatus } from "./observed.ts";
import type { CommandOptions } from "./options.ts";
import { summaryOf } from "./recorded.ts";
import type { CommandResult } from "./result.ts";
import { readStackSettings } from "./stack-settings.ts";
import { openStack } from "./workspace.ts";

export interface StatusResult extends CommandResult {
    readonly services: readonly ServiceStatus[];
}

/**
 * Compares what the engine runs with what the stack records. The outcome is `as-recorded` (exit code 0) when every
 * recorded service runs healthy in the recorded revision from the recorded image, and nothing else of the stack runs; `deviates` (30)
 * otherwise; `refused` (30) when it cannot be told, as for a stack that was never deployed. Changes nothing.
 */
export async function status(options: CommandOptions = {}): Promise<StatusResult> {
    return conclude("status", options, { services: [] }, async (context) => {
        const stack = await openStack(context, "refuse");
        const { settings, engineHost } = await readStackSettings(stack);
        const recorded = summaryOf(await stack.outputs());
        const observed = await observe(connectEngine(engineHost), settings.project);
        const services = judgeStatus(recorded, observed);
        const good = recorded !== null && services.every((service) => service.deviations.length === 0);
        const nothingRecorded = {
            category: "settings",
            message: `The stack ${context.stack} records no release.`,
            remedy: `Deploy it: npm run deploy -- --stack ${context.stack}`,
            service: null,
        } as const;
        return {
            outcome: good ? "as-recorded" : "deviates",
            release: recorded?.release ?? null,
            evidence: recorded?.evidence ?? null,
            ...(recorded === null ? { failure: nothingRecorded } : {}),
            extra: { services },
        };
    });
}

/** The status as text for people. */
export function renderStatus(result: StatusResult): string {
    if (result.services.length === 0) return `${result.stack}: nothing runs\n`;
    const rows = result.services.map((service) => [
        service.name,
        service.state,
        service.health,
        service.revision,
        service.addresses.join(", ") || "inside only",
        service.deviations.join("; ") || "as recorded",
    ]);
    const table = renderTable([["SERVICE", "STATE", "HEALTH", "REVISION", "ADDRESS", "AGAINST THE RECORD"], ...rows]);
    return `${table.join("\n")}\n`;
}
