/** What a container may do to the machine: privileges, root file system, limits. */
import {
    bytesShown,
    equal,
    equalEntries,
    equalToFact,
    intended,
    type Outcome,
    type ParityCheck,
    type Subject,
} from "./parity-property.ts";

export const privileges: ParityCheck = {
    knows: {
        spec: ["privileged", "readOnly", "capAdd", "capDrop", "securityOpt", "groupAdd"],
        host: ["Privileged", "ReadonlyRootfs", "CapAdd", "CapDrop", "SecurityOpt", "GroupAdd"],
    },
    compare({ service: { spec }, container: { HostConfig: host } }) {
        return [
            equal(["privileged"], spec.privileged, host.Privileged),
            equal(["read_only"], spec.readOnly, host.ReadonlyRootfs),
            equal(["cap_add"], capabilityNames(spec.capAdd), capabilityNames(host.CapAdd)),
            equal(["cap_drop"], capabilityNames(spec.capDrop), capabilityNames(host.CapDrop)),
            equal(["security_opt"], securityOptions(spec.securityOpt), askedOptions(host, spec.securityOpt)),
            equal(["group_add"], sorted(spec.groupAdd), sorted(host.GroupAdd)),
        ];
    },
};

/** Upper case without `CAP_`, each once, sorted. */
export function capabilityNames(names: readonly string[]): string[] {
    return sorted(names.map((name) => name.toUpperCase().replace(/^CAP_/, "")));
}

/** `no-new-privileges` has three spellings, and the engine takes `=` for `:`. */
export function securityOptions(options: readonly string[]): string[] {
    return sorted(
        options.map((option) => {
            const said = option.replace(/^([a-z-]+)=/, "$1:");
            return said === "no-new-privileges" ? "no-new-privileges:true" : said;
        }),
    ).filter((option) => option !== "no-new-privileges:false");
}

/** Without what the engine adds by itself to a container that shares the host's processes or memory, or has all power. */
function askedOptions(host: Subject["container"]["HostConfig"], declared: readonly string[]): string[] {
    const shares = host.Privileged || [host.PidMode, host.IpcMode].includes("host");
    const byEngine = shares && !securityOptions(declared).includes("label:disable");
    return securityOptions(host.SecurityOpt).filter((option) => !byEngine || option !== "label:disable");
}

function sorted(list: readonly string[]): string[] {
    return [...new Set(list)].sort();
}

/** Compose numbers the containers of a service from 1. */
function composeName({ name, replicaOf }: Subject["service"]): string {
    return replicaOf === undefined ? `${name}-1` : name;
}

/** The engine's default, which nobody can change: 64 MiB. */
const defaultShmBytes = 64 * 1_048_576;

export const limits: ParityCheck = {
    knows: {
        spec: [
            "memoryBytes",
            "memorySwapBytes",
            "memoryReservationBytes",
            "cpus",
            "cpuShares",
            "cpuset",
            "pidsLimit",
            "shmBytes",
            "ulimits",
            "sysctls",
        ],
        host: [
            "Memory",
            "MemorySwap",
            "MemoryReservation",
            "CpuShares",
            "CpusetCpus",
            "NanoCpus",
            "CpuPeriod",
            "CpuQuota",
            "PidsLimit",
            "ShmSize",
            "Ulimits",
            "Sysctls",
        ],
    },
    compare({ service: { spec }, container: { HostConfig: host } }) {
        // Without a limit the engine allows as much swap again as memory.
        const swap = spec.memorySwapBytes ?? (spec.memoryBytes === undefined ? undefined : 2 * spec.memoryBytes);
        const ulimits = (list: readonly { name: string; soft: number; hard: number }[]) =>
            Object.fromEntries(list.map(({ name, soft, hard }) => [name, `soft ${soft}, hard ${hard}`]));
        return [
            memory("mem_limit", spec.memoryBytes, host.Memory),
            memory("memswap_limit", swap, host.MemorySwap),
            memory("mem_reservation", spec.memoryReservationBytes, host.MemoryReservation),
            memory("shm_size", spec.shmBytes ?? defaultShmBytes, host.ShmSize),
            equal(["cpus"], spec.cpus || undefined, cpus(host)),
            equal(["cpu_shares"], spec.cpuShares, host.CpuShares || undefined),
            equal(["cpuset"], spec.cpuset, host.CpusetCpus),
            equal(["pids_limit"], processLimit(spec.pidsLimit ?? 0), processLimit(host.PidsLimit)),
            ...equalEntries(
                ["ulimits"],
                ulimits(spec.ulimits),
                ulimits(host.Ulimits.map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard }))),
            ),
            ...equalEntries(["sysctls"], spec.sysctls, host.Sysctls),
        ];
    },
};

function memory(property: string, expected: number | undefined, actual: number): Outcome {
    const outcome = equal([property], bytesShown(expected), bytesShown(actual));
    const rounded = expected === undefined || expected <= 0 ? actual : Math.max(1, Math.round(expected / 1_048_576));
    if (outcome.result === "same" || rounded * 1_048_576 !== actual) return outcome;
    return intended([property], "memory-in-mebibytes", outcome.expected, outcome.actual);
}

function cpus(host: Subject["container"]["HostConfig"]): number | undefined {
    if (host.NanoCpus !== 0) return host.NanoCpus / 1e9;
    // The same limit in the kernel's own words; a period alone is none.
    if (host.CpuQuota > 0) return host.CpuQuota / (host.CpuPeriod || 100_000);
    return undefined;
}

function processLimit(most: number): string {
    return most <= 0 ? "none" : String(most);
}

export const logging: ParityCheck = {
    knows: { spec: ["logDriver", "logOptions"], host: ["LogConfig"] },
    compare({ service: { spec }, container: { HostConfig: host }, engine }) {
        const driver = spec.logDriver ?? (engine.known ? engine.value.logDriver : undefined);
        return [
            equalToFact(
                ["logging", "driver"],
                driver === undefined && !engine.known ? engine : { known: true, value: driver },
                host.LogConfig.Type,
            ),
            ...equalEntries(["logging", "options"], spec.logOptions, host.LogConfig.Config),
        ];
    },
};

/** Labels of the baseline and of the image, and our own. */
export const labels: ParityCheck = {
    knows: { spec: ["labels"], config: ["Labels"] },
    compare({ service, stack, project, container, expectedImage }) {
        const ours: Record<string, string> = {
            "plumbline.project": project,
            "plumbline.revision": service.revision,
            "plumbline.service": service.name,
            "plumbline.stack": stack,
        };
        const actual = container.Config.Labels;
        const own = (name: string) => Object.hasOwn(ours, name);
        const others = Object.fromEntries(Object.entries(actual).filter(([name]) => !own(name)));
        const path = ["labels"];
        const name = container.Name.replace(/^\//, "");
        const wanted = `${service.name}-${service.revision}-…`;
        return [
            ...(expectedImage.known
                ? equalEntries(path, { ...expectedImage.value.Config.Labels, ...service.spec.labels }, others)
                : [equalToFact(path, expectedImage, others)]),
            ...Object.entries(ours).map(([key, value]) =>
                equal([...path, key], value, actual[key], "plumbline-labels"),
            ),
            name.startsWith(`${service.name}-${service.revision}-`)
                ? intended(["container_name"], "container-name", `${project}-${composeName(service)}`, name)
                : equal(["container_name"], wanted, name),
        ];
    },
};
