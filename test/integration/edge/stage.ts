/** A stage for tests of the edge: a network, the real edge, and trivial services that say who they are. */

import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import Docker from "dockerode";
import { Client, request } from "undici";
import { type CreateOptions, connectEngine, type Engine } from "../../../engine/docker.ts";
import { renderEdgeConfig } from "../../../engine/edge/config.ts";
import { EdgeControl } from "../../../engine/edge/edge.ts";
import type { ProbeTarget } from "../../../engine/edge/probe-socket.ts";
import type { EdgeSlots } from "../../../engine/edge/slots.ts";
import { probeListenerPort } from "../../../release/probe-address.ts";
import type { EdgeRelease, Gateway, Listener } from "../../../release/types.ts";

export const edgeImage = "plumbline-test/edge:test";

/** Builds one of the project's images; the engine's cache makes it cheap when nothing has changed. */
export async function buildImage(service: string): Promise<string> {
    const context = new URL(`../../../services/${service}/`, import.meta.url).pathname;
    const reference = `plumbline-test/${service}:test`;
    const docker = new Docker();
    const progress = await docker.buildImage({ context, src: await readdir(context) }, { t: reference });
    await new Promise<void>((resolve, reject) => {
        docker.modem.followProgress(progress, (error: Error | null, events: { error?: string }[]) => {
            const failed = error?.message ?? events.find((event) => event.error !== undefined)?.error;
            if (failed === undefined) resolve();
            else reject(new Error(failed));
        });
    });
    return reference;
}

/** A service that answers every request with its name and what it was asked. */
const sayingWhoItIs = (name: string, port: number, body: string) => `global
    hard-stop-after 2s
defaults
    mode http
    log stdout format raw local0
    option httplog
    timeout connect 1s
    timeout client 60s
    timeout server 60s
frontend all
    bind :${port}
    http-request return status 200 content-type application/json lf-string '{"name":"${name}","path":"%[path,json(utf8s)]","authorization":"%[req.hdr(authorization),json(utf8s)]"${body}}'
`;

export interface Answer {
    readonly name: string;
    readonly path: string;
    readonly authorization: string;
}

export interface StageOptions {
    /** Their networks by the keys of `networks`. */
    readonly listeners: readonly Listener[];
    readonly gateways?: readonly Gateway[];
    /** Keys of several networks, of which the ones in `internal` lead nowhere. @default one network */
    readonly networks?: readonly string[];
    readonly internal?: readonly string[];
}

/** Everything that it makes has a random name and is removed by id in `close`. */
export class Stage {
    readonly mark = randomBytes(4).toString("hex");
    readonly engine: Engine = connectEngine();
    readonly labels = { "plumbline.test": this.mark };
    readonly networks: readonly string[];
    readonly internal: readonly string[];
    readonly volume = `edge-test-${this.mark}`;
    readonly release: EdgeRelease;
    edgeId = "";
    private readonly containers: string[] = [];

    constructor(options: StageOptions) {
        const named = (key: string) => this.networkOf(key);
        this.networks = (options.networks ?? [""]).map(named);
        this.internal = (options.internal ?? []).map(named);
        this.release = {
            revision: "test",
            image: { kind: "built", reference: edgeImage, sourceDigest: "", context: "", dockerfile: "", args: {} },
            listeners: options.listeners.map(({ networks, ...listener }) => ({
                ...listener,
                ...(networks === undefined ? {} : { networks: networks.map(named) }),
            })),
            gateways: options.gateways ?? [],
            probePort: 0,
            probeHostIp: "127.0.0.1",
            networks: this.networks.map((network) => ({ network, aliases: [] })),
            configVolume: this.volume,
        };
    }

    get edge(): EdgeControl {
        return new EdgeControl(this.engine, this.edgeId);
    }

    networkOf(key: string): string {
        return `edge-test-${this.mark}${key === "" ? "" : `-${key}`}`;
    }

    async open(): Promise<void> {
        await buildImage("edge");
        for (const network of this.networks) {
            if (this.internal.includes(network)) await this.createInternalNetwork(network);
            else await this.engine.createNetwork(network, this.labels);
        }
        await this.engine.createVolume(this.volume, this.labels);
        const { listeners, gateways } = this.release;
        const insides = listeners.flatMap(({ published }) => published?.inside ?? []);
        const ports = new Set([...[...listeners, ...gateways].map(({ port }) => port), ...insides, probeListenerPort]);
        this.edgeId = await this.engine.create({
            image: edgeImage,
            labels: this.labels,
            networks: this.networks.map((network) => ({ network })),
            mounts: [{ volume: this.volume, target: "/etc/plumbline-edge" }],
            tmpfs: { "/run/haproxy": "size=1m,uid=10006,gid=10006,mode=0750" },
            ports: [...ports].map((target) => ({ target, published: 0, hostIp: "127.0.0.1" })),
            readOnlyRoot: true,
            init: true,
            capDrop: ["ALL"],
        });
        this.containers.push(this.edgeId);
        await this.engine.start(this.edgeId);
        await this.edge.ready();
    }

