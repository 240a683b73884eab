/** What the engine says and is told, in Plumbline's words, and the reading of its answers. Pure. */

import type Docker from "dockerode";

/** What `docker info` says, as far as anybody here needs it. */
export interface EngineInfo {
    readonly serverVersion: string;
    readonly apiVersion: string;
    readonly os: string;
    readonly architecture: string;
    readonly memoryBytes: number;
    readonly cpus: number;
    readonly storageDriver: string;
    /** Host name of its machine. */
    readonly machine: string;
    /** As in `Debian GNU/Linux 12`, or `Docker Desktop`. */
    readonly operatingSystem: string;
    /** Folder of its machine that holds images, containers and volumes. */
    readonly dataRoot: string;
}

/** What the engine does with a container that says nothing of it. */
export interface EngineDefaults {
    readonly logDriver: string;
    readonly runtime: string;
    /** `1` or `2`. */
    readonly cgroupVersion: string;
    /** System calls are filtered. */
    readonly seccomp: boolean;
}

export type ContainerState = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

/** `none` where the container has no healthcheck. */
export type ContainerHealth = "none" | "starting" | "healthy" | "unhealthy";

/** One container as the engine sees it now. */
export interface ContainerFacts {
    readonly id: string;
    /** Without the leading slash. */
    readonly name: string;
    /** The id of the image it was made from, `sha256:…`. */
    readonly imageId: string;
    /** The reference it was made with. */
    readonly imageReference: string;
    readonly labels: Readonly<Record<string, string>>;
    /** `NAME` to value, as given at creation together with the image's own. */
    readonly environment: Readonly<Record<string, string>>;
    readonly state: ContainerState;
    readonly running: boolean;
    readonly exitCode: number;
    readonly oomKilled: boolean;
    readonly health: ContainerHealth;
    /** Output of the last healthcheck, trimmed; empty when there was none. */
    readonly healthOutput: string;
    /** Epoch milliseconds; 0 when it never started or never ended. */
    readonly startedAt: number;
    readonly finishedAt: number;
    /** How often the engine's restart policy has started it again. */
    readonly restartCount: number;
    /** Network name to address; empty text while it does not run. */
    readonly addresses: Readonly<Record<string, string>>;
    /** Everything else, as the engine gives it. */
    readonly raw: Docker.ContainerInspectInfo;
}

/** One line of a list: cheaper than `ContainerFacts`. */
export interface ContainerSummary {
    readonly id: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly state: ContainerState;
    readonly imageId: string;
}

/** What a list tells of every container on the engine, whoever made it. */
export interface ContainerOverview extends ContainerSummary {
    /** TCP ports of the host that it has at this moment. */
    readonly ports: readonly { readonly hostIp: string; readonly port: number }[];
    /** Names of the volumes that it mounts. */
    readonly volumes: readonly string[];
    /** Names of its networks. */
    readonly networks: readonly string[];
}

/** What a registry says of an image. `denied`: it wants credentials, or has no such image. `silent`: nothing, for the reason that is said. */
export type RegistryAnswer =
    | { readonly answer: "there" | "missing" | "denied" }
    | { readonly answer: "silent"; readonly said: string };

export interface CreateOptions {
    readonly image: string;
    /** An automatic name when absent. */
    readonly name?: string;
    readonly entrypoint?: readonly string[];
    readonly command?: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
    readonly user?: string;
    readonly mounts?: readonly { readonly volume: string; readonly target: string; readonly readOnly?: boolean }[];
    readonly networks?: readonly { readonly network: string; readonly aliases?: readonly string[] }[];
    readonly ports?: readonly { readonly target: number; readonly published: number; readonly hostIp: string }[];
    readonly tmpfs?: Readonly<Record<string, string>>;
    /** @default false */
    readonly readOnlyRoot?: boolean;
    /** @default false */
    readonly init?: boolean;
    /** @default [] */
    readonly capDrop?: readonly string[];
    /** @default "no" */
    readonly restart?: "no" | "always" | "on-failure" | "unless-stopped";
}

export interface ExecOptions {
    readonly stdin?: string | Buffer;
    /** @default 30000 */
    readonly timeoutMs?: number;
    readonly user?: string;
    /**
     * Through a shell that stays in the container for the next command, as the container's own user. For a command that may be
     * run twice, in a container with `sh` and `timeout`; its standard input is text that ends with a line end.
     */
    readonly kept?: boolean;
}

export interface ExecResult {
    readonly exitCode: number;
    readonly stdout: string;
    readonly stderr: string;
}

export interface ImageFacts {
    readonly id: string;
    readonly labels: Readonly<Record<string, string>>;
    /** Epoch milliseconds. */
    readonly created: number;
}

export interface VolumeFacts {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly driver: string;
}

export interface NetworkFacts {
    readonly id: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly driver: string;
    readonly internal: boolean;
    /** IPv4 ranges of its addresses, as in `172.18.0.0/16`. */
    readonly subnets: readonly string[];
    /** The host's IPv4 addresses on it. */
    readonly gateways: readonly string[];
}

