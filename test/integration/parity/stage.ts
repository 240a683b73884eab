/**
 * A small deployment on the real engine: one service that uses every property, one that uses none, and an edge, each
 * made from what `components/container-args.ts` gives Pulumi's provider, translated into the engine's own words.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type * as docker from "@pulumi/docker";
import Docker from "dockerode";
import { containerArgs, containerLabels, environmentList } from "../../../components/container-args.ts";
import { probeListenerPort } from "../../../release/probe-address.ts";
import type { Release, ServiceRelease } from "../../../release/types.ts";
import { durationMs } from "../../../release/units.ts";
import { emptySpec, sampleRelease, sampleService } from "../../unit/rollout/sample-release.ts";

const run = promisify(execFile);

export type Request = Docker.ContainerCreateOptions & { HostConfig: Docker.HostConfig };

/** What the engine is asked to make. Networks beside the first are joined afterwards. */
export interface Plan {
    name: string;
    request: Request;
    networks: { name: string; aliases: string[] }[];
}

export const secrets = { PASSWORD: "correct-horse-battery-staple" };

/** `other` is in nobody's baseline: drifts mount it. */
const volumes = ["data", "other", "edge_config"];

const sourceDigest = "5ea1".repeat(16);

/** Names of what a stage makes, all of them its own. */
export class Stage {
    readonly docker = new Docker();
    readonly project = `plumbline_parity_${randomBytes(3).toString("hex")}`;
    readonly image = `plumbline-parity/app:${this.project.slice(-6)}`;
    /** The same image under another name, and another one that differs by a layer alone. */
    readonly sameImage = `${this.image}-same`;
    readonly otherImage = `${this.image}-other`;
    readonly edgeContainer = `edge-0000000e-${this.project.slice(-6)}`;
    readonly release: Release = releaseOf(this.project, this.image);
    readonly #containers = new Set<string>();

    static async open(): Promise<Stage> {
        const stage = new Stage();
        await stage.build();
        for (const name of ["network", "second", "foreign"]) {
            await stage.docker.createNetwork({ Name: `${stage.project}_${name}` });
        }
        for (const name of volumes) await stage.docker.createVolume({ Name: `${stage.project}_${name}` });
        return stage;
    }

    private async build(): Promise<void> {
        const lines = [
            "FROM debian:bookworm-slim",
            "ENV FROM_IMAGE=yes",
            "EXPOSE 8000",
            "VOLUME /var/cache/app",
            'ENTRYPOINT ["/usr/bin/nice", "-n", "0"]',
            'CMD ["sleep", "600"]',
            'HEALTHCHECK --interval=20s --timeout=4s --retries=2 CMD ["true"]',
            `LABEL plumbline.source=${sourceDigest}`,
        ];
        await buildImage(this.image, lines);
        await buildImage(this.otherImage, [`FROM ${this.image}`, "RUN true"]);
        await this.docker
            .getImage(this.image)
            .tag({ repo: "plumbline-parity/app", tag: `${this.project.slice(-6)}-same` });
    }

    service(name: string): ServiceRelease {
        const found = this.release.services.find((service) => service.name === name);
        if (found === undefined) throw new Error(`no service ${name}`);
        return found;
    }

    /** Containers as the comparison wants them. */
    get containers(): Record<string, { name: string }> {
        return {
            edge: { name: this.edgeContainer },
            app: { name: this.nameOf("app") },
            plain: { name: this.nameOf("plain") },
        };
    }

    nameOf(service: string): string {
        return `${service}-${this.service(service).revision}-${this.project.slice(-6)}`;
    }

    /** What the program would declare for a service. */
    planOf(name: string): Plan {
        const service = this.service(name);
        const labels = containerLabels(this.project, this.release.stack, name, service.revision);
        const args = containerArgs(service, labels);
        const request = engineRequest(args, environmentList(service, secrets));
        // Set by the rollout before the start, since the provider has no property for it.
        if (service.spec.pidsLimit !== undefined) request.HostConfig.PidsLimit = service.spec.pidsLimit;
        const networks = service.spec.networks.map(({ network }) => ({ name: network, aliases: [] }));
        return { name: this.nameOf(name), request, networks };
    }

    /** The edge of the stage carries names and ports, and sleeps. */
    edgePlan(): Plan {
        const { edge, stack } = this.release;
        return {
            name: this.edgeContainer,
            request: {
                Image: edge.image.reference,
                Cmd: ["sleep", "600"],
                User: "10006:10006",
                Labels: containerLabels(this.project, stack, "edge", edge.revision),
                HostConfig: {
                    Init: true,
                    ReadonlyRootfs: true,
                    CapDrop: ["ALL"],
                    SecurityOpt: ["no-new-privileges:true"],
                    PortBindings: {
                        "8000/tcp": [{ HostIp: "127.0.0.1", HostPort: "18999" }],
                        [`${probeListenerPort}/tcp`]: [{ HostIp: edge.probeHostIp, HostPort: String(edge.probePort) }],
                    },
                },
            },
            networks: edge.networks.map(({ network, aliases }) => ({ name: network, aliases: [...aliases] })),
        };
    }

