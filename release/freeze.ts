/** Freezing: from baseline and settings to the release, with every name, number and revision in its place. */
import type { Baseline, BaselineService } from "./baseline.ts";
import { freezeEdge, ownNetwork } from "./edge.ts";
import { PlumblineError } from "./errors.ts";
import { exposedPorts } from "./exposed-ports.ts";
import { type DependencyGraph, startOrder } from "./graph.ts";
import { kindOf, refuseImpossibleKinds } from "./kind.ts";
import { readFiles } from "./read-files.ts";
import { replicaName } from "./replicas.ts";
import { hashOf } from "./revision.ts";
import { placeholdersIn, secretVersions } from "./secrets.ts";
import type { Settings } from "./settings.ts";
import { sourceDigest } from "./source-digest.ts";
import { didYouMean } from "./suggest.ts";
import type {
    BuiltImage,
    HealthPolicy,
    NetworkPolicy,
    Probe,
    Release,
    RolloutPolicy,
    ServiceImage,
    ServiceKind,
    ServiceRelease,
    ServiceSpec,
    SupabaseRelease,
} from "./types.ts";
import { refuseContradictions } from "./verify.ts";

/** Where the edge's image is defined, relative to the project. */
const edgeContext = "services/edge";

/**
 * Everything that a deploy or a rollback needs, as plain JSON. Reads the build contexts and the files, nothing else.
 * @throws PlumblineError of category `baseline`, `settings` or `dependency` when the two do not fit together
 */
export async function freezeRelease(
    baseline: Baseline,
    settings: Settings,
    projectDir: string,
    options: { readonly allowMissingSecrets: boolean } = { allowMissingSecrets: false },
): Promise<Release> {
    const order = startOrder(graphOf(baseline.services));
    refuseImpossibleKinds(baseline);
    refuseContradictions(baseline, settings, options);
    const { secrets, gateways, smoke, supabase } = baseline.extension;
    const versions = secretVersions(secrets, settings.secrets, settings.stack, settings.credentialsVersion);
    const frozen = await Promise.all(
        baseline.services.map((service) => freezeService(service, baseline, settings, versions, projectDir)),
    );
    const services = frozen
        .sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
        .flatMap((service) => replicasOf(service, baseline.services));
    const edgeImage = await builtImage(projectDir, "edge", {
        context: edgeContext,
        dockerfile: `${edgeContext}/Dockerfile`,
        args: {},
    });
    const content: Omit<Release, "id"> = {
        stack: settings.stack,
        project: baseline.project,
        services,
        networks: [...baseline.networks, ...ownNetwork(baseline)],
        volumes: baseline.volumes,
        edge: freezeEdge(baseline, services, gateways, edgeImage, settings, await exposedBy(services, projectDir)),
        smoke,
        secretSources: secrets,
        secretVersions: versions,
        ...(supabase === undefined ? {} : { supabase: supabaseOf(supabase, baseline, settings) }),
        health: healthPolicy(settings),
        rollout: rolloutPolicy(settings),
        network: networkPolicy(settings),
        drainMs: Math.round(settings.drainSeconds * 1000),
    };
    return { id: hashOf(content, 12), ...content };
}

async function freezeService(
    service: BaselineService,
    baseline: Baseline,
    settings: Settings,
    versions: Readonly<Record<string, string>>,
    projectDir: string,
): Promise<ServiceRelease> {
    const { extension } = service;
    const spec = { ...service.spec, files: await readFiles(projectDir, service.name, service.files) };
    const image = await imageOf(service, settings, projectDir);
    const probes = extension.probes ?? defaultProbes(service);
    const kind = kindOf(service, baseline.services);
    const { buckets } = extension;
    const used = (value: unknown) =>
        Object.fromEntries(placeholdersIn(value).map((name) => [name, versions[name] ?? ""]));
    return {
        name: service.name,
        kind,
        // What the container is made of, and nothing else: a changed probe or deadline starts no container anew.
        revision: hashOf({ image, spec, secretVersions: used(spec) }, 8),
        image,
        spec,
        dependsOn: service.dependsOn,
        ports: service.ports.map(({ target, published }) => ({
            target,
            published: published + settings.ports.offset,
            hostIp: settings.bindAddress,
        })),
        probes,
        ...(buckets === undefined ? {} : { buckets }),
        secretVersions: used({ spec, probes, buckets }),
        startDeadlineMs: startDeadline(service.name, spec, settings, kind),
    };
}

/** The ports that each service's own Dockerfile exposes. */
async function exposedBy(
    services: readonly ServiceRelease[],
    projectDir: string,
): Promise<ReadonlyMap<string, readonly number[]>> {
    const ports = services.map(
        async ({ name, image }) => [name, image.kind === "built" ? await exposedPorts(projectDir, image) : []] as const,
    );
    return new Map(await Promise.all(ports));
}

/** One entry for each replica. Who depends on a service depends on all of them. */
function replicasOf(service: ServiceRelease, all: readonly BaselineService[]): ServiceRelease[] {
    const countOf = (name: string) => all.find((other) => other.name === name)?.replicas ?? 1;
    const names = (name: string) => Array.from({ length: countOf(name) }, (_, index) => replicaName(name, index + 1));
    const dependsOn = service.dependsOn.flatMap((dependency) =>
        names(dependency.service).map((entry) => ({ ...dependency, service: entry })),
    );
    const { buckets: _ofTheFirst, ...replica } = service;
    return names(service.name).map((name, index) =>
        index === 0 ? { ...service, dependsOn } : { ...replica, name, replicaOf: service.name, dependsOn },
    );
}

