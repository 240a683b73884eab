/** Whether a toy stands as it should after a rollout, however that ended: asked of the engine, the edge and the services. */
import { request as httpRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { activeContainer } from "../../engine/edge/slots.ts";
import type { RolloutRequest } from "../../rollout/session.ts";
import { type Toy, toyServices } from "./toy.ts";

/** One answer of a toy service, on a connection of its own. */
export function askToy(url: string, body?: string, timeoutMs = 40_000): Promise<{ status: number; json: unknown }> {
    return new Promise((resolve, reject) => {
        const options = { method: body === undefined ? "GET" : "POST", agent: false, timeout: timeoutMs } as const;
        const question = httpRequest(url, options, (answer) => {
            const chunks: Buffer[] = [];
            answer.on("data", (chunk: Buffer) => chunks.push(chunk));
            answer.once("error", reject);
            answer.once("end", () => {
                try {
                    const text = Buffer.concat(chunks).toString();
                    resolve({ status: answer.statusCode ?? 0, json: JSON.parse(text) as unknown });
                } catch (error) {
                    reject(error);
                }
            });
        });
        question.once("timeout", () => question.destroy(new Error(`no answer within ${timeoutMs} ms`)));
        question.once("error", reject);
        question.end(body);
    });
}

/** Writes lines and jobs through the edge without a break, and remembers what was acknowledged. */
export class Writer {
    readonly acknowledged: string[] = [];
    readonly failed: string[] = [];
    jobs = 0;
    #ended = false;
    readonly #loop: Promise<void>;

    /** @param timeoutMs longest wait for one answer: the connections of an engine that crashed answer never */
    constructor(toy: Toy, timeoutMs = 40_000) {
        this.#loop = this.#write(toy, timeoutMs);
    }

    async #write(toy: Toy, timeoutMs: number): Promise<void> {
        for (let count = 1; !this.#ended; count += 1) {
            const line = `${toy.project} ${process.hrtime.bigint()}`;
            // Both ways: straight to the store, and through web.
            const url = `${toy.address(count % 2 === 0 ? "store" : "web")}/append`;
            try {
                const { status } = await askToy(url, line, timeoutMs);
                if (status === 200) this.acknowledged.push(line);
                else this.failed.push(`${status}`);
                const job = () => askToy(`${toy.address("store")}/job`, "", timeoutMs);
                if (count % 5 === 0 && (await job()).status === 200) this.jobs += 1;
            } catch (error) {
                this.failed.push(String(error));
            }
            await sleep(20);
        }
    }

    async end(): Promise<void> {
        this.#ended = true;
        await this.#loop;
    }
}

/** Waits until no transaction is open. @throws Error when that takes longer than a minute */
export async function untilClosed(toy: Toy, withinMs = 60_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    for (;;) {
        const open = await toy.ledger.current();
        if (open === undefined) return;
        if (Date.now() > deadline) throw new Error(`still open after ${withinMs / 1000} s: ${JSON.stringify(open)}`);
        await sleep(50);
    }
}

/**
 * Everything that is wrong with a stack that is to run exactly this release; empty when nothing is. Identity is asked three
 * times: the label and the image of the one running container, and the revision that it reports through the published port.
 */
export async function deviationsFrom(toy: Toy, wanted: RolloutRequest): Promise<string[]> {
    const wrong: string[] = [];
    const slots = await toy.edge(wanted).readSlots();
    const all = await toy.engine.list(toy.labels);
    const declared = new Set([wanted.edge.name, ...Object.values(wanted.containers).map(({ name }) => name)]);
    for (const { name, state } of all)
        if (!declared.has(name) && state !== "exited" && state !== "created") wrong.push(`stray: ${name} (${state})`);
    for (const service of toyServices) {
        const container = wanted.containers[service]?.name;
        const { revision, image } = wanted.release.services.find(({ name }) => name === service) ?? {};
        const running = all.filter(
            ({ labels, state }) => labels["plumbline.service"] === service && state !== "exited" && state !== "created",
        );
        const names = running.map(({ name, state }) => `${name} (${state})`).join(", ");
        if (running.length !== 1 || running[0]?.name !== container || running[0]?.state !== "running")
            wrong.push(`${service}: runs as ${names || "nothing"}, not as ${container}`);
        const facts = await toy.engine.inspect(container ?? "");
        if (facts?.labels["plumbline.revision"] !== revision) wrong.push(`${service}: another revision by its label`);
        const imageId = (await toy.engine.image(image?.reference ?? ""))?.id;
        if (facts?.imageId !== imageId) wrong.push(`${service}: another image`);
        if (slots[service]?.held !== false) wrong.push(`${service}: the edge still holds`);
        if (activeContainer(slots, service) !== container)
            wrong.push(`${service}: the edge sends to ${activeContainer(slots, service)}`);
        const answer = await askToy(`${toy.address(service)}/health`, undefined, 5_000).catch(String);
        const said = typeof answer === "string" ? answer : JSON.stringify(answer.json);
        if (!said.includes(`"revision":"${revision}"`)) wrong.push(`${service}: ${said} instead of ${revision}`);
    }
    return wrong;
}

interface StoreState {
    readonly lines: readonly string[];
    readonly jobs: number;
    readonly done: readonly number[];
    readonly twice: readonly string[];
}

/** Everything that is wrong with the data: acknowledged writes that are lost, jobs lost or done twice, two at once. */
export async function dataDeviations(toy: Toy, writer: Pick<Writer, "acknowledged">): Promise<string[]> {
    const wrong: string[] = [];
    const read = async () => (await askToy(`${toy.address("store")}/state`)).json as StoreState;
    let state = await read();
    for (const end = Date.now() + 20_000; Date.now() < end && state.done.length < state.jobs; await sleep(100))
        state = await read();
    const kept = new Set(state.lines);
    const lost = writer.acknowledged.filter((line) => !kept.has(line));
    if (lost.length > 0) wrong.push(`${lost.length} acknowledged writes are lost`);
    if (state.done.length !== state.jobs) wrong.push(`${state.jobs} jobs, ${state.done.length} done`);
    if (new Set(state.done).size !== state.done.length) wrong.push("a job was done twice");
    const consumer = (await askToy(`${toy.address("consumer")}/state`)).json as { did: string[]; twice: string[] };
    const jobs = consumer.did.map((line) => line.split(" ")[0]);
    if (new Set(jobs).size !== jobs.length) wrong.push("a job was processed twice");
    if (consumer.twice.length + state.twice.length > 0)
        wrong.push(`ran twice at once: ${[...consumer.twice, ...state.twice].join("; ")}`);
    return wrong;
}

/** Waits until the ledger is closed and says which of the two releases was committed last; all-old or all-new, or it throws. */
export async function expectSettled(
    toy: Toy,
    old: RolloutRequest,
    next: RolloutRequest,
): Promise<"all old" | "all new"> {
    await untilClosed(toy);
    const last = await toy.ledger.lastCommit();
    const wanted = last?.release === next.release.id ? next : old;
    if (last?.release !== wanted.release.id) throw new Error(`the last commit is ${last?.release}`);
    // What Pulumi does at the end of an update that committed: until then the previous web goes on running.
    if (wanted === next) await toy.sweep(next);
    const wrong = await deviationsFrom(toy, wanted);
    if (wrong.length > 0) throw new Error(wrong.join("\n"));
    return wanted === next ? "all new" : "all old";
}