/** A file to be put into a container. */
export interface FileEntry {
    /** Name or relative path below the folder. */
    readonly name: string;
    readonly content: string | Buffer;
    /** @default 0o644 */
    readonly mode?: number;
    /** @default 0 */
    readonly uid?: number;
    /** @default 0 */
    readonly gid?: number;
}

export interface LogLine {
    readonly stream: "stdout" | "stderr";
    readonly line: string;
}

/** Reads one line of a list of containers. */
export function containerOverview(raw: Docker.ContainerInfo): ContainerOverview {
    const { NetworkSettings: settings } = raw as Partial<Docker.ContainerInfo>;
    return {
        id: raw.Id,
        name: (raw.Names[0] ?? raw.Id).replace(/^\//, ""),
        labels: raw.Labels ?? {},
        state: raw.State as ContainerState,
        imageId: raw.ImageID,
        ports: (raw.Ports ?? [])
            .filter(({ PublicPort, Type }) => Type === "tcp" && PublicPort > 0)
            .map(({ IP, PublicPort }) => ({ hostIp: IP || "0.0.0.0", port: PublicPort })),
        volumes: (raw.Mounts ?? []).flatMap(({ Type, Name }) => (Type === "volume" && Name ? [Name] : [])),
        networks: Object.keys(settings?.Networks ?? {}),
    };
}

/** Reads `docker info`. */
export function engineDefaults(info: {
    readonly LoggingDriver?: string;
    readonly DefaultRuntime?: string;
    readonly CgroupVersion?: string;
    readonly SecurityOptions?: readonly string[];
}): EngineDefaults {
    const seccomp = info.SecurityOptions?.find((option) => option.startsWith("name=seccomp"));
    return {
        logDriver: info.LoggingDriver ?? "json-file",
        runtime: info.DefaultRuntime ?? "runc",
        cgroupVersion: info.CgroupVersion ?? "1",
        seccomp: seccomp !== undefined && !seccomp.includes("profile=unconfined"),
    };
}

/** Reads the answer of an inspection. */
export function containerFacts(raw: Docker.ContainerInspectInfo): ContainerFacts {
    const { State: state, Config: config } = raw;
    const networks = Object.entries(raw.NetworkSettings.Networks ?? {});
    return {
        id: raw.Id,
        name: raw.Name.replace(/^\//, ""),
        imageId: raw.Image,
        imageReference: config.Image,
        labels: config.Labels ?? {},
        environment: Object.fromEntries((config.Env ?? []).map(splitVariable)),
        state: state.Status as ContainerState,
        running: state.Running,
        exitCode: state.ExitCode,
        oomKilled: state.OOMKilled,
        health: containerHealth(state.Health?.Status),
        healthOutput: (state.Health?.Log?.at(-1)?.Output ?? "").trim(),
        startedAt: epoch(state.StartedAt),
        finishedAt: epoch(state.FinishedAt),
        restartCount: raw.RestartCount,
        addresses: Object.fromEntries(networks.map(([name, network]) => [name, network.IPAddress])),
        raw,
    };
}

function containerHealth(status: string | undefined): ContainerHealth {
    return status === "starting" || status === "healthy" || status === "unhealthy" ? status : "none";
}

function splitVariable(variable: string): [string, string] {
    const at = variable.indexOf("=");
    return at < 0 ? [variable, ""] : [variable.slice(0, at), variable.slice(at + 1)];
}

/** The engine writes "never" as the year 1. */
function epoch(text: string): number {
    const ms = Date.parse(text);
    return Number.isNaN(ms) || ms < 0 ? 0 : ms;
}

/** The engine's form of what `create` is asked for; further networks than the first are connected afterwards. */
export function createRequest(options: CreateOptions): Docker.ContainerCreateOptions {
    const [first] = options.networks ?? [];
    const ports = options.ports ?? [];
    return {
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(options.user === undefined ? {} : { User: options.user }),
        ...(options.entrypoint === undefined ? {} : { Entrypoint: [...options.entrypoint] }),
        ...(options.command === undefined ? {} : { Cmd: [...options.command] }),
        Image: options.image,
        Env: Object.entries(options.environment ?? {}).map(([name, value]) => `${name}=${value}`),
        Labels: { ...options.labels },
        ExposedPorts: Object.fromEntries(ports.map((port) => [`${port.target}/tcp`, {}])),
        HostConfig: {
            Mounts: (options.mounts ?? []).map((mount) => ({
                Type: "volume",
                Source: mount.volume,
                Target: mount.target,
                ReadOnly: mount.readOnly ?? false,
            })),
            PortBindings: Object.fromEntries(
                ports.map((port) => [
                    `${port.target}/tcp`,
                    [{ HostIp: port.hostIp, HostPort: String(port.published) }],
                ]),
            ),
            Tmpfs: { ...options.tmpfs },
            ReadonlyRootfs: options.readOnlyRoot ?? false,
            Init: options.init ?? false,
            CapDrop: [...(options.capDrop ?? [])],
            RestartPolicy: { Name: options.restart ?? "no" },
            ...(first === undefined ? {} : { NetworkMode: first.network }),
        },
        ...(first === undefined
            ? {}
            : { NetworkingConfig: { EndpointsConfig: { [first.network]: { Aliases: [...(first.aliases ?? [])] } } } }),
    };
}
