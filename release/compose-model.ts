/**
 * The part of compose's vocabulary that Plumbline translates, as `docker compose config` writes it. Strict: a key that
 * does not stand here is refused by name, since ignoring it would deploy something else than the file says. The keys
 * that compose knows besides, and what becomes of each, stand in `compose-keys.ts`.
 */
import { z } from "zod";
import { projectExtension, serviceExtension } from "./extension.ts";
import { durationMs, portRange } from "./units.ts";

const duration = z.string().transform((text, context) => {
    const ms = durationMs(text);
    if (ms === undefined) context.addIssue(`expected a duration as in 1m30s, not ${text}`);
    return ms ?? 0;
});

/** Compose writes numbers of bytes as text. */
const bytes = z.union([z.int(), z.string().regex(/^-?\d+$/, "expected a number of bytes")]).transform(Number);

const dictionary = z.record(z.string(), z.string());
const scalars = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String));
const words = z.array(z.string());

/** Their order means something, and Pulumi's Docker provider keeps none. */
const oneOf = (what: string) => words.max(1, `the order of several cannot be kept: name one ${what}`);

const environment = z.record(
    z.string(),
    z.string({ error: "has no value: give it one here or under plumbline:variables of the stack" }),
);

const healthcheck = z.strictObject({
    test: words.default([]),
    interval: duration.optional(),
    timeout: duration.optional(),
    start_period: duration.optional(),
    retries: z.int().min(0).optional(),
    disable: z.boolean().default(false),
});

const port = z.strictObject({
    /** A name for people. */
    name: z.string().optional(),
    mode: z.enum(["ingress", "host"]).default("ingress"),
    host_ip: z.string().optional(),
    target: z.int().min(1).max(65535),
    published: z
        .string({ error: "names no host port, so that each start would pick another: write HOST:CONTAINER" })
        .regex(/^\d+$/, "is a range of host ports: name one")
        .transform(Number),
    protocol: z.literal("tcp", { error: "only tcp can be switched by the edge" }).default("tcp"),
    app_protocol: z.string().optional(),
});

const volumeMount = z.strictObject({
    type: z.literal("volume"),
    source: z.string({ error: "is anonymous: its data would be lost with the next revision; name a volume" }),
    target: z.string(),
    read_only: z.boolean().default(false),
    volume: z.strictObject({}).optional(),
});

const tmpfsMount = z.strictObject({
    type: z.literal("tmpfs"),
    target: z.string(),
    tmpfs: z.strictObject({ size: bytes.optional(), mode: z.int().optional() }).optional(),
});

const mount = z.discriminatedUnion("type", [volumeMount, tmpfsMount], {
    error: (issue) =>
        typeOf(issue.input) === "bind"
            ? "bind mounts are not supported: what is in the folder is not part of the release; copy it in the Dockerfile"
            : "expected a named volume or a tmpfs",
});

function typeOf(value: unknown): unknown {
    return value !== null && typeof value === "object" && "type" in value ? value.type : undefined;
}

const build = z.strictObject({
    context: z.string(),
    dockerfile: z.string().default("Dockerfile"),
    target: z.string().optional(),
    args: dictionary.default({}),
    platforms: words.max(1, "an image for several platforms cannot be built: name one, or leave it out").optional(),
});

const owner = z.coerce.string().regex(/^\d+$/, "expected a number").transform(Number);

/** Compose writes `0440`; as a number it is the mode itself. */
const fileMode = z
    .union([z.int().min(0).max(0o7777), z.string()])
    .transform((mode) => (typeof mode === "number" ? mode : octal(mode)))
    .refine((mode) => Number.isInteger(mode), "expected a mode as in 0440");

function octal(text: string): number {
    return /^0?o?[0-7]{1,4}$/.test(text) ? Number.parseInt(text.replace("o", ""), 8) : Number.NaN;
}

/** An entry of `configs` or `secrets` of a service. */
const fileUse = z.strictObject({
    source: z.string(),
    target: z.string().optional(),
    uid: owner.optional(),
    gid: owner.optional(),
    mode: fileMode.optional(),
});

const notExternal = (instead: string) =>
    z
        .literal(false, { error: `it is kept outside the project, where nobody can say what it holds: ${instead}` })
        .optional();

/** An entry of the top level. */
const configFile = z.strictObject({
    name: z.string().optional(),
    file: z.string().optional(),
    content: z.string().optional(),
    environment: z.string().optional(),
    external: notExternal("name a file of the project"),
});

const secretRemedy = "declare a variable under x-plumbline.secrets and write `environment: VARIABLE`";

const secretFile = z.strictObject({
    name: z.string().optional(),
    environment: z.string().optional(),
    file: z.undefined({ error: `the value would come into the release in clear: ${secretRemedy}` }).optional(),
    external: notExternal(secretRemedy),
});

