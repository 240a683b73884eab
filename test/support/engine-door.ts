/**
 * A door in front of the Docker engine: a real socket through which everything goes to the engine and back. It can refuse a
 * request, or hold one for as long as a test needs to do something in just that moment.
 */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { engineAddress } from "../../engine/docker-address.ts";

/** Which requests are meant: the method, and a pattern for the path. */
export interface Meant {
    readonly method: string;
    readonly path: RegExp;
}

/** A request that stands still. */
export interface Held {
    /** Resolves when one has come. */
    readonly reached: Promise<void>;
    /** Lets it go on, and every later one. */
    release(): void;
}

interface Rule extends Meant {
    readonly act: "refuse" | "hold" | "hold the answer";
    readonly free: Promise<void>;
    readonly onReached: () => void;
    /** Takes it away, and lets go what it holds. */
    readonly end: () => void;
}

/** Bodies of up to so many bytes are passed on at once: every order to the engine but a build's. */
const oneWriteBytes = 65_536;

export class EngineDoor {
    readonly #server: Server;
    readonly #target: string;
    readonly #rules = new Set<Rule>();
    readonly #sockets = new Set<Socket>();

    private constructor(target: string) {
        this.#target = target;
        this.#server = createServer((asked, answer) => void this.#pass(asked, answer));
        this.#server.on("upgrade", (asked: IncomingMessage, socket: Socket, head: Buffer) => {
            this.#upgrade(asked, socket, head);
        });
        this.#server.on("connection", (socket) => {
            this.#sockets.add(socket);
            socket.on("error", () => socket.destroy());
            socket.on("close", () => this.#sockets.delete(socket));
        });
        // A build and a long start answer late.
        this.#server.requestTimeout = 0;
        this.#server.timeout = 0;
        // The engine keeps idle connections: an order on one that is just being closed would be lost.
        this.#server.keepAliveTimeout = 0;
    }

    /** @param socketPath where it is made */
    static async open(socketPath: string): Promise<EngineDoor> {
        const target = engineAddress(undefined).replace(/^unix:\/\//, "");
        const door = new EngineDoor(target);
        await new Promise<void>((resolve, reject) => {
            door.#server.once("error", reject);
            door.#server.listen(socketPath, resolve);
        });
        return door;
    }

    /** Answers 500 to such requests until `stop`. */
    refuse(meant: Meant): { stop(): void } {
        return { stop: this.#add(meant, "refuse").release };
    }

    /** Holds such requests before the engine sees them. A request whose asker is gone by then never reaches it. */
    hold(meant: Meant): Held {
        return this.#add(meant, "hold");
    }

    /** Lets the engine do it, and holds the answer. */
    holdAnswer(meant: Meant): Held {
        return this.#add(meant, "hold the answer");
    }

    /** Nothing is refused or held any more. */
    open(): void {
        for (const rule of this.#rules) rule.end();
    }

    #add(meant: Meant, act: Rule["act"]): Held {
        const free = Promise.withResolvers<void>();
        const reached = Promise.withResolvers<void>();
        const end = () => {
            this.#rules.delete(rule);
            free.resolve();
        };
        const rule: Rule = { ...meant, act, free: free.promise, onReached: reached.resolve, end };
        this.#rules.add(rule);
        return { reached: reached.promise, release: end };
    }

    async close(): Promise<void> {
        this.open();
        for (const socket of this.#sockets) socket.destroy();
        await new Promise((resolve) => this.#server.close(resolve));
    }

    #ruleFor(asked: IncomingMessage): Rule | undefined {
        return [...this.#rules].find(({ method, path }) => method === asked.method && path.test(asked.url ?? ""));
    }

    async #pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
        const rule = this.#ruleFor(asked);
        if (rule?.act === "refuse") {
            answer.writeHead(500, { "content-type": "application/json" });
            answer.end(JSON.stringify({ message: "refused by the door" }));
            return;
        }
        let isGone = false;
        answer.on("close", () => {
            isGone = true;
        });
        if (rule?.act === "hold") {
            rule.onReached();
            await rule.free;
            if (isGone) return;
        }
        const { method, url, headers } = asked;
        const onwards = request({ socketPath: this.#target, method, path: url, headers, agent: false });
        onwards.on("error", () => answer.destroy());
        onwards.on("response", async (answered) => {
            if (rule?.act === "hold the answer") {
                rule.onReached();
                await rule.free;
            }
            answered.on("error", () => answer.destroy());
            answer.writeHead(answered.statusCode ?? 502, answered.headers);
            answer.flushHeaders();
            answered.pipe(answer);
        });
        answer.on("close", () => onwards.destroy());
        // In one piece: an engine that has read enough answers and closes, and the rest would meet nobody.
        if (Number(headers["content-length"] ?? Number.POSITIVE_INFINITY) <= oneWriteBytes) {
            onwards.end(await buffer(asked));
        } else {
            asked.pipe(onwards);
        }
    }

    /** Attached commands: both ways become one raw stream. */
    #upgrade(asked: IncomingMessage, socket: Socket, head: Buffer): void {
        const engine = connect(this.#target);
        const lines = [`${asked.method} ${asked.url} HTTP/1.1`];
        for (let index = 0; index < asked.rawHeaders.length; index += 2)
            lines.push(`${asked.rawHeaders[index]}: ${asked.rawHeaders[index + 1]}`);
        engine.write(`${lines.join("\r\n")}\r\n\r\n`);
        if (head.length > 0) engine.write(head);
        engine.pipe(socket);
        socket.pipe(engine);
        engine.on("error", () => socket.destroy());
        socket.on("close", () => engine.destroy());
    }
}
