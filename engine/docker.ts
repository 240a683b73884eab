/** The door to the Docker engine: everything that Plumbline asks of it, in Plumbline's words. */

import type { Readable } from "node:stream";
import Docker from "dockerode";
import type { PlumblineError } from "../release/errors.ts";
import { filesOf, firstFile, packFiles } from "./archive.ts";
import { ContainerCommands } from "./container-commands.ts";
import { clientOptions, engineAddress } from "./docker-address.ts";
import { EngineCalls } from "./docker-calls.ts";
import { engineError, mayPass, registryRefusal, statusOf, wordsOf } from "./docker-errors.ts";
import {
    type ContainerFacts,
    type ContainerOverview,
    type ContainerState,
    type ContainerSummary,
    type CreateOptions,
    containerFacts,
    containerOverview,
    createRequest,
    type EngineDefaults,
    type EngineInfo,
    type ExecOptions,
    type ExecResult,
    engineDefaults,
    type FileEntry,
    type ImageFacts,
    type LogLine,
    type NetworkFacts,
    type RegistryAnswer,
    type VolumeFacts,
} from "./docker-facts.ts";
import { endLeftShims, heldByFolder, heldByShim, isHeldByShim, leftFolder, removeLeftFolder } from "./left-shim.ts";
import { drain, LogLines } from "./log-lines.ts";
import { enginePolicy, type RetryPolicy, sleep, withRetry } from "./retry.ts";

export type * from "./docker-facts.ts";

/** How calls behave when the network does not. Times in milliseconds. */
export interface EngineOptions {
    readonly retry?: RetryPolicy;
    /** Longest silence of one call. @default 30000 */
    readonly timeoutMs?: number;
    /** What clears the remains of a crash; without it they are an error, which says what does. */
    readonly helper?: EngineHelper;
}

/** A container for what no call of the engine does. */
export interface EngineHelper {
    /** One with a shell, which the engine has. */
    readonly image: string;
    /** Told what was done. */
    readonly note: (message: string) => void;
}

/** How a container is asked to start whose left shim was ended: containerd tidies up first. About five seconds in all. */
const tidying: RetryPolicy = { attempts: 25, firstDelayMs: 200, factor: 1, maxDelayMs: 200, jitter: 0 };

/**
 * Opens the door. No connection is made yet: the first call does, and an engine that is down is an error of that call.
 *
 * @param host `unix:///path`, `tcp://host:port` or `npipe:////./pipe/name`; without it DOCKER_HOST, then the usual socket
 * @throws PlumblineError `engine` for an address of another kind, `ssh://` by name
 */
export function connectEngine(host?: string, options: EngineOptions = {}): Engine {
    return new Engine(engineAddress(host), options);
}

/**
 * Calls that only ask are repeated when the network fails (R21); so are those that may safely be said twice. What must
 * not be done twice is repeated only when it did not reach the engine. Every failure is a PlumblineError `engine`.
 */
export class Engine {
    /** Where it is, for messages. */
    readonly address: string;
    private readonly helper: EngineHelper | undefined;
    /** For calls that answer at once, and for those that may be silent for long. */
    private readonly quick: Docker;
    private readonly patient: Docker;
    private readonly retry: RetryPolicy;
    private readonly calls: EngineCalls;
    private readonly commands: ContainerCommands;

    constructor(address: string, options: EngineOptions = {}) {
        const client = clientOptions(address);
        this.address = address;
        this.helper = options.helper;
        this.quick = new Docker({ ...client, timeout: options.timeoutMs ?? 30_000 });
        this.patient = new Docker({ ...client, timeout: 0 });
        this.retry = options.retry ?? enginePolicy;
        this.calls = new EngineCalls(address, this.retry);
        this.commands = new ContainerCommands(this.quick, this.patient, this.calls);
    }

