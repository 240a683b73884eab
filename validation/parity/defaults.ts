/** What the engine's settings are where nobody asked for anything: every other value is something that nobody declared. */
import type { EngineDefaults } from "../../engine/docker.ts";
import type { Fact } from "../facts/fact.ts";

/** One setting that the baseline has no word for in Plumbline. */
export interface KnownDefault {
    /** Compose's key, or the engine's own where compose has none. */
    readonly property: string;
    /** Words for the default. */
    readonly expected: string;
    /** Whether the engine's value is the default, whichever way the engine spells it. */
    isDefault(value: unknown, engine: Fact<EngineDefaults>): boolean;
}

/** Go's zero values: what the engine writes where nothing was said. */
export function isEmpty(value: unknown): boolean {
    if (value === undefined || value === null || value === "" || value === 0 || value === false) return true;
    if (Array.isArray(value)) return value.every((member) => member === 0);
    return typeof value === "object" && Object.keys(value).length === 0;
}

function none(property: string): KnownDefault {
    return { property, expected: "none", isDefault: isEmpty };
}

function oneOf(property: string, ...values: readonly string[]): KnownDefault {
    return {
        property,
        expected: values[0] ?? "",
        isDefault: (value) => isEmpty(value) || values.includes(String(value)),
    };
}

/** Only effect of the client that made it. */
function meaningless(property: string): KnownDefault {
    return { property, expected: "any", isDefault: () => true };
}

/** At least these paths: newer engines hide more. */
function atLeast(property: string, paths: readonly string[]): KnownDefault {
    return {
        property,
        expected: `at least ${paths.join(" ")}`,
        isDefault: (value) => Array.isArray(value) && paths.every((path) => value.includes(path)),
    };
}

export const hostDefaults: Readonly<Record<string, KnownDefault>> = {
    Annotations: none("annotations"),
    AutoRemove: none("auto_remove"),
    BlkioDeviceReadBps: none("blkio_config.device_read_bps"),
    BlkioDeviceReadIOps: none("blkio_config.device_read_iops"),
    BlkioDeviceWriteBps: none("blkio_config.device_write_bps"),
    BlkioDeviceWriteIOps: none("blkio_config.device_write_iops"),
    BlkioWeight: none("blkio_config.weight"),
    BlkioWeightDevice: none("blkio_config.weight_device"),
    Cgroup: none("cgroup"),
    CgroupParent: none("cgroup_parent"),
    CgroupnsMode: {
        property: "cgroup",
        expected: "the engine's default",
        isDefault: (value, engine) =>
            isEmpty(value) || (engine.known && value === (engine.value.cgroupVersion === "2" ? "private" : "host")),
    },
    // Size of the terminal of whoever made it.
    ConsoleSize: meaningless("console_size"),
    ContainerIDFile: none("container_id_file"),
    CpuCount: none("cpu_count"),
    CpuPercent: none("cpu_percent"),
    CpuRealtimePeriod: none("cpu_rt_period"),
    CpuRealtimeRuntime: none("cpu_rt_runtime"),
    CpusetMems: none("cpuset_mems"),
    DeviceCgroupRules: none("device_cgroup_rules"),
    DeviceRequests: none("gpus"),
    Devices: none("devices"),
    IOMaximumBandwidth: none("io_maximum_bandwidth"),
    IOMaximumIOps: none("io_maximum_iops"),
    IpcMode: oneOf("ipc", "private", "shareable"),
    Isolation: oneOf("isolation", "default"),
    KernelMemory: none("kernel_memory"),
    KernelMemoryTCP: none("kernel_memory_tcp"),
    Links: none("links"),
    MaskedPaths: atLeast("masked_paths", [
        "/proc/acpi",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/sched_debug",
        "/proc/scsi",
        "/sys/firmware",
    ]),
    MemorySwappiness: oneOf("mem_swappiness", "none", "-1"),
    OomKillDisable: none("oom_kill_disable"),
    OomScoreAdj: none("oom_score_adj"),
    PidMode: none("pid"),
    ReadonlyPaths: atLeast("readonly_paths", [
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sys",
        "/proc/sysrq-trigger",
    ]),
    Runtime: {
        property: "runtime",
        expected: "the engine's default",
        isDefault: (value, engine) => isEmpty(value) || (engine.known && value === engine.value.runtime),
    },
    StorageOpt: none("storage_opt"),
    UTSMode: none("uts"),
    UsernsMode: none("userns_mode"),
    VolumeDriver: oneOf("volume_driver", "none", "local"),
    VolumesFrom: none("volumes_from"),
};

export const configDefaults: Readonly<Record<string, KnownDefault>> = {
    ArgsEscaped: none("args_escaped"),
    // Whether the client that made it wanted to read along.
    AttachStderr: meaningless("attach"),
    AttachStdin: meaningless("attach"),
    AttachStdout: meaningless("attach"),
    MacAddress: none("mac_address"),
    NetworkDisabled: none("network_mode"),
    // Instructions for images that are built on this one.
    OnBuild: meaningless("on_build"),
    OpenStdin: none("stdin_open"),
    // For the shell form of instructions, at build time.
    Shell: meaningless("shell"),
    StdinOnce: none("stdin_once"),
    Tty: none("tty"),
};
