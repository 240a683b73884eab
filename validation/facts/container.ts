/** Everything that the engine says of a container and its image, checked for shape: what parity compares. */
import { z } from "zod";
import type { Engine, EngineDefaults } from "../../engine/docker.ts";
import { attempt } from "./attempt.ts";
import { type Fact, unknown } from "./fact.ts";
import { type ProcessFacts, processFacts } from "./process.ts";

/** The engine writes nothing, null or an empty list for the same thing. */
const words = z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []);
const text = z
    .string()
    .nullish()
    .transform((value) => value ?? "");
const amount = z
    .number()
    .nullish()
    .transform((value) => value ?? 0);
const flag = z
    .boolean()
    .nullish()
    .transform((value) => value ?? false);
const dictionary = z
    .record(z.string(), z.string())
    .nullish()
    .transform((value) => value ?? {});
const names = z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((value) => Object.keys(value ?? {}));

/** Times in nanoseconds; 0 means the engine's default. */
const healthcheck = z.looseObject({
    Test: words,
    Interval: amount,
    Timeout: amount,
    StartPeriod: amount,
    Retries: amount,
});

const config = z.looseObject({
    User: text,
    Env: words,
    Cmd: words,
    Entrypoint: words,
    WorkingDir: text,
    Labels: dictionary,
    StopSignal: text,
    StopTimeout: z.int().nullish(),
    ExposedPorts: names,
    Volumes: names,
    Healthcheck: healthcheck.nullish(),
});

const binding = z.looseObject({ HostIp: text, HostPort: text });

const mountRequest = z.looseObject({
    Type: z.string(),
    Target: z.string(),
    VolumeOptions: z.looseObject({ NoCopy: flag }).nullish(),
    TmpfsOptions: z.looseObject({ SizeBytes: amount, Mode: amount }).nullish(),
});

const hostConfig = z.looseObject({
    Binds: words,
    Mounts: z
        .array(mountRequest)
        .nullish()
        .transform((value) => value ?? []),
    Tmpfs: dictionary,
    LogConfig: z.looseObject({ Type: text, Config: dictionary }),
    NetworkMode: text,
    PortBindings: z
        .record(z.string(), z.array(binding).nullish())
        .nullish()
        .transform((value) => value ?? {}),
    PublishAllPorts: flag,
    RestartPolicy: z.looseObject({ Name: text, MaximumRetryCount: amount }),
    CapAdd: words,
    CapDrop: words,
    SecurityOpt: words,
    GroupAdd: words,
    Dns: words,
    DnsSearch: words,
    DnsOptions: words,
    ExtraHosts: words,
    Privileged: flag,
    PidMode: text,
    IpcMode: text,
    ReadonlyRootfs: flag,
    Init: flag,
    Sysctls: dictionary,
    Ulimits: z
        .array(z.looseObject({ Name: z.string(), Soft: z.number(), Hard: z.number() }))
        .nullish()
        .transform((value) => value ?? []),
    Memory: amount,
    MemorySwap: amount,
    MemoryReservation: amount,
    CpuShares: amount,
    CpusetCpus: text,
    NanoCpus: amount,
    CpuPeriod: amount,
    CpuQuota: amount,
    PidsLimit: amount,
    ShmSize: amount,
});

const endpoint = z.looseObject({ Aliases: words });

const inspectionSchema = z.looseObject({
    Id: z.string(),
    Name: z.string(),
    Image: z.string(),
    State: z.looseObject({ Status: z.string(), Running: z.boolean(), ExitCode: z.int() }),
    Config: config.extend({ Image: z.string(), Hostname: text, Domainname: text }),
    HostConfig: hostConfig,
    Mounts: z.array(
        z.looseObject({
            Type: z.string(),
            Name: text,
            Source: text,
            Destination: z.string(),
            Mode: text,
            RW: z.boolean(),
        }),
    ),
    NetworkSettings: z.looseObject({ Networks: z.record(z.string(), endpoint) }),
});

