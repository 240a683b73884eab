/** A release that nobody runs, judged against the real engine: its names and ports are a test's own, and so is what is put in its way. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import path from "node:path";
import Docker from "dockerode";
import { connectEngine } from "../../../engine/docker.ts";
import { parseSettings } from "../../../release/settings.ts";
import type { Release } from "../../../release/types.ts";
import { lookAtEngine } from "../../../validation/preflight/look.ts";
import { type Preflight, preflight } from "../../../validation/preflight/preflight.ts";
import { sampleRelease, sampleService } from "../../unit/rollout/sample-release.ts";

/** An image that the set-up has put on the engine. */
export const baseImage = "debian:bookworm-slim";
const projectDir = path.join(import.meta.dirname, "../../..");

interface Case {
    /** Values of the stack's configuration, as Pulumi gives them. */
    readonly settings?: Readonly<Record<string, string>>;
    readonly change?: Partial<Release>;
    readonly isPreview?: boolean;
    /** @default that of the machine */
    readonly engineHost?: string;
    readonly env?: Readonly<Record<string, string>>;
}

export class PreflightStage {
    readonly engine = connectEngine();
    readonly docker = new Docker();
    readonly project = `preflight_${randomBytes(4).toString("hex")}`;
    readonly port: number;
    readonly #probePort: number;
    readonly #cleanUp: (() => Promise<unknown>)[] = [];

    private constructor(port: number, probePort: number) {
        this.port = port;
        this.#probePort = probePort;
    }

    /** @param port of its service. @default a free one */
    static async open(port?: number): Promise<PreflightStage> {
        return new PreflightStage(port ?? (await freePort()), await freePort());
    }

    get network(): string {
        return `${this.project}_network`;
    }

    get volume(): string {
        return `${this.project}_data`;
    }

    get own(): Record<string, string> {
        return { "plumbline.project": this.project, "plumbline.stack": "local" };
    }

    /** One service, whose image is on the engine, behind an edge that would have to be built upon it. */
    release(change: Partial<Release> = {}): Release {
        const web = sampleService("web", "request", [], {
            image: { kind: "pulled", reference: baseImage },
            ports: [{ target: 80, published: this.port, hostIp: "127.0.0.1" }],
        });
        const sample = sampleRelease([web]);
        return {
            ...sample,
            project: this.project,
            networks: [{ name: this.network, driver: "bridge", internal: false, labels: {} }],
            volumes: [{ key: "data", name: this.volume, labels: {} }],
            edge: {
                ...sample.edge,
                probePort: this.#probePort,
                networks: [{ network: this.network, aliases: ["web"] }],
                configVolume: `${this.project}_edge_config`,
            },
            ...change,
        };
    }

    async judge(given: Case = {}): Promise<Preflight> {
        const retry = { attempts: 2, firstDelayMs: 10, factor: 1, maxDelayMs: 10, jitter: 0 };
        const engine = connectEngine(given.engineHost, { retry });
        return preflight(this.release(given.change), {
            settings: parseSettings("local", given.settings ?? {}),
            engine,
            look: await lookAtEngine(engine),
            history: { newestRelease: async () => undefined },
            isPreview: given.isPreview ?? false,
            env: { PATH: process.env.PATH, ...given.env },
            projectDir,
        });
    }

    /** The words of the refusal; fails when there is none. */
    async refusal(given: Case = {}): Promise<string> {
        const outcome = await this.judge(given).then(
            ({ findings }) => new Error(`it was not refused: ${JSON.stringify(findings)}`),
            (error: { format?: () => string }) => error,
        );
        if ("format" in outcome && outcome.format !== undefined) return outcome.format();
        throw outcome;
    }

    /** A container that sleeps, removed in the end. */
    async container(options: Docker.ContainerCreateOptions = {}): Promise<Docker.Container> {
        const container = await this.docker.createContainer({
            Image: baseImage,
            Cmd: ["sleep", "600"],
            StopTimeout: 1,
            ...options,
        });
        this.#cleanUp.unshift(() => container.remove({ force: true, v: true }));
        await container.start();
        return container;
    }

    /** In the place of the one that a test has made before. */
    async makeNetwork(labels: Record<string, string>, options: Partial<Docker.NetworkCreateOptions> = {}) {
        await this.engine.removeNetwork(this.network);
        this.#cleanUp.push(() => this.engine.removeNetwork(this.network));
        await this.docker.createNetwork({ Name: this.network, Labels: labels, ...options });
    }

    async makeVolume(labels: Record<string, string>): Promise<void> {
        await this.docker.createVolume({ Name: this.volume, Labels: labels });
        this.#cleanUp.push(() => this.docker.getVolume(this.volume).remove());
    }

    /** A process of its own that listens on the service's port. */
    async listen(): Promise<ChildProcess> {
        const script = `require("net").createServer().listen(${this.port}, "127.0.0.1", () => console.log("listens"))`;
        const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
        this.#cleanUp.push(async () => {
            const gone = once(child, "exit");
            child.kill("SIGKILL");
            await gone;
        });
        await once(child.stdout, "data");
        return child;
    }

    /** Removes what the test has put there, containers first. */
    async clear(): Promise<void> {
        for (const act of this.#cleanUp.splice(0)) await act();
    }
}

export async function freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    return port;
}