    /** Makes a container as planned, in the place of one of that name. The edge is made, not started: its ports are the host's. */
    async make(plan: Plan, start = true): Promise<string> {
        await this.remove(plan.name);
        const [first, ...others] = plan.networks;
        const request = structuredClone(plan.request);
        if (first !== undefined && request.HostConfig.NetworkMode === undefined) {
            request.HostConfig.NetworkMode = first.name;
            request.NetworkingConfig = { EndpointsConfig: { [first.name]: { Aliases: first.aliases } } };
        }
        const container = await this.docker.createContainer({ name: plan.name, ...request });
        this.#containers.add(plan.name);
        for (const { name, aliases } of others) {
            const EndpointConfig = { Aliases: aliases };
            await this.docker.getNetwork(name).connect({ Container: container.id, EndpointConfig });
        }
        if (start) await container.start();
        return container.id;
    }

    async remove(name: string): Promise<void> {
        await this.docker
            .getContainer(name)
            .remove({ force: true, v: true })
            .catch((error: { statusCode?: number }) => {
                if (error.statusCode !== 404) throw error;
            });
        this.#containers.delete(name);
    }

    /** Everything that the program would have running. */
    async deploy(): Promise<void> {
        await this.make(this.edgePlan(), false);
        await this.make(this.planOf("plain"));
        await this.make(this.planOf("app"));
    }