const replicas = z.int().min(1, { error: "runs no container of it: leave the service out, or give it a profile" });

const deploy = z.strictObject({
    replicas: replicas.optional(),
    resources: z
        .strictObject({
            limits: z
                .strictObject({
                    cpus: z.coerce.number().optional(),
                    memory: bytes.optional(),
                    pids: z.int().optional(),
                })
                .optional(),
            reservations: z.strictObject({ memory: bytes.optional() }).optional(),
        })
        .optional(),
    restart_policy: z
        .strictObject({
            condition: z.enum(["none", "no", "on-failure", "any", "always", "unless-stopped"], {
                error: "expected none, on-failure or any",
            }),
        })
        .optional(),
});

export const composeService = z.strictObject({
    image: z.string().optional(),
    build: build.optional(),
    command: words.nullish(),
    entrypoint: words.nullish(),
    environment: environment.default({}),
    user: z.string().optional(),
    working_dir: z.string().optional(),
    hostname: z.string().optional(),
    domainname: z.string().optional(),
    /** Compared with the engine before an update: see rollout/platform.ts. */
    platform: z.string().optional(),
    /** Those that are on; compose has left out the services of the others. */
    profiles: words.default([]),
    init: z.boolean().default(false),
    read_only: z.boolean().default(false),
    privileged: z.boolean().default(false),
    cap_add: words.default([]),
    cap_drop: words.default([]),
    security_opt: words.default([]),
    group_add: words.default([]),
    tmpfs: words.default([]),
    volumes: z.array(mount).default([]),
    configs: z.array(fileUse).default([]),
    secrets: z.array(fileUse).default([]),
    networks: z.record(z.string(), z.strictObject({ aliases: words.default([]) }).nullable()).default({}),
    healthcheck: healthcheck.optional(),
    restart: z
        .enum(["no", "always", "on-failure", "unless-stopped"], {
            error: "expected no, always, on-failure or unless-stopped; a limit of attempts is not supported",
        })
        .default("no"),
    stop_signal: z.string().optional(),
    stop_grace_period: duration.optional(),
    mem_limit: bytes.optional(),
    memswap_limit: bytes.optional(),
    mem_reservation: bytes.optional(),
    cpus: z.coerce.number().optional(),
    cpu_shares: z.coerce.number().pipe(z.int().min(0)).optional(),
    cpuset: z
        .string()
        .regex(/^\d+([,-]\d+)*$/, "expected numbers of processors as in 0-2,4")
        .optional(),
    pids_limit: z.int().optional(),
    shm_size: bytes.optional(),
    ulimits: z.record(z.string(), z.union([z.int(), z.strictObject({ soft: z.int(), hard: z.int() })])).default({}),
    sysctls: scalars.default({}),
    labels: dictionary.default({}),
    extra_hosts: words.default([]),
    dns: oneOf("name server").default([]),
    dns_search: oneOf("search domain").default([]),
    dns_opt: words.default([]),
    logging: z.strictObject({ driver: z.string().optional(), options: dictionary.default({}) }).optional(),
    depends_on: z
        .record(
            z.string(),
            z.strictObject({
                condition: z.enum(["service_started", "service_healthy", "service_completed_successfully"]),
                required: z.boolean().default(true),
            }),
        )
        .default({}),
    expose: z
        .array(
            z.coerce.string().transform((text, context) => {
                const ports = portRange(text);
                if (ports === undefined) context.addIssue(`expected tcp ports as in 8000 or 8000-8003, not ${text}`);
                return ports ?? [];
            }),
        )
        .default([]),
    ports: z.array(port).default([]),
    scale: replicas.optional(),
    deploy: deploy.optional(),
    "x-plumbline": serviceExtension.prefault({}),
});

const noSettings = z.strictObject({});

export const composeNetwork = z.strictObject({
    name: z.string(),
    driver: z
        .literal("bridge", { error: "only bridge networks are supported: the edge joins each of them" })
        .default("bridge"),
    internal: z.boolean().default(false),
    labels: dictionary.default({}),
    ipam: noSettings.optional(),
});

export const composeVolume = z.strictObject({
    name: z.string(),
    driver: z.literal("local", { error: "only the local driver is supported" }).optional(),
    labels: dictionary.default({}),
});

export const composeModel = z.strictObject({
    name: z.string(),
    services: z.record(z.string(), composeService),
    networks: z.record(z.string(), composeNetwork).default({}),
    volumes: z.record(z.string(), composeVolume).default({}),
    configs: z.record(z.string(), configFile).default({}),
    secrets: z.record(z.string(), secretFile).default({}),
    "x-plumbline": projectExtension.prefault({}),
});

export type ComposeModel = z.infer<typeof composeModel>;
export type ComposeService = z.infer<typeof composeService>;
