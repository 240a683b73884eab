/**
 * Real containers for integration tests: the baseline's own services, built from their Dockerfiles and started with
 * exactly what docker-compose.yml says of them (user, read-only root, capabilities, limits, tmpfs, healthcheck), on a
 * network and volumes of their own, published on ephemeral ports of 127.0.0.1.
 */
import { execFile } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import Docker from "dockerode";
import { parse } from "yaml";
import { z } from "zod";

const project = join(import.meta.dirname, "../..");
const run = promisify(execFile);

const composeService = z.object({
    user: z.string(),
    environment: z.record(z.string(), z.string()).default({}),
    ports: z.array(z.string()).default([]),
    volumes: z.array(z.string()).default([]),
    tmpfs: z.array(z.string()).default([]),
    read_only: z.boolean(),
    init: z.boolean(),
    cap_drop: z.array(z.string()),
    security_opt: z.array(z.string()),
    mem_limit: z.string(),
    memswap_limit: z.string(),
    shm_size: z.string().optional(),
    cpus: z.number(),
    pids_limit: z.number(),
    stop_signal: z.string().optional(),
    stop_grace_period: z.string().default("10s"),
    healthcheck: z.object({
        test: z.array(z.string()),
        interval: z.string(),
        timeout: z.string(),
        retries: z.number(),
        start_period: z.string(),
    }),
});

/** One set of secrets, as a stack would have it; the keys are the baseline's variables. */
export type Variables = Readonly<Record<string, string>>;

export interface StartOptions {
    /** Values of the baseline's variables. */
    readonly variables: Variables;
    /** Name of a volume of this bed for the service's data; a new one when left out. */
    readonly volume?: string;
    /** Added to the service's environment, or in place of what the baseline sets. */
    readonly environment?: Variables;
    /** Wait until the container's own healthcheck passes. @default true */
    readonly untilHealthy?: boolean;
}

/** Random secrets for every variable of the baseline, with keys that are signed by them. */
export function randomVariables(): Variables {
    const secret = () => randomBytes(16).toString("hex");
    const jwtSecret = randomBytes(24).toString("hex");
    return {
        POSTGRES_PASSWORD: secret(),
        AUTHENTICATOR_PASSWORD: secret(),
        STORAGE_DB_PASSWORD: secret(),
        WORKER_DB_PASSWORD: secret(),
        REDIS_PASSWORD: secret(),
        JWT_SECRET: jwtSecret,
        ANON_KEY: signToken({ role: "anon" }, jwtSecret),
        SERVICE_ROLE_KEY: signToken({ role: "service_role" }, jwtSecret),
    };
}

/** A JWT (HS256) with these claims, beside `iss` and an expiry in 2035 that the claims may override. */
export function signToken(claims: Readonly<Record<string, unknown>>, secret: string): string {
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const head = encode({ alg: "HS256", typ: "JWT" });
    const body = encode({ iss: "plumbline", iat: 1735689600, exp: 2051222400, ...claims });
    return `${head}.${body}.${createHmac("sha256", secret).update(`${head}.${body}`).digest("base64url")}`;
}

/** A network with the containers and volumes that a test file starts; `close` removes all of it, by id. */
export class TestBed {
    readonly docker = new Docker();
    readonly #name: string;
    readonly #network: Docker.Network;
    readonly #containers: Docker.Container[] = [];
    readonly #volumes = new Set<string>();
    readonly #images = new Map<string, Promise<string>>();

    private constructor(name: string, network: Docker.Network) {
        this.#name = name;
        this.#network = network;
    }

    static async open(): Promise<TestBed> {
        const name = `plumbline-test-${randomBytes(4).toString("hex")}`;
        return new TestBed(name, await new Docker().createNetwork({ Name: name }));
    }

    /** Builds the service's image, once for this bed (and with the engine's cache of layers), and answers its id. */
    build(service: string): Promise<string> {
        const image = this.#images.get(service) ?? this.#build(service);
        this.#images.set(service, image);
        return image;
    }

