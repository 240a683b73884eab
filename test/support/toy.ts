/**
 * A release of three tiny services behind the real edge, made without Pulumi: for tests of the rollout that need many of
 * them. `store` is stateful, `consumer` does the store's jobs, `web` asks the store through the edge.
 *
 * Containers are created as components/ declares them, and the rollout runs in a process of its own below another one that
 * stands for the CLI, so that each can be killed. Names and ports are each toy's own; `close` removes everything by label.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import Docker from "dockerode";
import { containerLabels, environmentList } from "../../components/container-args.ts";
import { connectEngine, type Engine } from "../../engine/docker.ts";
import { clientOptions, engineAddress } from "../../engine/docker-address.ts";
import { EdgeControl } from "../../engine/edge/edge.ts";
import { probeListenerPort } from "../../release/probe-address.ts";
import { canonicalJson, hashOf } from "../../release/revision.ts";
import type {
    DeclaredContainer,
    EdgeRelease,
    Healthcheck,
    Release,
    RolloutPolicy,
    ServiceRelease,
    SmokeStep,
} from "../../release/types.ts";
import { Ledger } from "../../rollout/ledger.ts";
import type { RolloutRequest } from "../../rollout/session.ts";
import { ToyRun, type ToyRunOptions } from "./toy-run.ts";

const exec = promisify(execFile);
const projectDir = path.join(import.meta.dirname, "../..");

export const toyServices = ["store", "consumer", "web"] as const;
export type ToyService = (typeof toyServices)[number];

const kinds = { store: "stateful", consumer: "consumer", web: "request" } as const;
const targets = { store: 7001, consumer: 7002, web: 7003 } as const;
/** Images that differ by a label only. */
export const toyImages = ["plumbline-test/toy:a", "plumbline-test/toy:b"] as const;
const edgeImage = "plumbline-test/toy-edge:test";

/** What tells one toy release from another. Everything left out is as in every other. */
export interface ToyVersion {
    /** Changes these services: a setting that they report in /health. */
    readonly settings?: Partial<Record<ToyService, string>>;
    /** How a service is broken, as in `exit-after:2` (see toy/toy.py). */
    readonly faults?: Partial<Record<ToyService, string>>;
    readonly images?: Partial<Record<ToyService, string>>;
    readonly policy?: Partial<RolloutPolicy>;
    readonly smoke?: readonly SmokeStep[];
    /** @default 10000 */
    readonly startDeadlineMs?: number;
    /** Given to the engine beside what every container gets, as more power than before. */
    readonly host?: Partial<Record<ToyService, Docker.HostConfig>>;
    readonly user?: Partial<Record<ToyService, string>>;
    /** A command that the engine runs again and again as the service's own healthcheck: one failure is unhealthy. */
    readonly healthcheck?: Partial<Record<ToyService, string>>;
    /** Secrets by name: their versions stand in the release; `<secret:NAME>` stands for the value in a setting. */
    readonly secrets?: Readonly<Record<string, string>>;
    /** Address on which the ports are published. @default 127.0.0.1 */
    readonly hostIp?: string;
    /** A probe listener that cannot be reached. */
    readonly probePort?: number;
}

const healthcheck = { intervalMs: 1_000, timeoutMs: 2_000, startPeriodMs: 0, retries: 1 };

/** A smoke test that cannot pass: it is the last gate before the bake, so that everything is undone after it. */
export const failingSmoke: readonly SmokeStep[] = [
    {
        name: "what nobody answers",
        service: "web",
        port: targets.web,
        method: "GET",
        path: "/nothing",
        headers: {},
        expect: { status: 299 },
        save: {},
        withinMs: 0,
    },
];

export class Toy {
    readonly project = `toy_${randomBytes(4).toString("hex")}`;
    readonly engine: Engine;
    readonly docker: Docker;
    readonly folder = mkdtempSync(path.join(tmpdir(), "plumbline-toy-"));
    readonly engineHost: string | undefined;
    readonly #ports: Readonly<Record<ToyService | "probe", number>>;
    #runs: ToyRun[] = [];

    private constructor(ports: Readonly<Record<ToyService | "probe", number>>, engineHost: string | undefined) {
        this.#ports = ports;
        this.engineHost = engineHost;
        this.engine = connectEngine(engineHost);
        this.docker = new Docker(clientOptions(engineAddress(engineHost)));
    }