export type Inspection = z.infer<typeof inspectionSchema>;

const imageSchema = z.looseObject({
    Id: z.string(),
    RepoDigests: words,
    Config: config,
});

export type ImageInspection = z.infer<typeof imageSchema>;

/** All that is known of one container. */
export interface ContainerEvidence {
    /** Undefined inside a known fact: the engine says that there is no such container. */
    readonly container: Fact<Inspection | undefined>;
    /** The image that it should run: the committed id where there is one, otherwise what the reference stands for now. */
    readonly expectedImage: Fact<ImageInspection>;
    /** The image that it was made from. */
    readonly actualImage: Fact<ImageInspection>;
    readonly process: Fact<ProcessFacts>;
    /** Path to the content of a file, in base64; undefined inside a known fact where there is no such file. */
    readonly files: Readonly<Record<string, Fact<string | undefined>>>;
}

/** The calls to the engine that evidence needs. */
export type EvidenceSource = Pick<Engine, "inspect" | "imageDetails" | "exec" | "getFile">;

export interface EvidenceRequest {
    /** Name or id of the container. */
    readonly container: string;
    /** Reference or id of the image that it should run. */
    readonly image: string;
    /** The root file system is meant to be read-only: try to write to it. */
    readonly readOnlyRoot: boolean;
    /** Files whose content is to be read. */
    readonly files: readonly string[];
}

/** Collects one container's evidence. Never throws: an engine that cannot be asked leaves facts unknown. */
export async function containerEvidence(engine: EvidenceSource, request: EvidenceRequest): Promise<ContainerEvidence> {
    const [container, expectedImage] = await Promise.all([
        attempt(async () => parseInspection((await engine.inspect(request.container))?.raw)),
        imageFacts(engine, request.image),
    ]);
    const inspection = container.known ? container.value : undefined;
    if (inspection === undefined) {
        const reason = container.known ? "there is no container" : container.reason;
        return { container, expectedImage, actualImage: unknown(reason), process: unknown(reason), files: {} };
    }
    const [actualImage, process, ...contents] = await Promise.all([
        expectedImage.known && expectedImage.value.Id === inspection.Image
            ? expectedImage
            : imageFacts(engine, inspection.Image),
        askProcesses(engine, inspection, request.readOnlyRoot),
        ...request.files.map(async (path) => {
            const content = attempt(async () => (await engine.getFile(inspection.Id, path))?.toString("base64"));
            return [path, await content] as const;
        }),
    ]);
    return { container, expectedImage, actualImage, process, files: Object.fromEntries(contents) };
}

async function askProcesses(
    engine: EvidenceSource,
    { Id: id, State: state, HostConfig: host }: Inspection,
    tryWrite: boolean,
): Promise<Fact<ProcessFacts>> {
    if (!state.Running) return unknown(`the container is ${state.Status}, so that no process can be asked`);
    if (host.PidMode !== "") return unknown(`it sees the processes of ${host.PidMode}: process 1 is not its own`);
    return processFacts(engine, id, { init: host.Init, tryWrite });
}

/** What the engine does where neither baseline nor image say anything. */
export function defaultsFact(engine: Pick<Engine, "defaults">): Promise<Fact<EngineDefaults>> {
    return attempt(() => engine.defaults());
}

/** Reads an answer of the engine. @throws ZodError when it is not what an engine says */
export function parseInspection(raw: unknown): Inspection | undefined {
    return raw === undefined ? undefined : inspectionSchema.parse(raw);
}

/** As `parseInspection`, of an image. */
export function parseImage(raw: unknown): ImageInspection {
    return imageSchema.parse(raw);
}

async function imageFacts(engine: EvidenceSource, reference: string): Promise<Fact<ImageInspection>> {
    const found = await attempt(() => engine.imageDetails(reference));
    if (!found.known) return found;
    if (found.value === undefined) return unknown(`the engine has no image ${reference}`);
    const { value } = found;
    return attempt(async () => parseImage(value));
}