async function imageOf(service: BaselineService, settings: Settings, projectDir: string): Promise<ServiceImage> {
    const reference = settings.images[service.name];
    if (reference !== undefined) return { kind: "pulled", reference };
    if (service.build !== undefined) return builtImage(projectDir, service.name, service.build);
    return { kind: "pulled", reference: service.image ?? "" };
}

async function builtImage(
    projectDir: string,
    name: string,
    source: Omit<BuiltImage, "kind" | "reference" | "sourceDigest">,
): Promise<BuiltImage> {
    const digest = await sourceDigest(projectDir, name, source);
    const reference = `plumbline/${name.toLowerCase()}:${digest.slice(0, 12)}`;
    return { kind: "built", reference, sourceDigest: digest, ...source };
}

/** A connection to the first port; a service without ports is proven by its healthcheck alone. */
function defaultProbes(service: BaselineService): Probe[] {
    const port = service.ports[0]?.target ?? service.expose[0] ?? service.extension.ports?.[0];
    return port === undefined ? [] : [{ type: "tcp", port }];
}

/**
 * Longest time from start to ready, in milliseconds (F9). The engine calls a container `unhealthy` after the start
 * period and `retries` failed checks, each of them at most interval plus time-out; one more round is granted, since the
 * first check may begin an interval late. Never less than the initial delay (R32). Without a healthcheck only the
 * probes judge: the initial delay and their retries with backoff. `startTimeoutSeconds` of the stack overrides it. A job
 * has its own: until it ends.
 */
export function startDeadline(
    name: string,
    spec: Pick<ServiceSpec, "healthcheck">,
    settings: Settings,
    kind: ServiceKind,
): number {
    const override = settings.startTimeoutSeconds[name] ?? (kind === "job" ? settings.jobTimeoutSeconds : undefined);
    if (override !== undefined) return Math.round(override * 1000);
    const { initialDelayMs, retries, intervalMs, backoffFactor } = healthPolicy(settings);
    const check = spec.healthcheck;
    if (check === undefined || check.test[0] === "NONE") {
        const waits = Array.from({ length: retries }, (_, index) => intervalMs * backoffFactor ** index);
        return Math.round(waits.reduce((sum, wait) => sum + wait, initialDelayMs));
    }
    const own = check.startPeriodMs + (check.retries + 1) * (check.intervalMs + check.timeoutMs);
    return Math.round(Math.max(initialDelayMs, own));
}

function rolloutPolicy({ rollout, performance }: Settings): RolloutPolicy {
    const ms = (seconds: number) => Math.round(seconds * 1000);
    return {
        bakeMs: ms(rollout.bakeSeconds),
        bakeIntervalMs: ms(rollout.bakeIntervalSeconds),
        healthFailures: rollout.healthFailures,
        gateLoadMs: ms(rollout.gateLoadSeconds),
        openTransactionsMs: ms(rollout.openTransactionsSeconds),
        performance,
        acceptWeaker: rollout.acceptWeaker,
    };
}

function healthPolicy({ health }: Settings): HealthPolicy {
    return {
        initialDelayMs: Math.round(health.initialDelaySeconds * 1000),
        retries: health.retries,
        intervalMs: Math.round(health.intervalSeconds * 1000),
        successThreshold: health.successThreshold,
        failureThreshold: health.failureThreshold,
        backoffFactor: health.backoffFactor,
    };
}

/** How patient a stack is with its engine and its services: times in milliseconds, the first attempt counted. */
export function networkPolicy({ network }: Settings): NetworkPolicy {
    return {
        timeoutMs: Math.round(network.timeoutSeconds * 1000),
        retry: {
            attempts: network.retries + 1,
            firstDelayMs: Math.round(network.initialDelaySeconds * 1000),
            factor: network.backoffFactor,
            maxDelayMs: Math.round(network.longestDelaySeconds * 1000),
            jitter: network.jitter,
        },
    };
}

function supabaseOf(
    supabase: NonNullable<Baseline["extension"]["supabase"]>,
    baseline: Baseline,
    settings: Settings,
): SupabaseRelease {
    const { gateways, secrets } = baseline.extension;
    const gateway = gateways.find(({ name }) => name === supabase.gateway);
    if (gateway === undefined) {
        const names = gateways.map(({ name }) => name);
        throw new PlumblineError(
            "baseline",
            `x-plumbline.supabase names the gateway ${supabase.gateway}, which is not declared.`,
            {
                remedy: `Correct the gateway in ${baseline.file}${didYouMean(supabase.gateway, names)}.`,
            },
        );
    }
    for (const name of [supabase.anonKey, supabase.serviceRoleKey]) {
        if (Object.hasOwn(secrets, name)) continue;
        throw new PlumblineError("baseline", `x-plumbline.supabase names the secret ${name}, which is not declared.`, {
            remedy: `Correct it in ${baseline.file}${didYouMean(name, Object.keys(secrets))}.`,
        });
    }
    const host = settings.bindAddress.startsWith("127.") ? "localhost" : settings.bindAddress;
    return {
        projectId: supabase.projectId,
        apiUrl: `http://${host}:${gateway.port + settings.ports.offset}`,
        anonKey: supabase.anonKey,
        serviceRoleKey: supabase.serviceRoleKey,
    };
}

function graphOf(services: readonly BaselineService[]): DependencyGraph {
    return Object.fromEntries(services.map((service) => [service.name, service.dependsOn.map((it) => it.service)]));
}