    async close(): Promise<void> {
        for (const name of this.#containers) await this.remove(name);
        for (const name of volumes) await this.docker.getVolume(`${this.project}_${name}`).remove();
        for (const name of ["network", "second", "foreign"]) {
            await this.docker.getNetwork(`${this.project}_${name}`).remove();
        }
        for (const image of [this.sameImage, this.otherImage, this.image]) {
            await this.docker.getImage(image).remove({ force: true });
        }
    }
}

async function buildImage(reference: string, lines: readonly string[]): Promise<void> {
    const child = run("docker", ["build", "--quiet", "--tag", reference, "-"], {
        env: { ...process.env, DOCKER_BUILDKIT: "0" },
    });
    child.child.stdin?.end(`${lines.join("\n")}\n`);
    await child;
}

function releaseOf(project: string, image: string): Release {
    const network = `${project}_network`;
    const second = `${project}_second`;
    const built = {
        kind: "built" as const,
        reference: image,
        sourceDigest,
        context: "services/app",
        dockerfile: "services/app/Dockerfile",
        args: {},
    };
    const app = sampleService("app", "request", [], {
        revision: "0000000a",
        image: built,
        ports: [{ target: 8000, published: 18999, hostIp: "127.0.0.1" }],
        spec: {
            ...emptySpec,
            command: ["sleep", "601"],
            environment: { LOG_LEVEL: "info", PASSWORD: "<secret:PASSWORD>" },
            user: "10009:10009",
            workingDir: "/tmp",
            hostname: "app-host",
            domainname: "app.test",
            capAdd: ["NET_BIND_SERVICE"],
            capDrop: ["ALL"],
            securityOpt: ["no-new-privileges:true"],
            groupAdd: ["10010"],
            tmpfs: { "/tmp": "size=16m", "/run/app": "size=1m,uid=10009,mode=0750" },
            mounts: [{ type: "volume", source: `${project}_data`, target: "/var/lib/app", readOnly: false }],
            networks: [
                { network, aliases: [] },
                { network: second, aliases: ["app-alias"] },
            ],
            healthcheck: {
                test: ["CMD", "true"],
                intervalMs: 30_000,
                timeoutMs: 5_000,
                startPeriodMs: 10_000,
                retries: 4,
            },
            stopSignal: "SIGINT",
            stopGraceSeconds: 15,
            memoryBytes: 64 * 1_048_576,
            memorySwapBytes: 64 * 1_048_576,
            memoryReservationBytes: 32 * 1_048_576,
            cpus: 0.5,
            cpuShares: 512,
            cpuset: "0",
            pidsLimit: 64,
            shmBytes: 8 * 1_048_576,
            ulimits: [{ name: "nofile", soft: 1024, hard: 2048 }],
            sysctls: { "net.core.somaxconn": "256" },
            labels: { "com.example.team": "documents" },
            extraHosts: [{ host: "mirror.test", ip: "192.0.2.10" }],
            dns: ["192.0.2.53"],
            dnsSearch: ["app.test"],
            dnsOptions: ["ndots:2"],
            logDriver: "json-file",
            logOptions: { "max-size": "1m", "max-file": "2" },
        },
    });
    const plain = sampleService("plain", "consumer", [], {
        revision: "0000000b",
        image: built,
        spec: {
            ...emptySpec,
            init: false,
            readOnly: false,
            restart: "no",
            networks: [{ network, aliases: [] }],
        },
    });
    const release = sampleRelease([app, plain]);
    return {
        ...release,
        project,
        networks: [network, second].map((name) => ({ name, driver: "bridge", internal: false, labels: {} })),
        volumes: [{ key: "data", name: `${project}_data`, labels: {} }],
        edge: {
            ...release.edge,
            configVolume: `${project}_edge_config`,
            image: { ...built, reference: "debian:bookworm-slim" },
            listeners: [
                {
                    service: "app",
                    port: 8000,
                    protocol: "http",
                    kind: "request",
                    published: { hostIp: "127.0.0.1", port: 18999 },
                },
            ],
            networks: [
                { network, aliases: ["app", "plain"] },
                { network: second, aliases: ["app", "app-alias"] },
            ],
        },
    };
}

/** What Pulumi's provider makes of its arguments, in the engine's words. */
function engineRequest(args: docker.ContainerArgs, envs: readonly string[]): Request {
    const given = plainArgs(args);
    const check = given.healthcheck;
    return {
        Image: given.image,
        Env: [...envs],
        Labels: Object.fromEntries((given.labels ?? []).map(({ label, value }) => [label, value])),
        ...(given.command === undefined ? {} : { Cmd: given.command }),
        ...(given.entrypoints === undefined ? {} : { Entrypoint: given.entrypoints }),
        ...(given.user === undefined ? {} : { User: given.user }),
        ...(given.workingDir === undefined ? {} : { WorkingDir: given.workingDir }),
        ...(given.hostname === undefined ? {} : { Hostname: given.hostname }),
        ...(given.domainname === undefined ? {} : { Domainname: given.domainname }),
        ...(given.stopSignal === undefined ? {} : { StopSignal: given.stopSignal }),
        StopTimeout: given.stopTimeout,
        ...(check === undefined
            ? {}
            : {
                  Healthcheck: {
                      Test: check.tests,
                      Interval: nanoseconds(check.interval),
                      Timeout: nanoseconds(check.timeout),
                      StartPeriod: nanoseconds(check.startPeriod),
                      Retries: check.retries,
                  },
              }),
        HostConfig: {
            RestartPolicy: { Name: given.restart },
            Init: given.init,
            ReadonlyRootfs: given.readOnly,
            Privileged: given.privileged,
            CapAdd: given.capabilities?.adds ?? [],
            CapDrop: given.capabilities?.drops ?? [],
            SecurityOpt: given.securityOpts ?? [],
            GroupAdd: given.groupAdds ?? [],
            Tmpfs: given.tmpfs ?? {},
            Sysctls: given.sysctls ?? {},
            Dns: given.dns ?? [],
            DnsSearch: given.dnsSearches ?? [],
            DnsOptions: given.dnsOpts ?? [],
            ExtraHosts: (given.hosts ?? []).map(({ host, ip }) => `${host}:${ip}`),
            Ulimits: (given.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
            Binds: (given.volumes ?? []).map(
                ({ volumeName, containerPath, readOnly }) => `${volumeName}:${containerPath}:${readOnly ? "ro" : "rw"}`,
            ),
            ...(given.memory === undefined ? {} : { Memory: given.memory * 1_048_576 }),
            ...(given.memorySwap === undefined ? {} : { MemorySwap: given.memorySwap * 1_048_576 }),
            ...(given.memoryReservation === undefined
                ? {}
                : { MemoryReservation: given.memoryReservation * 1_048_576 }),
            ...(given.cpuShares === undefined ? {} : { CpuShares: given.cpuShares }),
            ...(given.cpuSet === undefined ? {} : { CpusetCpus: given.cpuSet }),
            ...(given.shmSize === undefined ? {} : { ShmSize: given.shmSize * 1_048_576 }),
            ...(given.cpus === undefined ? {} : { NanoCpus: Number(given.cpus) * 1e9 }),
            ...(given.logDriver === undefined
                ? {}
                : { LogConfig: { Type: given.logDriver, Config: given.logOpts ?? {} } }),
        },
    };
}

interface PlainArgs {
    image: string;
    stopTimeout: number;
    restart: string;
    init: boolean;
    readOnly: boolean;
    privileged: boolean;
    command?: string[];
    entrypoints?: string[];
    user?: string;
    workingDir?: string;
    hostname?: string;
    domainname?: string;
    stopSignal?: string;
    healthcheck?: { tests: string[]; interval: string; timeout: string; startPeriod: string; retries: number };
    labels?: { label: string; value: string }[];
    capabilities?: { adds?: string[]; drops?: string[] };
    securityOpts?: string[];
    groupAdds?: string[];
    tmpfs?: Record<string, string>;
    sysctls?: Record<string, string>;
    dns?: string[];
    dnsSearches?: string[];
    dnsOpts?: string[];
    hosts?: { host: string; ip: string }[];
    ulimits?: { name: string; soft: number; hard: number }[];
    volumes?: { volumeName?: string; containerPath: string; readOnly: boolean }[];
    memory?: number;
    memorySwap?: number;
    memoryReservation?: number;
    cpuShares?: number;
    cpuSet?: string;
    shmSize?: number;
    cpus?: string;
    logDriver?: string;
    logOpts?: Record<string, string>;
}

/** The arguments of a service hold no outputs: they are plain JSON. */
function plainArgs(args: docker.ContainerArgs): PlainArgs {
    return JSON.parse(JSON.stringify(args));
}

function nanoseconds(duration: string): number {
    return (durationMs(duration) ?? 0) * 1e6;
}