    /** @param engineHost another engine than the usual one, which has the images already */
    static async open(engineHost?: string): Promise<Toy> {
        if (engineHost === undefined) await buildToyImages();
        const [store, consumer, web, probe] = await freePorts(4);
        const toy = new Toy({ store, consumer, web, probe }, engineHost);
        await toy.engine.createNetwork(toy.network, toy.labels);
        for (const volume of [toy.edgeVolume, toy.volume("store"), toy.volume("consumer")])
            await toy.engine.createVolume(volume, toy.labels);
        return toy;
    }

    get labels(): Record<string, string> {
        return { "plumbline.project": this.project };
    }

    get network(): string {
        return `${this.project}_network`;
    }

    get edgeVolume(): string {
        return `${this.project}_edge_config`;
    }

    volume(service: "store" | "consumer"): string {
        return `${this.project}_${service}_data`;
    }

    get ledger(): Ledger {
        return new Ledger(this.engine, this.project, edgeImage);
    }

    /** Where a client outside reaches the service. */
    address(service: ToyService): string {
        return `http://127.0.0.1:${this.#ports[service]}`;
    }

    get reports(): string {
        return path.join(this.folder, "infrastructure", "reports", "local");
    }

    /** Freezes a version and creates its containers, as a `pulumi up` has before its rollout. */
    async declare(version: ToyVersion = {}): Promise<RolloutRequest> {
        const release = this.#freeze(version);
        const secrets = version.secrets ?? {};
        const edge = await this.#declared("edge", release.edge.revision, () => this.#createEdge(release.edge));
        const containers: Record<string, DeclaredContainer> = {};
        for (const service of release.services) {
            containers[service.name] = await this.#declared(service.name, service.revision, () =>
                this.#createService(service, version, secrets),
            );
        }
        const { engineHost } = this;
        return {
            release,
            releaseText: canonicalJson(release),
            edge,
            containers,
            secrets,
            ...(engineHost === undefined ? {} : { engineHost }),
        };
    }

    /**
     * Fresh containers of the same revisions, as a correction declares them.
     *
     * @param change what these containers are beside what their revision says: faults, power
     */
    async renew(
        request: RolloutRequest,
        subjects: readonly (ToyService | "edge")[],
        change: Pick<ToyVersion, "faults" | "host"> = {},
    ): Promise<RolloutRequest> {
        const { release } = request;
        const made = async (id: string) => ({ id, name: (await this.engine.inspect(id))?.name ?? "" });
        const edge = subjects.includes("edge") ? await made(await this.#createEdge(release.edge)) : request.edge;
        const containers: Record<string, DeclaredContainer> = { ...request.containers };
        for (const service of release.services.filter(({ name }) => subjects.includes(name as ToyService))) {
            const fault = change.faults?.[service.name as ToyService] ?? service.spec.environment.TOY_FAULT ?? "none";
            const environment = { ...service.spec.environment, TOY_FAULT: fault };
            const spec = { ...service.spec, environment };
            const id = await this.#createService({ ...service, spec }, change, request.secrets);
            containers[service.name] = await made(id);
        }
        const revisions = revisionsOf(release);
        const renewals = Object.fromEntries(subjects.map((name) => [`${name}-${revisions[name]}`, 1]));
        return { ...request, edge, containers, renewals };
    }

    /** Begins a rollout in its own processes. */
    run(request: RolloutRequest, options: ToyRunOptions = {}): ToyRun {
        const run = new ToyRun(this.folder, request, options);
        this.#runs.push(run);
        return run;
    }

    /** Rolls out and waits for the end. @returns the exit code: 0 committed */
    async deploy(version: ToyVersion = {}): Promise<RolloutRequest> {
        const request = await this.declare(version);
        const run = this.run(request);
        const code = await run.ended();
        if (code !== 0) throw new Error(`the rollout failed: ${run.output()}`);
        await this.sweep(request);
        return request;
    }

    /** Removes the containers that a release does not declare, as Pulumi does at the end of an update. */
    async sweep(keep: RolloutRequest): Promise<void> {
        const wanted = new Set([keep.edge.name, ...Object.values(keep.containers).map(({ name }) => name)]);
        for (const { name, id, labels } of await this.engine.list(this.labels)) {
            if (labels["plumbline.service"] !== undefined && !wanted.has(name)) await this.engine.remove(id);
        }
    }

    edge(request: RolloutRequest): EdgeControl {
        return new EdgeControl(this.engine, request.edge.name);
    }

    /** A file that is JSON below the reports of the stack. */
    report<T>(...names: string[]): T {
        return JSON.parse(readFileSync(path.join(this.reports, ...names), "utf8")) as T;
    }

    /** Everything of this toy is removed, whatever state it is in. */
    async close(): Promise<void> {
        for (const run of this.#runs) run.killAll();
        for (const { id } of await this.engine.list(this.labels)) await this.engine.remove(id);
        await this.engine.removeNetwork(this.network);
        for (const { name } of await this.engine.volumes(this.labels)) await this.engine.removeVolume(name);
        rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }

    #freeze(version: ToyVersion): Release {
        const services = toyServices.map((name) => this.#freezeService(name, version));
        const hostIp = version.hostIp ?? "127.0.0.1";
        const listeners = toyServices.map(
            (service) =>
                ({
                    service,
                    port: targets[service],
                    protocol: service === "web" ? "http" : "tcp",
                    kind: kinds[service],
                    published: { hostIp, port: this.#ports[service] },
                }) as const,
        );
        const edge: Omit<EdgeRelease, "revision"> = {
            image: {
                kind: "built",
                reference: edgeImage,
                sourceDigest: "",
                context: "services/edge",
                dockerfile: "services/edge/Dockerfile",
                args: {},
            },
            listeners,
            gateways: [],
            probePort: version.probePort ?? this.#ports.probe,
            probeHostIp: "127.0.0.1",
            networks: [{ network: this.network, aliases: [...toyServices] }],
            configVolume: this.edgeVolume,
        };
        const content: Omit<Release, "id"> = {
            stack: "local",
            project: this.project,
            services,
            networks: [{ name: this.network, driver: "bridge", internal: false, labels: {} }],
            volumes: [],
            edge: { revision: hashOf([listeners, this.#ports.probe], 8), ...edge },
            smoke: version.smoke ?? [],
            secretSources: {},
            secretVersions: {},
            health: {
                initialDelayMs: 0,
                retries: 3,
                intervalMs: 200,
                successThreshold: 1,
                failureThreshold: 3,
                backoffFactor: 1.5,
            },
            rollout: {
                bakeMs: 600,
                bakeIntervalMs: 200,
                healthFailures: 5,
                gateLoadMs: 0,
                openTransactionsMs: 1_000,
                performance: { responseTimeMs: 1_000, throughputRps: 20, errorRatePercent: 1 },
                acceptWeaker: [],
                ...version.policy,
            },
            network: {
                timeoutMs: 30_000,
                retry: { attempts: 6, firstDelayMs: 200, factor: 2, maxDelayMs: 5_000, jitter: 0.3 },
            },
            drainMs: 1_000,
        };
        return { id: hashOf(content, 12), ...content };
    }

    #freezeService(name: ToyService, version: ToyVersion): ServiceRelease {
        const { images, faults, settings, secrets, host, user } = version;
        const command = version.healthcheck?.[name];
        const port = targets[name];
        const data = name === "web" ? [] : [this.volume(name)];
        const content: Omit<ServiceRelease, "revision"> = {
            name,
            kind: kinds[name],
            image: { kind: "pulled", reference: images?.[name] ?? toyImages[0] },
            spec: {
                environment: {
                    TOY_ROLE: name,
                    TOY_PORT: String(port),
                    TOY_FAULT: faults?.[name] ?? "none",
                    TOY_SETTING: settings?.[name] ?? "none",
                },
                init: false,
                readOnly: false,
                privileged: false,
                capAdd: [],
                capDrop: [],
                securityOpt: [],
                groupAdd: [],
                tmpfs: {},
                mounts: data.map((source) => ({ type: "volume", source, target: "/data", readOnly: false })),
                files: [],
                ...(command === undefined ? {} : { healthcheck: { ...healthcheck, test: ["CMD-SHELL", command] } }),
                networks: [{ network: this.network, aliases: [] }],
                restart: "unless-stopped",
                stopGraceSeconds: 5,
                ulimits: [],
                sysctls: {},
                // More power than before makes another revision, as it does from a baseline.
                labels: { power: canonicalJson([host?.[name] ?? null, user?.[name] ?? null]) },
                extraHosts: [],
                dns: [],
                logOptions: {},
            },
            dependsOn: name === "store" ? [] : [{ service: "store", condition: "service_healthy" }],
            ports: [{ target: port, published: this.#ports[name], hostIp: version.hostIp ?? "127.0.0.1" }],
            probes: [
                {
                    type: "http",
                    port,
                    path: "/health",
                    headers: {},
                    expect: { status: 200, json: { status: "ok" }, revisionAt: "revision" },
                },
            ],
            secretVersions: Object.fromEntries(
                Object.entries(secrets ?? {}).map(([key, value]) => [key, hashOf(value, 8)]),
            ),
            startDeadlineMs: version.startDeadlineMs ?? 10_000,
        };
        return { revision: hashOf(content, 8), ...content };
    }

    /** The container of this revision, made when it is not there. */
    async #declared(service: string, revision: string, create: () => Promise<string>): Promise<DeclaredContainer> {
        const labels = { ...this.labels, "plumbline.service": service, "plumbline.revision": revision };
        const [found] = await this.engine.list(labels);
        if (found !== undefined) return { id: found.id, name: found.name };
        const id = await create();
        const facts = await this.engine.inspect(id);
        return { id, name: facts?.name ?? "" };
    }

    #createEdge(edge: EdgeRelease): Promise<string> {
        const ports = edge.listeners.flatMap(({ port, published }) =>
            published === undefined ? [] : [{ target: port, published: published.port, hostIp: published.hostIp }],
        );
        const probe = { target: probeListenerPort, published: this.#ports.probe, hostIp: edge.probeHostIp };
        return this.engine.create({
            name: `edge-${edge.revision}-${randomBytes(4).toString("hex").slice(0, 7)}`,
            image: edge.image.reference,
            labels: containerLabels(this.project, "local", "edge", edge.revision),
            networks: edge.networks,
            mounts: [{ volume: edge.configVolume, target: "/etc/plumbline-edge" }],
            tmpfs: { "/run/haproxy": "size=1m,uid=10006,gid=10006,mode=0750", "/tmp": "size=16m" },
            ports: [...ports, probe],
            readOnlyRoot: true,
            init: true,
            capDrop: ["ALL"],
            restart: "unless-stopped",
        });
    }

    async #createService(
        service: ServiceRelease,
        version: ToyVersion,
        secrets: Readonly<Record<string, string>>,
    ): Promise<string> {
        const name = service.name as ToyService;
        const user = version.user?.[name];
        const check = service.spec.healthcheck;
        const container = await this.docker.createContainer({
            name: `${name}-${service.revision}-${randomBytes(4).toString("hex").slice(0, 7)}`,
            Image: service.image.reference,
            Env: environmentList(service, secrets),
            Labels: containerLabels(this.project, "local", name, service.revision),
            ...(user === undefined ? {} : { User: user }),
            ...(check === undefined ? {} : { Healthcheck: dockerHealthcheck(check) }),
            HostConfig: {
                Binds: service.spec.mounts.map(({ source, target }) => `${source}:${target}`),
                RestartPolicy: { Name: service.spec.restart },
                NetworkMode: this.network,
                ...version.host?.[name],
            },
        });
        return container.id;
    }
}

/** As the engine wants it: times in nanoseconds. */
function dockerHealthcheck({ test, intervalMs, timeoutMs, startPeriodMs, retries }: Healthcheck) {
    const times = { Interval: intervalMs * 1e6, Timeout: timeoutMs * 1e6, StartPeriod: startPeriodMs * 1e6 };
    return { Test: [...test], ...times, Retries: retries };
}

function revisionsOf({ edge, services }: Release): Record<string, string> {
    return Object.fromEntries([{ name: "edge", ...edge }, ...services].map(({ name, revision }) => [name, revision]));
}

/** Builds what is missing on the usual engine; cheap by the engine's cache. */
export async function buildToyImages(): Promise<readonly string[]> {
    const env = { ...process.env, DOCKER_BUILDKIT: "0" };
    const script = path.join(projectDir, "components", "build-image.sh");
    const build = (reference: string, ...options: string[]) =>
        exec("sh", [script, reference, ...options], { env, maxBuffer: 64 * 1024 * 1024 });
    const toy = path.join(import.meta.dirname, "toy");
    await build(toyImages[0], "--build-arg", "VARIANT=a", toy);
    await build(toyImages[1], "--build-arg", "VARIANT=b", toy);
    await build(edgeImage, path.join(projectDir, "services", "edge"));
    return [...toyImages, edgeImage];
}

/** Ports that nobody listens on now. */
async function freePorts(count: 4): Promise<[number, number, number, number]> {
    const servers = await Promise.all(
        Array.from({ length: count }, async () => {
            const server = createServer();
            await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
            return server;
        }),
    );
    const ports = servers.map((server) => {
        const address = server.address();
        return typeof address === "object" && address !== null ? address.port : 0;
    });
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    const [a = 0, b = 0, c = 0, d = 0] = ports;
    return [a, b, c, d];
}