    async #build(service: string): Promise<string> {
        const { stdout } = await run("docker", ["build", "--quiet", join(project, "services", service)], {
            env: { ...process.env, DOCKER_BUILDKIT: "0" },
            maxBuffer: 64 * 1024 * 1024,
        });
        return stdout.trim();
    }

    /** The name of a new volume. */
    async volume(): Promise<string> {
        const name = `${this.#name}-${randomBytes(4).toString("hex")}`;
        await this.docker.createVolume({ Name: name });
        this.#volumes.add(name);
        return name;
    }

    /** Starts the service as the baseline describes it, reachable by its name inside the network. */
    async start(service: string, options: StartOptions): Promise<Service> {
        const spec = await readBaseline(service, options.variables);
        const image = await this.build(service);
        const volume = options.volume ?? (await this.volume());
        const ports = spec.ports.map((port) => `${port.split(":").at(-1)}/tcp`);
        const container = await this.docker.createContainer({
            name: `${this.#name}-${service}-${randomBytes(3).toString("hex")}`,
            Image: image,
            User: spec.user,
            Env: Object.entries({ ...spec.environment, ...options.environment }).map(
                ([key, value]) => `${key}=${value}`,
            ),
            ExposedPorts: Object.fromEntries(ports.map((port) => [port, {}])),
            ...(spec.stop_signal === undefined ? {} : { StopSignal: spec.stop_signal }),
            StopTimeout: nanoseconds(spec.stop_grace_period) / 1e9,
            Healthcheck: {
                Test: spec.healthcheck.test,
                Interval: nanoseconds(spec.healthcheck.interval),
                Timeout: nanoseconds(spec.healthcheck.timeout),
                Retries: spec.healthcheck.retries,
                StartPeriod: nanoseconds(spec.healthcheck.start_period),
            },
            HostConfig: {
                Init: spec.init,
                ReadonlyRootfs: spec.read_only,
                CapDrop: spec.cap_drop,
                SecurityOpt: spec.security_opt,
                Memory: bytes(spec.mem_limit),
                MemorySwap: bytes(spec.memswap_limit),
                NanoCpus: spec.cpus * 1e9,
                PidsLimit: spec.pids_limit,
                ...(spec.shm_size === undefined ? {} : { ShmSize: bytes(spec.shm_size) }),
                Tmpfs: Object.fromEntries(
                    spec.tmpfs.map((entry) => [entry.split(":")[0] ?? "", entry.split(":")[1] ?? ""]),
                ),
                Binds: spec.volumes.map((entry) => `${volume}:${entry.split(":")[1]}`),
                PortBindings: Object.fromEntries(ports.map((port) => [port, [{ HostIp: "127.0.0.1", HostPort: "0" }]])),
                NetworkMode: this.#name,
            },
            NetworkingConfig: { EndpointsConfig: { [this.#name]: { Aliases: [service] } } },
        });
        this.#containers.push(container);
        await container.start();
        const started = new Service(container);
        if (options.untilHealthy !== false) await started.healthy();
        return started;
    }

    async close(): Promise<void> {
        await Promise.all(this.#containers.map((container) => container.remove({ force: true, v: true })));
        for (const name of this.#volumes) await this.docker.getVolume(name).remove();
        await this.#network.remove();
    }
}

/** One running service of a bed. */
export class Service {
    readonly container: Docker.Container;

    constructor(container: Docker.Container) {
        this.container = container;
    }

    /** Where the port inside the container is published, as in `127.0.0.1:49153`. It changes with every start. */
    async address(port: number): Promise<string> {
        const { NetworkSettings } = await this.container.inspect();
        const binding = NetworkSettings.Ports[`${port}/tcp`]?.[0];
        if (binding === undefined) throw new Error(`port ${port} is not published`);
        return `${binding.HostIp}:${binding.HostPort}`;
    }

    async healthy(withinMs = 60_000): Promise<void> {
        await this.#reaches("healthy", withinMs);
    }

    async unhealthy(withinMs = 60_000): Promise<void> {
        await this.#reaches("unhealthy", withinMs);
    }

    async #reaches(status: string, withinMs: number): Promise<void> {
        const deadline = Date.now() + withinMs;
        for (;;) {
            const { State } = await this.container.inspect();
            if (State.Running && State.Health?.Status === status) return;
            if (!State.Running || Date.now() > deadline) {
                throw new Error(`not ${status}: ${State.Status}, ${State.Health?.Status}\n${await this.logs()}`);
            }
            await sleep(100);
        }
    }

    /** Asks the container to stop, as the engine does it; answers its exit code. */
    async stop(): Promise<number> {
        await this.container.stop();
        return this.exited();
    }

    /** Waits until the container has ended by itself; answers its exit code. */
    async exited(): Promise<number> {
        const result: { StatusCode: number } = await this.container.wait();
        return result.StatusCode;
    }

    /** Everything that the container wrote so far. */
    async logs(): Promise<string> {
        const text = await this.container.logs({ stdout: true, stderr: true, follow: false });
        return Buffer.concat(payloads(text)).toString("utf8");
    }

    /** `kill -9` of everything in the container, then a new start on the same volume. */
    async killAndStart(): Promise<void> {
        await this.container.kill({ signal: "SIGKILL" });
        await this.container.wait();
        await this.container.start();
    }

    /** Runs a command in the container; answers its exit code and output. */
    async exec(command: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
        const exec = await this.container.exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true });
        const stream = await exec.start({ Tty: false });
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(Buffer.from(chunk));
        const { ExitCode } = await exec.inspect();
        return { code: ExitCode ?? -1, output: Buffer.concat(payloads(Buffer.concat(chunks))).toString("utf8") };
    }
}

/** The payloads of the engine's framed output: each has a header of 8 bytes whose last four are its length. */
function payloads(data: Buffer): readonly Buffer[] {
    const frames: Buffer[] = [];
    let rest = data;
    while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(4)) {
        const end = 8 + rest.readUInt32BE(4);
        frames.push(rest.subarray(8, end));
        rest = rest.subarray(end);
    }
    return frames;
}

async function readBaseline(service: string, variables: Variables): Promise<z.infer<typeof composeService>> {
    const text = await readFile(join(project, "docker-compose.yml"), "utf8");
    const document: unknown = parse(text, { merge: true });
    const services = z.object({ services: z.record(z.string(), z.unknown()) }).parse(document).services;
    const filled = JSON.stringify(services[service]).replaceAll(
        /\$\{(\w+)(?::([?-])([^}]*))?\}/g,
        (_, name, kind, rest) => {
            const value = variables[name] ?? (kind === "-" ? rest : undefined);
            if (value === undefined) throw new Error(`the baseline's variable ${name} has no value`);
            return value;
        },
    );
    return composeService.parse(JSON.parse(filled));
}

function nanoseconds(duration: string): number {
    return Number(duration.replace(/s$/, "")) * 1e9;
}

function bytes(size: string): number {
    const factor = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[size.slice(-1)];
    return factor === undefined ? Number(size) : Number(size.slice(0, -1)) * factor;
}
