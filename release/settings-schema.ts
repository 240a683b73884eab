/**
 * The schema of the settings: every key that `Pulumi.<stack>.yaml` may set, with its meaning, unit and default per
 * stack. It is their one source; `describeSettings` lists it, and every default number of the program stands here.
 */
import { z } from "zod";
import { defaultEdgeWaits } from "./edge-waits.ts";

export const stackNames = ["local", "staging", "production"] as const;
export type StackName = (typeof stackNames)[number];

type Defaults = { readonly every: unknown } | Readonly<Record<StackName, unknown>>;

interface SettingInfo {
    readonly meaning: string;
    /** Unit of a number, or what a value looks like. */
    readonly unit: string;
    /** Absent: the setting has no default and may stay unset. */
    readonly defaults?: Defaults;
}

const infos = z.registry<SettingInfo>();

/** A field of the schema together with what a reader must know of it. */
function setting<T extends z.ZodType>(schema: T, unit: string, meaning: string, defaults?: Defaults): T {
    infos.add(schema, { meaning, unit, ...(defaults === undefined ? {} : { defaults }) });
    return schema;
}

/** Beside the ports of the baseline; `ports.offset` moves it like those. */
export const defaultProbePort = 54_390;

const port = () => z.int().min(1).max(65535);
const seconds = () => z.number().min(0).max(86_400);
const days = () => z.int().min(1).max(3650);
const factor = () => z.number().min(1).max(10);
const variableName = () =>
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of a variable: letters, digits, _");
/** YAML reads `30` as a number; a variable is always text. */
const text = () => z.union([z.string(), z.number(), z.boolean()]).transform(String);

