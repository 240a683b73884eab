/** From a service of the release to the arguments of the Docker provider's container: pure, one place for its quirks. */
import type * as docker from "@pulumi/docker";
import { substituteSecrets } from "../release/secrets.ts";
import type { Healthcheck, Mount, ServiceRelease, ServiceSpec } from "../release/types.ts";

/** Labels by which everyone finds a container again; never a release id, which would replace every container. */
export function containerLabels(
    project: string,
    stack: string,
    service: string,
    revision: string,
): Record<string, string> {
    return {
        "plumbline.project": project,
        "plumbline.revision": revision,
        "plumbline.service": service,
        "plumbline.stack": stack,
    };
}

/**
 * The container of a service: created, not started, with no name of its own so that two revisions stand side by side.
 * Environment values are added by the component, since they hold secrets.
 *
 * @param files the mounts that hold the service's files, see `release/file-volumes.ts`
 */
export function containerArgs(
    service: ServiceRelease,
    labels: Readonly<Record<string, string>>,
    files: readonly Mount[] = [],
): docker.ContainerArgs {
    const { spec } = service;
    return {
        image: service.image.reference,
        start: false,
        mustRun: false,
        destroyGraceSeconds: spec.stopGraceSeconds,
        stopTimeout: spec.stopGraceSeconds,
        restart: spec.restart,
        init: spec.init,
        readOnly: spec.readOnly,
        privileged: spec.privileged,
        labels: Object.entries({ ...spec.labels, ...labels })
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([label, value]) => ({ label, value })),
        networksAdvanced: spec.networks.map(({ network }) => ({ name: network })),
        volumes: [...spec.mounts, ...files].map((mount) => ({
            ...(mount.type === "volume" ? { volumeName: mount.source } : { hostPath: mount.source }),
            containerPath: mount.target,
            readOnly: mount.readOnly,
        })),
        ...given("command", list(spec.command)),
        ...given("entrypoints", list(spec.entrypoint)),
        ...given("user", spec.user),
        ...given("workingDir", spec.workingDir),
        ...given("hostname", spec.hostname),
        ...given("domainname", spec.domainname),
        ...given("stopSignal", spec.stopSignal),
        ...given("healthcheck", spec.healthcheck === undefined ? undefined : healthcheckArgs(spec.healthcheck)),
        ...given("securityOpts", list(spec.securityOpt)),
        ...given("groupAdds", list(spec.groupAdd)),
        ...given("dns", list(spec.dns)),
        ...given("dnsSearches", list(spec.dnsSearch)),
        ...given("dnsOpts", list(spec.dnsOptions)),
        ...given("capabilities", capabilities(spec)),
        ...given("tmpfs", Object.keys(spec.tmpfs).length === 0 ? undefined : { ...spec.tmpfs }),
        ...given("sysctls", Object.keys(spec.sysctls).length === 0 ? undefined : { ...spec.sysctls }),
        ...given("ulimits", list(spec.ulimits.map((limit) => ({ ...limit })))),
        ...given("hosts", list(spec.extraHosts.map((entry) => ({ ...entry })))),
        ...given("memory", mebibytes(spec.memoryBytes)),
        ...given("memorySwap", mebibytes(spec.memorySwapBytes)),
        ...given("shmSize", mebibytes(spec.shmBytes)),
        ...given("memoryReservation", mebibytes(spec.memoryReservationBytes)),
        ...given("cpus", spec.cpus === undefined ? undefined : cpuShare(spec.cpus)),
        ...given("cpuShares", spec.cpuShares),
        ...given("cpuSet", spec.cpuset),
        ...given("logDriver", spec.logDriver),
        ...given("logOpts", Object.keys(spec.logOptions).length === 0 ? undefined : { ...spec.logOptions }),
    };
}

/** `NAME=value` lines in a fixed order, secrets filled in, with the revision that the service reports in its health. */
export function environmentList(service: ServiceRelease, secrets: Readonly<Record<string, string>>): string[] {
    const environment: Record<string, string> = { ...service.spec.environment, PLUMBLINE_REVISION: service.revision };
    return Object.entries(environment)
        .map(([name, value]) => `${name}=${substituteSecrets(value, secrets)}`)
        .sort();
}

/** Milliseconds as Go prints a duration, which is what the engine gives back: `1m30s`, `3s`, `500ms`. */
export function goDuration(ms: number): string {
    if (ms === 0) return "0s";
    if (ms < 1000) return `${ms}ms`;
    const hours = Math.floor(ms / 3_600_000);
    const minutes = Math.floor((ms % 3_600_000) / 60_000);
    const seconds = (ms % 60_000) / 1000;
    return `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${seconds}s`;
}

function healthcheckArgs(check: Healthcheck): docker.types.input.ContainerHealthcheck {
    return {
        tests: [...check.test],
        interval: goDuration(check.intervalMs),
        timeout: goDuration(check.timeoutMs),
        startPeriod: goDuration(check.startPeriodMs),
        retries: check.retries,
    };
}

/** The provider wants the kernel's names, `CAP_CHOWN`; anything else is a difference at every refresh. */
function capabilities(spec: ServiceSpec): docker.types.input.ContainerCapabilities | undefined {
    if (spec.capAdd.length === 0 && spec.capDrop.length === 0) return undefined;
    const kernelNames = (names: readonly string[]) =>
        names.map((name) => (name.startsWith("CAP_") || name === "ALL" ? name : `CAP_${name}`)).sort();
    return {
        ...(spec.capAdd.length === 0 ? {} : { adds: kernelNames(spec.capAdd) }),
        ...(spec.capDrop.length === 0 ? {} : { drops: kernelNames(spec.capDrop) }),
    };
}

/** The provider counts memory in MiB; a negative number means no limit. */
function mebibytes(bytes: number | undefined): number | undefined {
    if (bytes === undefined) return undefined;
    return bytes < 0 ? -1 : Math.max(1, Math.round(bytes / 1_048_576));
}

function list<T>(items: readonly T[] | undefined): T[] | undefined {
    return items === undefined || items.length === 0 ? undefined : [...items];
}

/** One property, or none where the baseline says nothing: an explicit undefined would not satisfy exact optional types. */
function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
    return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

/** As the engine gives it back: `1.0`, `0.5`. */
function cpuShare(cpus: number): string {
    return Number.isInteger(cpus) ? cpus.toFixed(1) : String(cpus);
}
