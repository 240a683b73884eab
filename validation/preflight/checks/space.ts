/** Whether disk and memory of the engine's machine are enough for what is new. Pure. */
import type { ContainerOverview } from "../../../engine/docker.ts";
import type { MachineSpace } from "../../../engine/machine.ts";
import { edgeMemoryMiB } from "../../../release/edge.ts";
import type { Settings } from "../../../release/settings.ts";
import type { Release, ServiceRelease } from "../../../release/types.ts";
import { fail, inconclusive, type PreflightFinding, pass } from "../finding.ts";
import { isOwn } from "../ours.ts";

const giga = 1e9;
const mebi = 1_048_576;

/** The limits of the settings. */
export type SpaceLimits = Settings["preflight"];

/** What a deploy needs beside what is there. */
export interface SpaceNeed {
    /** Names of the services, the edge among them, that have no container of their revision yet. */
    readonly fresh: readonly string[];
    /** Sum of all memory limits while both revisions of the `request` services run, in bytes. */
    readonly limits: number;
}

/** Whoever has a container of its revision already is only started again: that needs nothing new. */
export function spaceNeed(release: Release, containers: readonly ContainerOverview[]): SpaceNeed {
    const own = containers.filter(({ labels }) => isOwn(labels, release));
    const of = (name: string) => own.filter(({ labels }) => labels["plumbline.service"] === name);
    const isFresh = (name: string, revision: string) =>
        !of(name).some(({ labels }) => labels["plumbline.revision"] === revision);
    const fresh = release.services.filter(({ name, revision }) => isFresh(name, revision));
    const twice = fresh.filter(
        ({ name, kind }) => kind === "request" && of(name).some(({ state }) => state === "running"),
    );
    const limits = [...release.services, ...twice].reduce((sum, service) => sum + limitOf(service), 0);
    return {
        fresh: [...fresh.map(({ name }) => name), ...(isFresh("edge", release.edge.revision) ? ["edge"] : [])],
        limits: limits + edgeMemoryMiB * mebi,
    };
}

function limitOf({ spec }: ServiceRelease): number {
    return Math.max(0, spec.memoryBytes ?? 0);
}

/** What is new is images and containers: without them the disk is not asked for more. */
export function judgeDisk(
    space: MachineSpace,
    need: SpaceNeed,
    limits: SpaceLimits,
    where: string,
): PreflightFinding[] {
    if (need.fresh.length === 0) return [pass("disk", "nothing new is put on the disk")];
    const { diskFree } = space;
    if (diskFree === undefined) {
        return [
            inconclusive({
                check: "disk",
                category: "engine",
                message: `nobody could tell how much is free on the disk of the engine (${where})`,
                remedy: `Look there by hand: at least ${limits.diskFreeGb} GB are asked for.`,
            }),
        ];
    }
    const free = `${gigabytes(diskFree)} GB are free on the disk of the engine (${where})`;
    if (diskFree >= limits.diskFreeGb * giga) return [pass("disk", free)];
    return [
        fail({
            check: "disk",
            category: "engine",
            message: `only ${free}, plumbline:preflight.diskFreeGb asks for ${limits.diskFreeGb}`,
            remedy: "Free space on it, or lower plumbline:preflight.diskFreeGb of the stack.",
        }),
    ];
}

/**
 * Limits are ceilings that are seldom reached, and never by all at once. So a release is not refused because its limits
 * exceed what is free now; but one whose limits exceed all the memory that there is promises what the machine does not
 * have, and a machine that is nearly full already will not carry more.
 */
export function judgeMemory(
    total: number,
    space: MachineSpace,
    need: SpaceNeed,
    limits: SpaceLimits,
): PreflightFinding[] {
    if (need.fresh.length === 0) return [pass("memory", "nothing new is started")];
    const found: PreflightFinding[] = [];
    const most = (total * limits.memoryLimitPercent) / 100;
    if (need.limits > most) {
        found.push(
            fail({
                check: "memory",
                category: "engine",
                message: `the services may use ${gigabytes(need.limits)} GB of memory by their limits during the deploy, the engine has ${gigabytes(total)} GB (${limits.memoryLimitPercent} % of it may be promised)`,
                remedy: "Lower mem_limit of the services, use a larger machine, or raise plumbline:preflight.memoryLimitPercent.",
            }),
        );
    }
    const { memoryAvailable } = space;
    if (memoryAvailable === undefined) {
        found.push(
            inconclusive({
                check: "memory",
                category: "engine",
                message: "nobody could tell how much memory is left on the machine of the engine",
                remedy: `Look there by hand: at least ${limits.memoryFreeMb} MB are asked for.`,
            }),
        );
    } else if (memoryAvailable < limits.memoryFreeMb * 1e6) {
        found.push(
            fail({
                check: "memory",
                category: "engine",
                message: `only ${Math.floor(memoryAvailable / 1e6)} MB of memory are left on the machine of the engine, plumbline:preflight.memoryFreeMb asks for ${limits.memoryFreeMb}`,
                remedy: "Stop what is not needed there, or lower plumbline:preflight.memoryFreeMb of the stack.",
            }),
        );
    }
    return found.length > 0 ? found : [pass("memory", "enough memory is left")];
}

function gigabytes(bytes: number): string {
    return (bytes / giga).toFixed(1);
}
