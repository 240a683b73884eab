/** One service of the compose file in the vocabulary of the engine. */
import type { ComposeModel, ComposeService } from "./compose-model.ts";
import { compareText, sortedEntries } from "./revision.ts";
import type { Healthcheck, ServiceSpec } from "./types.ts";

/** A service's spec before the content of its files is read. */
export type BaselineSpec = Omit<ServiceSpec, "files">;

/** The engine's part of a service. Lists whose order means nothing are sorted, so that it makes no new revision. */
export function specOf(service: ComposeService, model: ComposeModel): BaselineSpec {
    const limits = service.deploy?.resources?.limits;
    const memory = service.mem_limit ?? limits?.memory;
    return {
        ...defined({
            command: service.command ?? undefined,
            entrypoint: service.entrypoint ?? undefined,
            user: service.user,
            workingDir: service.working_dir,
            hostname: service.hostname,
            domainname: service.domainname,
            stopSignal: service.stop_signal,
            memoryBytes: memory,
            // The engine's own rule, written out: what is set by rule and what is read back are then the same.
            memorySwapBytes: service.memswap_limit ?? (memory === undefined ? undefined : 2 * memory),
            memoryReservationBytes: service.mem_reservation ?? service.deploy?.resources?.reservations?.memory,
            cpus: service.cpus ?? limits?.cpus,
            // The engine's own default is written as nothing.
            cpuShares: service.cpu_shares || undefined,
            cpuset: service.cpuset || undefined,
            pidsLimit: service.pids_limit ?? limits?.pids,
            shmBytes: service.shm_size,
            healthcheck: service.healthcheck === undefined ? undefined : healthcheckOf(service.healthcheck),
            dnsSearch: service.dns_search.length === 0 ? undefined : service.dns_search,
            dnsOptions: service.dns_opt.length === 0 ? undefined : [...new Set(service.dns_opt)].sort(compareText),
            logDriver: service.logging?.driver,
        }),
        environment: service.environment,
        init: service.init,
        readOnly: service.read_only,
        privileged: service.privileged,
        capAdd: capabilities(service.cap_add),
        capDrop: capabilities(service.cap_drop),
        securityOpt: [...service.security_opt].sort(compareText),
        groupAdd: [...service.group_add].sort(compareText),
        tmpfs: {
            ...Object.fromEntries(service.tmpfs.map(tmpfsEntry)),
            ...Object.fromEntries(service.volumes.flatMap(tmpfsMount)),
        },
        mounts: service.volumes
            .flatMap((mount) => (mount.type === "volume" ? [mount] : []))
            .map((mount) => ({
                type: "volume" as const,
                source: model.volumes[mount.source]?.name ?? mount.source,
                target: mount.target,
                readOnly: mount.read_only,
            }))
            .sort((a, b) => compareText(a.target, b.target)),
        networks: sortedEntries(service.networks).map(([key, attachment]) => ({
            network: model.networks[key]?.name ?? key,
            aliases: [...new Set(attachment?.aliases ?? [])].sort(compareText),
        })),
        restart: restartOf(service),
        stopGraceSeconds: (service.stop_grace_period ?? 10_000) / 1000,
        ulimits: sortedEntries(service.ulimits).map(([name, limit]) =>
            typeof limit === "number" ? { name, soft: limit, hard: limit } : { name, ...limit },
        ),
        sysctls: service.sysctls,
        labels: service.labels,
        extraHosts: service.extra_hosts.map(extraHost),
        dns: service.dns,
        logOptions: service.logging?.options ?? {},
    };
}

/** Compose lets the policy of `deploy` stand over `restart`. */
function restartOf({ restart, deploy }: ComposeService): ServiceSpec["restart"] {
    const condition = deploy?.restart_policy?.condition;
    if (condition === undefined) return restart;
    if (condition === "any") return "always";
    return condition === "none" ? "no" : condition;
}

/** Compose's and the engine's own defaults, written out: the deadline is computed from them. */
function healthcheckOf(check: NonNullable<ComposeService["healthcheck"]>): Healthcheck {
    return {
        test: check.disable ? ["NONE"] : check.test,
        intervalMs: check.interval ?? 30_000,
        timeoutMs: check.timeout ?? 30_000,
        startPeriodMs: check.start_period ?? 0,
        retries: check.retries ?? 3,
    };
}

/** Upper case without `CAP_`, sorted. */
function capabilities(names: readonly string[]): string[] {
    return [...new Set(names.map((name) => name.toUpperCase().replace(/^CAP_/, "")))].sort(compareText);
}

function tmpfsEntry(entry: string): [string, string] {
    const colon = entry.indexOf(":");
    return colon < 0 ? [entry, ""] : [entry.slice(0, colon), entry.slice(colon + 1)];
}

function tmpfsMount(mount: ComposeService["volumes"][number]): [string, string][] {
    if (mount.type !== "tmpfs") return [];
    const { size, mode } = mount.tmpfs ?? {};
    const options = [
        ...(size === undefined ? [] : [`size=${size}`]),
        ...(mode === undefined ? [] : [`mode=${mode.toString(8).padStart(4, "0")}`]),
    ];
    return [[mount.target, options.join(",")]];
}

/** Compose writes `host=ip`; the address may hold colons. */
function extraHost(entry: string): { host: string; ip: string } {
    const at = entry.indexOf("=");
    return { host: entry.slice(0, at), ip: entry.slice(at + 1) };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the undefined members: everything in a release is plain JSON. */
function defined<T extends object>(value: T): Defined<T> {
    return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}