    render(slots: EdgeSlots): string {
        return renderEdgeConfig(this.release, slots);
    }

    /** Creates a service, started unless told otherwise; its answers carry `body`, as in `,"status":"ok"`. */
    async service(name: string, port: number, options: ServiceOptions = {}): Promise<Service> {
        const create = { image: edgeImage, entrypoint: ["haproxy", "-W", "-f", "/tmp/service.cfg"] };
        const service = await this.create(name, create, options.networks);
        const content = sayingWhoItIs(name, port, options.body ?? "");
        await this.engine.putFiles(service.id, "/tmp", [{ name: "service.cfg", content }]);
        if (options.start !== false) await this.engine.start(service.id);
        return service;
    }

    /** Creates any container on the stage's first network, or on those of these keys. */
    async create(name: string, options: CreateOptions, networks?: readonly string[]): Promise<Service> {
        const names = networks?.map((key) => this.networkOf(key)) ?? this.networks.slice(0, 1);
        const container = `${name}-${this.mark}`;
        const id = await this.engine.create({
            ...options,
            name: container,
            labels: this.labels,
            networks: names.map((network) => ({ network })),
        });
        this.containers.push(id);
        return { id, container };
    }

    /** How often a service has seen a path. */
    async timesAsked(service: Service, path: string): Promise<number> {
        const lines = await this.engine.logs(service.id);
        return lines.filter(({ line }) => line.includes(` ${path} `)).length;
    }

    /** Ends a container at once, as a crash does. */
    async kill(id: string): Promise<void> {
        await new Docker().getContainer(id).kill({ signal: "SIGKILL" });
    }

    /** The host port of a port of the edge. */
    async hostPort(port: number): Promise<number> {
        const facts = await this.engine.inspect(this.edgeId);
        return Number(facts?.raw.NetworkSettings.Ports[`${port}/tcp`]?.[0]?.HostPort);
    }

    async ask(port: number, path = "/", headers: Record<string, string> = {}, method: "GET" | "OPTIONS" = "GET") {
        const answer = await request(`http://127.0.0.1:${await this.hostPort(port)}${path}`, { headers, method });
        const text = await answer.body.text();
        return { status: answer.statusCode, headers: answer.headers, text };
    }

    async whoAnswers(port: number): Promise<string> {
        return (JSON.parse((await this.ask(port)).text) as Answer).name;
    }

    async probe(role: "active" | "candidate", service: string, servicePort: number): Promise<ProbeTarget> {
        return { host: "127.0.0.1", port: await this.hostPort(probeListenerPort), role, service, servicePort };
    }

    private async createInternalNetwork(network: string): Promise<void> {
        await new Docker().createNetwork({ Name: network, Labels: this.labels, Internal: true });
    }

    async close(): Promise<void> {
        for (const id of this.containers) await this.engine.remove(id);
        for (const network of this.networks) await this.engine.removeNetwork(network);
        await this.engine.removeVolume(this.volume);
    }
}

export interface ServiceOptions {
    /** @default true */
    readonly start?: boolean;
    readonly body?: string;
    /** Keys of its networks. @default the first one */
    readonly networks?: readonly string[];
}

export interface Service {
    readonly id: string;
    readonly container: string;
}

/** What a load has seen. */
export interface Seen {
    readonly asked: number;
    /** Why requests failed; empty when none did. */
    readonly failures: readonly string[];
    readonly names: ReadonlySet<string>;
}

/**
 * Asks with a few clients at once, each a new connection, until `act` has ended and at least `atLeast` were asked. Paced
 * and bounded: it stops by itself.
 *
 * @param act is given the names that have answered so far
 */
export async function underLoad(
    port: number,
    atLeast: number,
    act: (names: ReadonlySet<string>) => Promise<void>,
): Promise<Seen> {
    const clients = 6;
    const pauseMs = 20;
    const most = 20_000;
    let asked = 0;
    let ended = false;
    const failures: string[] = [];
    const names = new Set<string>();
    const oneClient = async () => {
        while ((!ended || asked < atLeast) && asked < most) {
            asked++;
            const client = new Client(`http://127.0.0.1:${port}`, { headersTimeout: 40_000, pipelining: 0 });
            try {
                const answer = await client.request({ method: "GET", path: "/load" });
                const text = await answer.body.text();
                if (answer.statusCode === 200) names.add((JSON.parse(text) as Answer).name);
                else failures.push(`status ${answer.statusCode}`);
            } catch (error) {
                failures.push(String(error));
            } finally {
                await client.close();
            }
            await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
    };
    const load = Promise.all(Array.from({ length: clients }, oneClient));
    try {
        await act(names);
    } finally {
        ended = true;
        await load;
    }
    return { asked, failures, names };
}