    async info(): Promise<EngineInfo> {
        const [info, version] = await Promise.all([
            this.calls.repeatable("ask for its state", () => this.quick.info()),
            this.calls.repeatable("ask for its state", () => this.quick.version()),
        ]);
        return {
            serverVersion: version.Version,
            apiVersion: version.ApiVersion,
            os: version.Os,
            architecture: version.Arch,
            memoryBytes: Number(info.MemTotal),
            cpus: Number(info.NCPU),
            storageDriver: String(info.Driver),
            machine: String(info.Name),
            operatingSystem: String(info.OperatingSystem),
            dataRoot: String(info.DockerRootDir),
        };
    }

    /** @returns undefined when there is no such container */
    async inspect(idOrName: string): Promise<ContainerFacts | undefined> {
        const raw = await this.calls.orUndefined(`inspect container ${idOrName}`, () =>
            this.quick.getContainer(idOrName).inspect(),
        );
        return raw && containerFacts(raw);
    }

    /** All containers, running or not, that carry every one of these labels. */
    async list(labels: Readonly<Record<string, string>>): Promise<readonly ContainerSummary[]> {
        const found = await this.calls.repeatable("list containers", () =>
            this.quick.listContainers({ all: true, filters: { label: labelFilter(labels) } }),
        );
        return found.map((one) => ({
            id: one.Id,
            name: (one.Names[0] ?? one.Id).replace(/^\//, ""),
            labels: one.Labels,
            state: one.State as ContainerState,
            imageId: one.ImageID,
        }));
    }

    /** Every container on the engine, running or not, whoever made it. */
    async everything(): Promise<readonly ContainerOverview[]> {
        const found = await this.calls.repeatable("list containers", () => this.quick.listContainers({ all: true }));
        return found.map(containerOverview);
    }

    /** @returns the id */
    async create(options: CreateOptions): Promise<string> {
        const doing = `create a container of ${options.image}`;
        const container = await this.calls.once(doing, () => this.quick.createContainer(createRequest(options)));
        try {
            for (const { network, aliases } of (options.networks ?? []).slice(1)) {
                await this.calls.once(`connect a container to ${network}`, () =>
                    this.quick.getNetwork(network).connect({
                        Container: container.id,
                        EndpointConfig: { Aliases: [...(aliases ?? [])] },
                    }),
                );
            }
        } catch (error) {
            await this.remove(container.id);
            throw error;
        }
        return container.id;
    }

    /** Sets the most processes and threads that a container may have, which Pulumi's provider has no property for. */
    async limitProcesses(id: string, most: number): Promise<void> {
        await this.calls.repeatable(`limit the processes of container ${id}`, () =>
            this.quick.getContainer(id).update({ PidsLimit: most }),
        );
    }

    /** Does nothing when it runs already. What a crash of the engine has left of an earlier start is cleared on the way. */
    async start(id: string): Promise<void> {
        const start = () =>
            this.calls.tolerating([304], `start container ${id}`, () => this.patient.getContainer(id).start());
        try {
            await start();
        } catch (error) {
            if (!isHeldByShim(error)) throw error;
            await this.startOverShim(id, start, error);
        }
    }

    private async startOverShim(name: string, start: () => Promise<void>, refusal: unknown): Promise<void> {
        const { helper } = this;
        const id = (await this.inspect(name))?.id ?? name;
        if (helper === undefined) throw heldByShim(id, refusal);
        await this.byHelper(
            () => endLeftShims(this.patient, [id], helper.image),
            (failure) => heldByShim(id, refusal, failure),
        );
        helper.note(`ended what a crash of the engine had left of an earlier start of container ${name}`);
        // containerd tidies up by itself, or is helped, once for each of the two folders that it has of a start.
        for (let removed = 0; ; removed += 1) {
            try {
                return await withRetry(start, { policy: tidying, isTransient: isHeldByShim });
            } catch (error) {
                if (!isHeldByShim(error)) throw error;
                const folder = leftFolder(error, id);
                if (folder === undefined || removed === 2) throw heldByFolder(error);
                // Whoever has the transaction by now may have started it.
                if ((await this.inspect(id))?.running === true) return;
                await this.byHelper(
                    () => removeLeftFolder(this.patient, folder, helper.image),
                    () => heldByFolder(error),
                );
            }
        }
    }

    /** An engine that goes away is told as such; what else hinders a helper, in the words of `held`. */
    private async byHelper(act: () => Promise<void>, held: (failure: unknown) => PlumblineError): Promise<void> {
        try {
            await act();
        } catch (failure) {
            if (mayPass(failure)) throw engineError(this.address, "clear what a crash has left", failure);
            throw held(failure);
        }
    }

    /**
     * Ends what the engine does not know to run of containers that carry every one of these labels: one that it had just
     * started when it crashed may run on, and `stop` does not reach it. Call it only while nobody starts any of them.
     */
    async endUnknown(labels: Readonly<Record<string, string>>): Promise<void> {
        const { helper } = this;
        if (helper === undefined) return;
        const idle = (await this.list(labels)).filter(({ state }) => state === "created" || state === "exited");
        if (idle.length === 0) return;
        const ids = idle.map(({ id }) => id);
        await this.calls.once("end what a crash has left", () => endLeftShims(this.patient, ids, helper.image));
    }

    /** Sends the stop signal, kills after `graceSeconds`. Does nothing when it does not run or is gone. */
    async stop(id: string, graceSeconds: number): Promise<void> {
        await this.calls.tolerating([304, 404], `stop container ${id}`, () =>
            this.patient.getContainer(id).stop({ t: graceSeconds }),
        );
    }

    /** Removes it, running or not, with its anonymous volumes. Does nothing when it is gone. */
    async remove(id: string): Promise<void> {
        await this.calls.tolerating([404], `remove container ${id}`, async () => {
            try {
                await this.patient.getContainer(id).remove({ force: true, v: true });
            } catch (error) {
                // Somebody else is removing it: done when it is gone.
                if (statusOf(error) !== 409) throw error;
                await this.awaitRemoval(id, error);
            }
        });
    }

    private async awaitRemoval(id: string, error: unknown): Promise<void> {
        for (let waited = 0; waited < 50; waited++) {
            if ((await this.inspect(id)) === undefined) return;
            await sleep(200);
        }
        throw error;
    }

    /** Runs a command inside. A failing command is a result, not an error; a time-out is an error. */
    async exec(id: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
        return this.commands.run(id, argv, options);
    }

    /** Ends the shells that were kept in containers. They are opened again when they are needed again. */
    close(): void {
        this.commands.close();
    }

    /** The last lines of both streams, in the order written. */
    async logs(id: string, options: { readonly tail?: number } = {}): Promise<readonly LogLine[]> {
        const content = await this.calls.repeatable(`read the logs of container ${id}`, () =>
            this.quick.getContainer(id).logs({
                follow: false,
                stdout: true,
                stderr: true,
                ...(options.tail === undefined ? {} : { tail: options.tail }),
            }),
        );
        const lines: LogLine[] = [];
        const split = new LogLines((line) => lines.push(line));
        split.push(Buffer.isBuffer(content) ? content : Buffer.from(String(content)));
        split.end();
        return lines;
    }

    /**
     * Follows from the start of the container until it ends or the signal says so; both end it without an error. The
     * engine may keep back a very last line that has no line end; `logs` has it.
     *
     * @param options.sinceMs epoch milliseconds from which lines count; the engine knows whole seconds
     */
    async followLogs(
        id: string,
        onLine: (line: LogLine) => void,
        signal: AbortSignal,
        options: { readonly sinceMs?: number } = {},
    ): Promise<void> {
        if (signal.aborted) return;
        const doing = `follow the logs of container ${id}`;
        const stream = (await this.calls.repeatable(doing, () =>
            this.patient.getContainer(id).logs({
                follow: true,
                stdout: true,
                stderr: true,
                since: Math.floor((options.sinceMs ?? 0) / 1000),
            }),
        )) as Readable;
        const lines = new LogLines(onLine);
        await this.calls.once(doing, () => drain(stream, (chunk) => lines.push(chunk), signal));
        lines.end();
    }

    async image(reference: string): Promise<ImageFacts | undefined> {
        const raw = await this.calls.orUndefined(`inspect image ${reference}`, () =>
            this.quick.getImage(reference).inspect(),
        );
        return raw && { id: raw.Id, labels: raw.Config.Labels ?? {}, created: Date.parse(raw.Created) };
    }

    /** The whole answer of an inspection. @returns undefined when there is no such image */
    async imageDetails(reference: string): Promise<Docker.ImageInspectInfo | undefined> {
        return this.calls.orUndefined(`inspect image ${reference}`, () => this.quick.getImage(reference).inspect());
    }

    /**
     * Asks the image's registry, from where the engine is, whether it could be pulled. Nothing is pulled. A registry that
     * does not answer is asked again until the time is over (R21), and is an answer too.
     */
    async registryAnswer(reference: string, timeoutMs: number): Promise<RegistryAnswer> {
        const registry = new Docker({ ...clientOptions(this.address), timeout: timeoutMs });
        const end = performance.now() + timeoutMs;
        try {
            return await withRetry(
                async () => {
                    try {
                        await registry.getImage(reference).distribution();
                        return { answer: "there" };
                    } catch (error) {
                        const refusal = registryRefusal(error);
                        if (refusal === undefined) throw error;
                        return { answer: refusal };
                    }
                },
                { policy: this.retry, isTransient: () => performance.now() < end },
            );
        } catch (error) {
            return { answer: "silent", said: wordsOf(error) };
        }
    }

    /** What the engine does where nobody says anything. */
    async defaults(): Promise<EngineDefaults> {
        return engineDefaults(await this.calls.repeatable("ask for its defaults", () => this.quick.info()));
    }

    /** Does nothing when it is gone. */
    async removeImage(reference: string): Promise<void> {
        await this.calls.tolerating([404], `remove image ${reference}`, () =>
            this.patient.getImage(reference).remove(),
        );
    }

    async volumes(labels: Readonly<Record<string, string>>): Promise<readonly VolumeFacts[]> {
        const found = await this.calls.repeatable("list volumes", () =>
            this.quick.listVolumes({ filters: { label: labelFilter(labels) } }),
        );
        return (found.Volumes ?? []).map(volumeFacts);
    }

    async volume(name: string): Promise<VolumeFacts | undefined> {
        const raw = await this.calls.orUndefined(`inspect volume ${name}`, () => this.quick.getVolume(name).inspect());
        return raw && volumeFacts(raw);
    }

    /** The whole answer of an inspection. @returns undefined when there is no such volume */
    async volumeDetails(name: string): Promise<Docker.VolumeInspectInfo | undefined> {
        return this.calls.orUndefined(`inspect volume ${name}`, () => this.quick.getVolume(name).inspect());
    }

    /** Does nothing when it is there. */
    async createVolume(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
        await this.calls.repeatable(`create volume ${name}`, () =>
            this.quick.createVolume({ Name: name, Labels: { ...labels } }),
        );
    }

    /** Does nothing when it is gone. */
    async removeVolume(name: string): Promise<void> {
        await this.calls.tolerating([404], `remove volume ${name}`, () => this.quick.getVolume(name).remove());
    }

    async networks(labels: Readonly<Record<string, string>>): Promise<readonly NetworkFacts[]> {
        const found = await this.calls.repeatable("list networks", () =>
            this.quick.listNetworks({ filters: { label: labelFilter(labels) } }),
        );
        return found.map(networkFacts);
    }

    async network(name: string): Promise<NetworkFacts | undefined> {
        const raw = await this.calls.orUndefined(`inspect network ${name}`, () =>
            this.quick.getNetwork(name).inspect(),
        );
        return raw && networkFacts(raw);
    }

    /** The whole answer of an inspection. @returns undefined when there is no such network */
    async networkDetails(name: string): Promise<Docker.NetworkInspectInfo | undefined> {
        return this.calls.orUndefined(`inspect network ${name}`, () => this.quick.getNetwork(name).inspect());
    }

    /** A bridge network. Does nothing when one of that name is there. */
    async createNetwork(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
        await this.calls.tolerating([409], `create network ${name}`, () =>
            this.quick.createNetwork({ Name: name, Labels: { ...labels }, CheckDuplicate: true }),
        );
    }

    /** Does nothing when it is gone. */
    async removeNetwork(name: string): Promise<void> {
        await this.calls.tolerating([404], `remove network ${name}`, () => this.quick.getNetwork(name).remove());
    }

    /** Takes a container, running or not, on one more network. Does nothing when it is there. */
    async connect(container: string, network: string, aliases: readonly string[]): Promise<void> {
        await this.calls.tolerating([403], `connect container ${container} to ${network}`, () =>
            this.quick.getNetwork(network).connect({ Container: container, EndpointConfig: { Aliases: [...aliases] } }),
        );
    }

    /** Takes a container off a network. Does nothing when it is not there. */
    async disconnect(container: string, network: string): Promise<void> {
        await this.calls.repeatable(`disconnect container ${container} from ${network}`, async () => {
            try {
                await this.quick.getNetwork(network).disconnect({ Container: container, Force: false });
            } catch (error) {
                if (statusOf(error) !== 404 && !/is not connected to/.test(String(error))) throw error;
            }
        });
    }

    /** Writes files through the archive call: works on created, never started containers with the volume mounted read-write. */
    async putFiles(containerId: string, dir: string, files: readonly FileEntry[]): Promise<void> {
        const archive = await packFiles(files);
        await this.calls.repeatable(`put files into ${dir} of container ${containerId}`, () =>
            this.quick.getContainer(containerId).putArchive(archive, { path: dir }),
        );
    }

    /** @returns undefined when there is no such file */
    async getFile(containerId: string, path: string): Promise<Buffer | undefined> {
        return this.readArchive(containerId, path, firstFile);
    }

    /** Every file below a folder, also in its folders, by name; empty when the folder is not there. One question, one moment. */
    async readFiles(containerId: string, dir: string): Promise<ReadonlyMap<string, Buffer>> {
        return (await this.readArchive(containerId, dir, filesOf)) ?? new Map();
    }

    private async readArchive<T>(
        containerId: string,
        path: string,
        read: (archive: Readable) => Promise<T>,
    ): Promise<T | undefined> {
        const doing = `read ${path} of container ${containerId}`;
        return this.calls.repeatable(doing, async () => {
            try {
                const archive = await this.quick.getContainer(containerId).getArchive({ path });
                return await read(archive as Readable);
            } catch (error) {
                if (statusOf(error) === 404 && /could not find the file/i.test(String(error))) return undefined;
                throw error;
            }
        });
    }
}

function labelFilter(labels: Readonly<Record<string, string>>): string[] {
    return Object.entries(labels).map(([name, value]) => `${name}=${value}`);
}

function volumeFacts(raw: { Name: string; Labels: Record<string, string> | null; Driver: string }): VolumeFacts {
    return { name: raw.Name, labels: raw.Labels ?? {}, driver: raw.Driver };
}

function networkFacts(raw: Docker.NetworkInspectInfo): NetworkFacts {
    const ranges = raw.IPAM?.Config ?? [];
    const addresses = (key: "Subnet" | "Gateway") =>
        ranges.flatMap((range) => (range[key] === undefined || range[key].includes(":") ? [] : [range[key]]));
    return {
        id: raw.Id,
        name: raw.Name,
        labels: raw.Labels ?? {},
        driver: raw.Driver,
        internal: raw.Internal,
        subnets: addresses("Subnet"),
        gateways: addresses("Gateway").map((address) => address.replace(/\/.*$/, "")),
    };
}
