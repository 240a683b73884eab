/** What the engine runs of a stack, judged against what the stack records. The judging is pure. */

import type { ContainerState, Engine } from "../engine/docker.ts";
import { standsAsCommitted } from "../rollout/finished-jobs.ts";
import type { Recorded, RecordedService } from "./recorded.ts";

/** One container of a service as the engine sees it. */
export interface ObservedContainer {
    readonly service: string;
    readonly id: string;
    readonly name: string;
    readonly revision: string;
    readonly imageId: string;
    readonly state: ContainerState;
    readonly exitCode: number;
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

/** The containers of a project that carry a service's name, the edge among them. */
export async function observe(engine: Engine, project: string): Promise<ObservedContainer[]> {
    const containers = await engine.list({ "plumbline.project": project });
    const facts = await Promise.all(containers.map((container) => engine.inspect(container.id)));
    return facts
        .filter((fact) => fact !== undefined)
        .filter((fact) => fact.labels["plumbline.service"] !== undefined)
        .map((fact) => ({
            service: fact.labels["plumbline.service"] ?? "",
            id: fact.id,
            name: fact.name,
            revision: fact.labels["plumbline.revision"] ?? "",
            imageId: fact.imageId,
            state: fact.state,
            exitCode: fact.exitCode,
            health: fact.health,
        }));
}

/**
 * The status of every service that is recorded or runs, in the order of the record. Containers that do not run are no
 * deviation by themselves: candidates and previous containers are kept on purpose.
 */
export function judgeStatus(
    recorded: Pick<Recorded, "services"> | null,
    observed: readonly ObservedContainer[],
): ServiceStatus[] {
    const services = recorded?.services ?? [];
    const names = new Set(services.map((service) => service.name));
    const unrecorded = [...new Set(observed.map((container) => container.service))].filter((name) => !names.has(name));
    return [
        ...services.map((service) => judgeService(service, observed)),
        ...unrecorded.flatMap((name) => judgeUnrecorded(name, observed, recorded !== null)),
    ];
}

function judgeService(service: RecordedService, observed: readonly ObservedContainer[]): ServiceStatus {
    const own = observed.filter((container) => container.service === service.name);
    if (service.kind === "job") return judgeJob(service, own);
    const running = own.filter((container) => container.state === "running");
    const active = running.find((container) => container.revision === service.revision);
    const shown = active ?? running[0] ?? own.find((container) => container.revision === service.revision) ?? own[0];
    const deviations: string[] = [];
    if (!active) deviations.push(`revision ${service.revision} does not run`);
    if (active && active.health !== "healthy" && active.health !== "none") deviations.push(`is ${active.health}`);
    if (active && service.imageId !== "" && active.imageId !== service.imageId) {
        deviations.push(`runs image ${active.imageId}, recorded is ${service.imageId}`);
    }
    if (active && active.id !== (service.containerId ?? active.id)) {
        deviations.push(`${active.name} is another container than the one that was committed`);
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

/** A job has ended with 0, or was not started, since it had run for a release before. */
function judgeJob(service: RecordedService, own: readonly ObservedContainer[]): ServiceStatus {
    const done = own.find((container) => container.revision === service.revision);
    const deviations: string[] = [];
    if (done === undefined) deviations.push(`revision ${service.revision} is missing`);
    else if (!standsAsCommitted(done)) deviations.push(`is ${done.state}, with exit code ${done.exitCode}`);
    for (const other of own) {
        if (other !== done && other.state === "running") {
            deviations.push(`${other.name} runs, in revision ${other.revision}`);
        }
    }
    return {
        name: service.name,
        state: done?.state ?? "missing",
        health: "none",
        revision: done?.revision ?? "none",
        addresses: [],
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
