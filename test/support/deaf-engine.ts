/** An address at which every call arrives, is counted, and is cut off: an engine that never comes back. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";

export class DeafEngine {
    /** Method and path of each call, in the order in which they came. */
    readonly calls: string[] = [];
    readonly #folder = mkdtempSync(path.join(tmpdir(), "plumbline-deaf-"));
    readonly #server: Server;

    private constructor() {
        this.#server = createServer((request) => {
            this.calls.push(`${request.method} ${request.url}`);
            request.socket.destroy();
        });
    }

    static async listen(): Promise<DeafEngine> {
        const engine = new DeafEngine();
        await new Promise<void>((resolve) => engine.#server.listen(engine.#socket, resolve));
        return engine;
    }

    /** Its address, as in `docker:host`. */
    get host(): string {
        return `unix://${this.#socket}`;
    }

    /** How often the call was made that was repeated most. */
    mostRepeated(): number {
        const count = (call: string) => this.calls.filter((other) => other === call).length;
        return Math.max(0, ...this.calls.map(count));
    }

    async close(): Promise<void> {
        await new Promise((resolve) => this.#server.close(resolve));
        rmSync(this.#folder, { recursive: true });
    }

    get #socket(): string {
        return path.join(this.#folder, "engine.sock");
    }
}
