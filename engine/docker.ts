/** The door to the Docker engine: everything that Plumbline asks of it, in Plumbline's words. */

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

export interface ListedFile {
    /** Path below the asked folder. */
    readonly name: string;
    readonly size: number;
    readonly mode: number;
}

export interface LogLine {
    readonly stream: "stdout" | "stderr";
    readonly line: string;
}

/**
 * Opens the door. No connection is made yet: the first call does, and an engine that is down is an error of that call.
 *
 * @param host `unix:///path`, `tcp://host:port` or `npipe:////./pipe/name`; without it DOCKER_HOST, then the usual socket
 * @throws PlumblineError `engine` for an address of another kind, `ssh://` by name
 */
export function connectEngine(_host?: string): Engine {
    throw new Error("not yet");
}

/** Calls that only ask are repeated when the network fails; so are those that may safely be said twice. */
export interface Engine {
    /** Where it is, for messages. */
    readonly address: string;
    info(): Promise<EngineInfo>;
    /** @returns undefined when there is no such container */
    inspect(idOrName: string): Promise<ContainerFacts | undefined>;
    /** All containers, running or not, that carry every one of these labels. */
    list(labels: Readonly<Record<string, string>>): Promise<readonly ContainerSummary[]>;
    /** @returns the id */
    create(options: CreateOptions): Promise<string>;
    /** Does nothing when it runs already. */
    start(id: string): Promise<void>;
    /** Sends the stop signal, kills after `graceSeconds`. Does nothing when it does not run or is gone. */
    stop(id: string, graceSeconds: number): Promise<void>;
    kill(id: string, signal: string): Promise<void>;
    /** Removes it, running or not, with its anonymous volumes. Does nothing when it is gone. */
    remove(id: string): Promise<void>;
    /** Runs a command inside. A failing command is a result, not an error; a time-out is an error. */
    exec(id: string, argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
    /** The last lines of both streams, in the order written. */
    logs(id: string, options?: { readonly tail?: number }): Promise<readonly LogLine[]>;
    /** Follows from the start of the container until it ends or the signal says so; both end it without an error. */
    followLogs(
        id: string,
        onLine: (line: LogLine) => void,
        signal: AbortSignal,
        options?: { readonly sinceMs?: number },
    ): Promise<void>;
    image(reference: string): Promise<ImageFacts | undefined>;
    /** Does nothing when it is gone. */
    removeImage(reference: string): Promise<void>;
    volumes(labels: Readonly<Record<string, string>>): Promise<readonly VolumeFacts[]>;
    volume(name: string): Promise<VolumeFacts | undefined>;
    /** Does nothing when it is there. */
    createVolume(name: string, labels: Readonly<Record<string, string>>): Promise<void>;
    /** Does nothing when it is gone. */
    removeVolume(name: string): Promise<void>;
    networks(labels: Readonly<Record<string, string>>): Promise<readonly NetworkFacts[]>;
    network(name: string): Promise<NetworkFacts | undefined>;
    createNetwork(name: string, labels: Readonly<Record<string, string>>): Promise<void>;
    removeNetwork(name: string): Promise<void>;
    /** Writes files through the archive call: works on created, never started containers with the volume mounted read-write. */
    putFiles(containerId: string, dir: string, files: readonly FileEntry[]): Promise<void>;
    /** @returns undefined when there is no such file */
    getFile(containerId: string, path: string): Promise<Buffer | undefined>;
    /** Every file below a folder, also in its folders; empty when the folder is not there. */
    listFiles(containerId: string, dir: string): Promise<readonly ListedFile[]>;
}
