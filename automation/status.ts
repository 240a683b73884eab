/** `status`: what runs, service by service, beside what the stack records. */

import { connectEngine, type Engine } from "../engine/docker.ts";
import type { RolloutOutcome, ServiceOutcome } from "../rollout/outcome.ts";
import { renderTable } from "../validation/report/summary.ts";
import { conclude } from "./context.ts";
import { summaryOf } from "./deploy.ts";
import type { CommandOptions } from "./options.ts";
import type { CommandResult } from "./result.ts";
import { readStackSettings } from "./stack-settings.ts";
import { openStack } from "./workspace.ts";

/** One container of a service as the engine sees it. */
export interface ObservedContainer {
    readonly service: string;
    readonly name: string;
    readonly revision: string;
    readonly imageId: string;
    readonly state: string;
    /** `none` where the image has no healthcheck. */
    readonly health: string;
}

/** One service: what is recorded, what runs, and in what they differ. */
export interface ServiceStatus {
    readonly name: string;
    readonly state: string;
    readonly health: string;
    readonly revision: string;
    readonly addresses: readonly string[];
    /** Empty when it runs as recorded. */
    readonly deviations: readonly string[];
}

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

/** The containers of a project that carry a service's name, the edge among them. */
async function observe(engine: Engine, project: string): Promise<ObservedContainer[]> {
    const containers = await engine.list({ "plumbline.project": project });
    const facts = await Promise.all(containers.map((container) => engine.inspect(container.id)));
    return facts
        .filter((fact) => fact !== undefined)
        .filter((fact) => fact.labels["plumbline.service"] !== undefined)
        .map((fact) => ({
            service: fact.labels["plumbline.service"] ?? "",
            name: fact.name,
            revision: fact.labels["plumbline.revision"] ?? "",
            imageId: fact.imageId,
            state: fact.state,
            health: fact.health,
        }));
}

/**
 * The status of every service that is recorded or runs, in the order of the record. Containers that do not run are no
 * deviation by themselves: candidates and previous containers are kept on purpose.
 */
export function judgeStatus(recorded: RolloutOutcome | null, observed: readonly ObservedContainer[]): ServiceStatus[] {
    const services = recorded?.services ?? [];
    const names = new Set(services.map((service) => service.name));
    const unrecorded = [...new Set(observed.map((container) => container.service))].filter((name) => !names.has(name));
    return [
        ...services.map((service) => judgeService(service, observed)),
        ...unrecorded.flatMap((name) => judgeUnrecorded(name, observed, recorded !== null)),
    ];
}

function judgeService(service: ServiceOutcome, observed: readonly ObservedContainer[]): ServiceStatus {
    const own = observed.filter((container) => container.service === service.name);
    const running = own.filter((container) => container.state === "running");
    const active = running.find((container) => container.revision === service.revision);
    const shown = active ?? running[0] ?? own.find((container) => container.revision === service.revision) ?? own[0];
    const deviations: string[] = [];
    if (!active) deviations.push(`revision ${service.revision} does not run`);
    if (active && active.health !== "healthy" && active.health !== "none") deviations.push(`is ${active.health}`);
    if (active && service.imageId !== "" && active.imageId !== service.imageId) {
        deviations.push(`runs image ${active.imageId}, recorded is ${service.imageId}`);
    }
    for (const other of running) {
        if (other !== active) deviations.push(`${other.name} runs too, in revision ${other.revision}`);
    }
    return {
        name: service.name,
        state: shown?.state ?? "missing",
        health: shown?.health ?? "none",
        revision: shown?.revision ?? "none",
        addresses: service.addresses,
        deviations,
    };
}

/** The edge is no service of the baseline, so it is not recorded as one; anything else that runs should not. */
function judgeUnrecorded(name: string, observed: readonly ObservedContainer[], isDeployed: boolean): ServiceStatus[] {
    const own = observed.filter((container) => container.service === name);
    const running = own.filter((container) => container.state === "running");
    const shown = running[0] ?? own[0];
    if (!shown) return [];
    const deviations: string[] = [];
    if (name === "edge") {
        if (running.length !== 1) deviations.push(`${running.length} edges run, one should`);
        if (shown.health === "unhealthy") deviations.push("is unhealthy");
    } else if (running.length > 0) {
        deviations.push(isDeployed ? "runs, but is not recorded" : "runs, but no release is recorded");
    } else {
        return [];
    }
    return [
        {
            name,
            state: shown.state,
            health: shown.health,
            revision: shown.revision,
            addresses: [],
            deviations,
        },
    ];
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
