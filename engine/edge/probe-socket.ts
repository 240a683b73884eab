/**
 * A way to any service, candidate or active, through the edge's one probe listener; with adapters for the clients, which are
 * loaded when the first one is made.
 */

import { Socket } from "node:net";
import type { AbstractConnector } from "ioredis";
import type { Agent, buildConnector } from "undici";
import { PlumblineError } from "../../release/errors.ts";

/** Who is to be reached, and where the probe listener is. */
export interface ProbeTarget {
    /** Host address of the probe listener. */
    readonly host: string;
    /** Host port of the probe listener. */
    readonly port: number;
    readonly role: "active" | "candidate";
    readonly service: string;
    /** Port inside the service's container. */
    readonly servicePort: number;
}

const signature = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const versionAndProxy = 0x21;
const tcpOverIpv4 = 0x11;
const authorityType = 0x02;

/** The PROXY v2 header that names the wanted service; its addresses are of no importance. */
export function proxyHeader(target: Pick<ProbeTarget, "role" | "service" | "servicePort">): Buffer {
    const authority = Buffer.from(`${target.role}.${target.service}.${target.servicePort}`);
    const addresses = Buffer.from([127, 0, 0, 1, 127, 0, 0, 1, 0, 1, 0, 1]);
    const length = addresses.length + 3 + authority.length;
    return Buffer.concat([
        signature,
        Buffer.from([versionAndProxy, tcpOverIpv4, length >> 8, length & 0xff]),
        addresses,
        Buffer.from([authorityType, authority.length >> 8, authority.length & 0xff]),
        authority,
    ]);
}

/**
 * A connected socket on which the service itself answers: the PROXY v2 header that names it has been sent.
 *
 * @throws PlumblineError `health` when the edge cannot be reached
 */
export function openProbeSocket(target: ProbeTarget, timeoutMs = 5_000): Promise<Socket> {
    return new Promise((resolve, reject) => {
        const socket = announcing(target);
        const fail = (cause: Error) => {
            clearTimeout(timer);
            socket.destroy();
            reject(edgeUnreachable(target, cause));
        };
        const timer = setTimeout(() => fail(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
        socket.once("error", fail);
        socket.once("connect", () => {
            clearTimeout(timer);
            socket.off("error", fail);
            // The client adds its own listener; until then an error must not end the process.
            socket.on("error", () => {});
            resolve(socket);
        });
        socket.connect(target.port, target.host);
    });
}

/** A socket that says whom it wants as soon as somebody connects it. */
function announcing(target: ProbeTarget): Socket {
    const socket = new Socket();
    socket.once("connect", () => {
        socket.setNoDelay(true);
        socket.write(proxyHeader(target));
    });
    return socket;
}

function edgeUnreachable(target: ProbeTarget, cause: unknown): PlumblineError {
    return new PlumblineError("health", `The edge's probe listener ${target.host}:${target.port} cannot be reached`, {
        service: target.service,
        remedy: "Look at the edge's container: it must run, and the probe port must be published there.",
        cause,
    });
}

const unreachable = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "EAI_AGAIN"]);

/** Whether a failure says something of the way to the edge and nothing of the service behind it. */
export function isEdgeUnreachable(error: unknown): boolean {
    for (let each = error; typeof each === "object" && each !== null; each = "cause" in each ? each.cause : undefined) {
        if (each instanceof PlumblineError && each.message.startsWith("The edge's probe listener")) return true;
        if ("code" in each && typeof each.code === "string" && unreachable.has(each.code)) return true;
    }
    return false;
}

/** For undici: an agent whose every connection leads to the target, whatever address is asked for. */
export async function probeAgent(target: ProbeTarget, timeoutMs: number): Promise<Agent> {
    const { Agent } = await import("undici");
    const connect: buildConnector.connector = (_options, callback) => {
        openProbeSocket(target, timeoutMs).then(
            (socket) => callback(null, socket),
            (error: Error) => callback(error, null),
        );
    };
    return new Agent({ connect, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, pipelining: 0 });
}

/** For pg: options that make a client use the target. It connects the socket itself. */
export function probePgOptions(target: ProbeTarget): { host: string; port: number; stream: () => Socket } {
    return { host: target.host, port: target.port, stream: () => announcing(target) };
}

/** For ioredis: a connector that leads to the target. */
export async function probeRedisConnector(
    target: ProbeTarget,
    timeoutMs: number,
): Promise<new () => AbstractConnector> {
    const { AbstractConnector } = await import("ioredis");
    return class extends AbstractConnector {
        constructor() {
            super(timeoutMs);
        }

        override async connect(): Promise<Socket> {
            this.connecting = true;
            this.stream = await openProbeSocket(target, timeoutMs);
            return this.stream as Socket;
        }
    };
}