export const settingsSchema = z.strictObject({
    project: setting(
        z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, "must be lower-case letters, digits, - and _"),
        "name",
        "Compose project name: prefix of every network and volume, so that stacks on one engine stay apart.",
        {
            local: "insurance_navigator",
            staging: "insurance_navigator_staging",
            production: "insurance_navigator_production",
        },
    ),
    composeFile: setting(z.string().min(1), "path", "The baseline, relative to the folder of Pulumi.yaml.", {
        every: "docker-compose.yml",
    }),
    profiles: setting(
        z.array(z.string().min(1)),
        "names",
        "Profiles of the baseline that are on. A service whose profiles are all off is left out, and every plan names it.",
        { every: [] },
    ),
    bindAddress: setting(
        z.ipv4(),
        "address",
        "Host address on which the ports are published. Anything but loopback is refused in local.",
        { every: "127.0.0.1" },
    ),
    ports: z.strictObject({
        offset: setting(
            z.int().min(0).max(60_000),
            "ports",
            "Added to every published port of the baseline and its gateways, so that two stacks fit on one engine.",
            { local: 0, staging: 10_000, production: 0 },
        ),
        auto: setting(
            z.boolean(),
            "true, false",
            "Publish on the next free port where somebody else has the wanted one, and stay there. In short: `ports: auto`.",
            { every: false },
        ),
    }),
    probePort: setting(
        port().optional(),
        "port",
        `Host port of the edge's probe listener, on 127.0.0.1. Unset: ${defaultProbePort} plus ports.offset.`,
    ),
    variables: setting(
        z.record(variableName(), text()),
        "name: value",
        "Variables for the interpolation of the compose file. Not for secrets: those belong under `secrets`.",
        { every: {} },
    ),
    images: setting(
        z.record(z.string(), z.string().min(1)),
        "service: reference",
        "Images to pull instead of building, as in `storage: supabase/storage-api:v1.25.7`.",
        { every: {} },
    ),
    adoptVolumes: setting(
        z.array(z.string().min(1)),
        "volumes",
        "Volumes of the baseline, as in `postgres_data`, that may be taken over with their data from whoever made them.",
        { every: [] },
    ),
    preflight: z.strictObject({
        engineApi: setting(
            z.string().regex(/^\d+\.\d+$/, 'must be text, as in "1.41"'),
            "version",
            "Oldest API of the Docker engine; 1.41 is that of 20.10.",
            { every: "1.41" },
        ),
        diskFreeGb: setting(
            z.number().min(0),
            "GB",
            "Least free space on the engine's disk before something new is deployed.",
            { local: 2, staging: 5, production: 10 },
        ),
        memoryFreeMb: setting(
            z.number().min(0),
            "MB",
            "Least memory that the engine's machine has left before something new is deployed.",
            { local: 256, staging: 512, production: 1024 },
        ),
        memoryLimitPercent: setting(
            z.number().min(1),
            "%",
            "Largest sum of the memory limits of everything that runs during a deploy, of the engine's whole memory.",
            { every: 100 },
        ),
        registrySeconds: setting(
            z.number().min(0.1).max(3600),
            "s",
            "Longest wait for the answer of a registry, asked only for images that the engine lacks.",
            { every: 10 },
        ),
    }),
    startTimeoutSeconds: setting(
        z.record(z.string(), z.number().min(1).max(86_400)),
        "service: s",
        "Longest time from start to ready, in the place of the one computed from the healthcheck; of a job, to its end.",
        { every: {} },
    ),
    jobTimeoutSeconds: setting(
        z.number().min(1).max(86_400),
        "s",
        "Longest time that a job may take, where `startTimeoutSeconds` does not name it.",
        { every: 600 },
    ),
    health: z.strictObject({
        initialDelaySeconds: setting(
            seconds(),
            "s",
            "Least time granted to a service to become ready. Not a sleep: one that is ready earlier passes earlier.",
            { every: 10 },
        ),
        retries: setting(z.int().min(0).max(100), "count", "Probes repeated after a failed one, before it counts.", {
            every: 3,
        }),
        intervalSeconds: setting(z.number().min(0.1).max(3600), "s", "Time between two probes.", { every: 5 }),
        successThreshold: setting(z.int().min(1).max(100), "count", "Passes in a row that make a service healthy.", {
            every: 1,
        }),
        failureThreshold: setting(z.int().min(1).max(100), "count", "Failures in a row that make it unhealthy.", {
            every: 3,
        }),
        backoffFactor: setting(factor(), "factor", "Growth of the wait from one retry to the next.", { every: 2 }),
    }),
    network: z.strictObject({
        retries: setting(z.int().min(0).max(100), "count", "Repeats of a call that failed in the network.", {
            every: 5,
        }),
        timeoutSeconds: setting(z.number().min(0.1).max(3600), "s", "Longest silence of one call.", { every: 30 }),
        initialDelaySeconds: setting(seconds(), "s", "Wait before the first repeat.", { every: 0.2 }),
        backoffFactor: setting(factor(), "factor", "Growth of the wait from one repeat to the next.", { every: 2 }),
        longestDelaySeconds: setting(seconds(), "s", "No wait is longer than this.", { every: 5 }),
        jitter: setting(z.number().min(0).max(1), "share", "Part of a wait that chance may add or take away.", {
            every: 0.3,
        }),
    }),
    edge: z.strictObject({
        holdSeconds: setting(
            z.number().min(1).max(3600),
            "s",
            "Longest time that a connection waits at the edge while its service is handed over; then it is refused.",
            { every: defaultEdgeWaits.holdSeconds },
        ),
        requestWaitSeconds: setting(
            z.number().min(1).max(3600),
            "s",
            "Longest time that a request waits at the edge for a `request` service that cannot be reached.",
            { every: defaultEdgeWaits.requestWaitSeconds },
        ),
    }),
    rollout: z.strictObject({
        bakeSeconds: setting(
            seconds(),
            "s",
            "How long the previous containers stay after the switch, while the new ones are watched.",
            { local: 5, staging: 60, production: 300 },
        ),
        bakeIntervalSeconds: setting(
            z.number().min(0.1).max(3600),
            "s",
            "Time between two looks during the bake. The bake must hold at least five for the health trigger to work.",
            { local: 0.5, staging: 5, production: 10 },
        ),
        healthFailures: setting(
            z.int().min(1).max(100),
            "count",
            "Failed health checks in a row that undo the rollout.",
            { every: 5 },
        ),
        gateLoadSeconds: setting(
            seconds(),
            "s",
            "Length of the load on a candidate before it is switched in; 0 leaves it out.",
            { every: 10 },
        ),
        openTransactionsSeconds: setting(
            seconds(),
            "s",
            "Longest wait for open transactions before a database is handed over.",
            { every: 5 },
        ),
        acceptWeaker: setting(
            z.array(z.string()),
            "services",
            "Services that may get more power over the machine than they have; the security gate refuses all others.",
            { every: [] },
        ),
    }),
    performance: z.strictObject({
        responseTimeMs: setting(z.number().min(1), "ms", "Longest time in which 95 % of the answers come.", {
            every: 1000,
        }),
        throughputRps: setting(z.number().min(0.1), "requests/s", "Least throughput; the gate's load is this many.", {
            every: 10,
        }),
        errorRatePercent: setting(z.number().min(0).max(100), "%", "Largest share of failed requests.", { every: 5 }),
    }),
    drainSeconds: setting(seconds(), "s", "Longest time for open requests to end before a service is stopped.", {
        every: 30,
    }),
    credentialsVersion: setting(
        z.int().min(1),
        "number",
        "Version of the generated secrets. Raising it makes new ones.",
        { every: 1 },
    ),
    secrets: setting(
        z.record(variableName(), z.string().min(1)),
        "name: value",
        "Values of the baseline's secrets, encrypted in this file. Local generates what is missing; the others refuse it.",
        { every: {} },
    ),
    reports: z.strictObject({
        deploymentDays: setting(days(), "days", "How long deployment summaries are kept.", { every: 30 }),
        healthDays: setting(days(), "days", "How long health results are kept.", { every: 7 }),
        performanceDays: setting(days(), "days", "How long performance metrics are kept.", { every: 30 }),
        validationDays: setting(days(), "days", "How long validation results are kept.", { every: 30 }),
        rollbackDays: setting(days(), "days", "How long rollback summaries are kept.", { every: 90 }),
    }),
});

