/** A real headless Chromium, driven over its own pipe: no port, no driver, nothing that it could ask outside. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const executable = "/usr/bin/chromium";

/** Installs Debian's package where that is possible. @returns why there is no browser, or undefined */
export function withoutChromium(): string | undefined {
    if (existsSync(executable)) return undefined;
    if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) {
        return "there is no /usr/bin/chromium, and packages can only be installed by root on Debian";
    }
    const options = { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } } as const;
    const patient = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"];
    try {
        execFileSync("apt-get", ["update", ...patient], options);
        execFileSync("apt-get", ["install", "-y", "--no-install-recommends", ...patient, "chromium"], options);
    } catch (error) {
        return `Debian's chromium cannot be installed: ${String(error)}`;
    }
    return existsSync(executable) ? undefined : "Debian's chromium has no /usr/bin/chromium";
}

interface Message {
    readonly id?: number;
    readonly sessionId?: string;
    readonly method?: string;
    readonly params?: Record<string, unknown>;
    readonly result?: Record<string, unknown>;
    readonly error?: { readonly message: string };
}

type Params = Readonly<Record<string, unknown>>;

/** One browser with one page. */
export class Browser {
    /** Everything that the page told: requests, messages of the console, violations. */
    readonly events: Message[] = [];
    #next = 1;
    #session: string | undefined;
    #rest = "";
    readonly #pending = new Map<number, { resolve(value: Params): void; reject(error: Error): void }>();
    readonly #process: ReturnType<typeof spawn>;
    readonly #to: Writable;
    readonly #profile: string;

    private constructor(profile: string) {
        this.#profile = profile;
        this.#process = spawn(
            executable,
            [
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--remote-debugging-pipe",
                `--user-data-dir=${profile}`,
                "about:blank",
            ],
            { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
        );
        this.#to = this.#process.stdio[3] as Writable;
        const from = this.#process.stdio[4] as Readable;
        from.setEncoding("utf8").on("data", (chunk: string) => this.#read(chunk));
        this.#process.once("exit", (code) => {
            for (const { reject } of this.#pending.values()) reject(new Error(`Chromium ended with ${code}`));
        });
        // A closed pipe is told by the exit.
        this.#to.on("error", () => undefined);
    }

    static async open(): Promise<Browser> {
        const browser = new Browser(await mkdtemp(join(tmpdir(), "plumbline-chromium-")));
        const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
        const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
        browser.#session = String(sessionId);
        for (const domain of ["Page", "Runtime", "Network", "Log", "Accessibility"])
            await browser.send(`${domain}.enable`);
        return browser;
    }

    #read(chunk: string): void {
        const parts = (this.#rest + chunk).split("\0");
        this.#rest = parts.pop() ?? "";
        for (const part of parts) {
            const message: Message = JSON.parse(part);
            const waiting = message.id === undefined ? undefined : this.#pending.get(message.id);
            if (message.id === undefined || waiting === undefined) this.events.push(message);
            else {
                this.#pending.delete(message.id);
                if (message.error === undefined) waiting.resolve(message.result ?? {});
                else waiting.reject(new Error(message.error.message));
            }
        }
    }

    send(method: string, params: Params = {}): Promise<Params> {
        const id = this.#next++;
        const session = this.#session === undefined ? {} : { sessionId: this.#session };
        return new Promise((resolve, reject) => {
            this.#pending.set(id, { resolve, reject });
            this.#to.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
        });
    }

    /** Opens a page and waits until it has loaded. */
    async go(url: string): Promise<void> {
        const before = this.events.length;
        await this.send("Page.navigate", { url });
        while (!this.events.slice(before).some(({ method }) => method === "Page.loadEventFired")) {
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
    }

    /** The value of an expression in the page. */
    async evaluate<T>(expression: string): Promise<T> {
        const answer = await this.send("Runtime.evaluate", { expression, returnByValue: true });
        if (answer.exceptionDetails !== undefined) throw new Error(JSON.stringify(answer.exceptionDetails));
        return (answer.result as { value: T }).value;
    }

    /** Size of the window in CSS pixels, as a telephone where it is narrow. */
    async resize(width: number, height: number): Promise<void> {
        const mobile = width < 600;
        await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile });
    }

    async screenshot(): Promise<Buffer> {
        const { data } = await this.send("Page.captureScreenshot", { format: "png" });
        return Buffer.from(String(data), "base64");
    }

    async close(): Promise<void> {
        const ended = new Promise((resolve) => this.#process.once("exit", resolve));
        if (this.#process.exitCode === null) {
            this.#process.kill("SIGKILL");
            await ended;
        }
        await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
    }
}
