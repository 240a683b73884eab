/** A small release with the five services' shape, for tests that judge pure functions. Nothing of it is ever run. */
import type {
    DeclaredContainer,
    Dependency,
    Release,
    ServiceKind,
    ServiceRelease,
    ServiceSpec,
    SmokeStep,
} from "../../../release/types.ts";

export const emptySpec: ServiceSpec = {
    environment: {},
    init: true,
    readOnly: true,
    privileged: false,
    capAdd: [],
    capDrop: [],
    securityOpt: [],
    groupAdd: [],
    tmpfs: {},
    mounts: [],
    files: [],
    networks: [{ network: "sample_network", aliases: [] }],
    restart: "unless-stopped",
    stopGraceSeconds: 10,
    ulimits: [],
    sysctls: {},
    labels: {},
    extraHosts: [],
    dns: [],
    logOptions: {},
};

export function sampleService(
    name: string,
    kind: ServiceKind,
    dependsOn: readonly Dependency[] = [],
    change: Partial<ServiceRelease> = {},
): ServiceRelease {
    return {
        name,
        kind,
        revision: "00000001",
        image: {
            kind: "built",
            reference: `plumbline/${name}:000000000001`,
            sourceDigest: "000000000001",
            context: `services/${name}`,
            dockerfile: `services/${name}/Dockerfile`,
            args: {},
        },
        spec: emptySpec,
        dependsOn,
        ports: [],
        probes: [],
        secretVersions: {},
        startDeadlineMs: 60_000,
        ...change,
    };
}

export const healthy = (service: string): Dependency => ({ service, condition: "service_healthy" });

const ports: Readonly<Record<string, number>> = { postgres: 5432, redis: 6379, storage: 5000, api: 8000, worker: 8001 };

/** The five, in start order, with the kinds and dependencies of the baseline. */
export function sampleServices(): ServiceRelease[] {
    return [
        sampleService("postgres", "stateful"),
        sampleService("redis", "stateful"),
        sampleService("storage", "stateful", [healthy("postgres")], {
            buckets: { port: 5000, serviceKey: "<secret:SERVICE_ROLE_KEY>", list: [] },
        }),
        sampleService("api", "request", [healthy("postgres"), healthy("redis"), healthy("storage")]),
        sampleService("worker", "consumer", [healthy("postgres"), healthy("redis"), healthy("storage")]),
    ];
}

export function sampleRelease(
    services: readonly ServiceRelease[] = sampleServices(),
    change: Partial<Release> = {},
): Release {
    return {
        id: "000000000001",
        stack: "local",
        project: "sample",
        services,
        networks: [{ name: "sample_network", driver: "bridge", internal: false, labels: {} }],
        volumes: [],
        edge: {
            revision: "0000000e",
            image: {
                kind: "built",
                reference: "plumbline/edge:000000000001",
                sourceDigest: "000000000001",
                context: "services/edge",
                dockerfile: "services/edge/Dockerfile",
                args: {},
            },
            listeners: services.flatMap(({ name, kind }) => {
                const port = ports[name];
                return port === undefined ? [] : [{ service: name, port, protocol: "tcp" as const, kind }];
            }),
            gateways: [],
            probePort: 54390,
            probeHostIp: "127.0.0.1",
            networks: [{ network: "sample_network", aliases: services.map(({ name }) => name) }],
            configVolume: "sample_edge_config",
        },
        smoke: [],
        secretSources: {},
        secretVersions: {},
        health: {
            initialDelayMs: 10_000,
            retries: 3,
            intervalMs: 5_000,
            successThreshold: 1,
            failureThreshold: 3,
            backoffFactor: 2,
        },
        rollout: {
            bakeMs: 5_000,
            bakeIntervalMs: 500,
            healthFailures: 5,
            gateLoadMs: 10_000,
            openTransactionsMs: 5_000,
            performance: { responseTimeMs: 1_000, throughputRps: 10, errorRatePercent: 5 },
            acceptWeaker: [],
        },
        network: {
            timeoutMs: 30_000,
            retry: { attempts: 6, firstDelayMs: 200, factor: 2, maxDelayMs: 5_000, jitter: 0.3 },
        },
        drainMs: 30_000,
        ...change,
    };
}

/** The container of a service, as Pulumi has declared it for a revision. */
export function declaredOf(service: string, revision = "00000001"): DeclaredContainer {
    return { id: `id-${service}-${revision}`, name: `${service}-${revision}-0abcdef` };
}

export function declaredAll(release: Release): Record<string, DeclaredContainer> {
    return Object.fromEntries(release.services.map(({ name, revision }) => [name, declaredOf(name, revision)]));
}

export const declaredEdge: DeclaredContainer = { id: "id-edge", name: "edge-0000000e-0abcdef" };

/** A question to the api that an answer of 200 satisfies, changed as told. */
export function sampleSmokeStep(changes: Partial<SmokeStep>): SmokeStep {
    return {
        name: "ask",
        service: "api",
        port: 8000,
        method: "GET",
        path: "/",
        headers: {},
        expect: { status: 200 },
        save: {},
        withinMs: 0,
        ...changes,
    };
}