/** One row of the settings reference. */
export interface SettingDescription {
    /** As in `plumbline:health.retries`. */
    readonly key: string;
    readonly unit: string;
    readonly meaning: string;
    readonly defaults: Readonly<Record<StackName, unknown>>;
}

/** Every setting, in the order of the schema: what docs/settings.md is made of. */
export function describeSettings(): readonly SettingDescription[] {
    return leaves(settingsSchema, []).map(({ path, info }) => ({
        key: `plumbline:${path.join(".")}`,
        unit: info.unit,
        meaning: info.meaning,
        defaults: {
            local: defaultFor(info, "local"),
            staging: defaultFor(info, "staging"),
            production: defaultFor(info, "production"),
        },
    }));
}

/** The default of every field, as an object of the schema's own shape. */
export function defaultsOf(stack: StackName): Record<string, unknown> {
    const tree: Record<string, unknown> = {};
    for (const { path, info } of leaves(settingsSchema, [])) {
        let place = tree;
        for (const key of path.slice(0, -1)) {
            place[key] ??= {};
            place = place[key] as Record<string, unknown>;
        }
        place[path.at(-1) ?? ""] = defaultFor(info, stack);
    }
    return tree;
}

function defaultFor(info: SettingInfo, stack: StackName): unknown {
    if (info.defaults === undefined) return undefined;
    return "every" in info.defaults ? info.defaults.every : info.defaults[stack];
}

function leaves(object: z.ZodObject, path: readonly string[]): { path: string[]; info: SettingInfo }[] {
    return Object.entries(object.shape).flatMap(([key, field]) => {
        const here = [...path, key];
        const info = infos.get(field as z.ZodType);
        if (info !== undefined) return [{ path: here, info }];
        return field instanceof z.ZodObject ? leaves(field, here) : [];
    });
}
