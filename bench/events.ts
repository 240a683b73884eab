/** What happened when: the engine's own events of a project, the timeline of a transaction, the revision that answered. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { Agent, request } from "undici";
import type { TimelineEvent } from "../rollout/outcome.ts";
import { timelinePath } from "../rollout/timeline.ts";

/** One event of the engine about a container; `at` in milliseconds since 1970. */
export interface ContainerEvent {
    readonly at: number;
    readonly action: string;
    readonly service: string;
    readonly revision: string;
    readonly exitCode: string;
}

/** Follows the engine's events of one project's containers. */
export class ContainerEvents {
    readonly seen: ContainerEvent[] = [];
    readonly #child;

    /** @param label label by which the containers are found, as in `plumbline.project=x` */
    constructor(label: string, serviceLabel: string, env: Readonly<Record<string, string>>) {
        const filters = ["--filter", "type=container", "--filter", `label=${label}`];
        this.#child = spawn("docker", ["events", "--format", "{{json .}}", ...filters], {
            env,
            stdio: ["ignore", "pipe", "ignore"],
        });
        this.#child.on("error", () => undefined); // Without events the figure is missing, which the case says.
        createInterface({ input: this.#child.stdout }).on("line", (line) => {
            const event = JSON.parse(line) as {
                Action: string;
                timeNano: number;
                Actor: { Attributes: Record<string, string> };
            };
            const attributes = event.Actor.Attributes;
            this.seen.push({
                at: event.timeNano / 1e6,
                action: event.Action,
                service: attributes[serviceLabel] ?? "",
                revision: attributes["plumbline.revision"] ?? "",
                exitCode: attributes.exitCode ?? "",
            });
        });
    }

    /** The first end of a service's container that nobody had asked for. */
    firstCrash(service: string): ContainerEvent | undefined {
        return this.seen.find((event) => event.service === service && event.action === "die" && event.exitCode !== "0");
    }

    close(): void {
        this.#child.kill();
    }
}

/** The events of the last transaction of a project's stack. */
export async function readTimeline(folder: string, stack: string): Promise<TimelineEvent[]> {
    const text = await readFile(path.join(folder, timelinePath(stack)), "utf8");
    return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as TimelineEvent);
}

/** When the step failed that made everything be undone, and which it was. */
export function detection(timeline: readonly TimelineEvent[]): {
    readonly at: number;
    readonly step: string;
    readonly message: string;
} | null {
    const event = timeline.find(({ event }) => event === "step-failed");
    return event === undefined ? null : { at: Date.parse(event.at), step: event.step ?? "", message: event.message };
}

/** Milliseconds in which at least one of the named steps was under way. */
export function timeIn(timeline: readonly TimelineEvent[], isMeant: (step: string) => boolean): number {
    const spans = timeline.flatMap(({ event, step, at, durationMs }) => {
        if (event !== "step-done" || step === undefined || !isMeant(step)) return [];
        const end = Date.parse(at);
        return [{ begin: end - (durationMs ?? 0), end }];
    });
    let covered = 0;
    let until = Number.NEGATIVE_INFINITY;
    for (const { begin, end } of spans.sort((a, b) => a.begin - b.begin)) {
        covered += Math.max(0, end - Math.max(begin, until));
        until = Math.max(until, end);
    }
    return covered;
}

/** Asks the api ten times a second, each time on a new connection, which revision answers. */
export class RevisionWatch {
    readonly #answers: { readonly at: number; readonly revision: string }[] = [];
    readonly #agent = new Agent({ pipelining: 0 });
    readonly #done: Promise<void>;
    #stopping = false;

    constructor(origin: string) {
        this.#done = this.#watch(origin);
    }

    async close(): Promise<void> {
        this.#stopping = true;
        await this.#done;
        await this.#agent.destroy();
    }

    /** When a revision other than the first answered for the last time; undefined when none ever did. */
    lastOfAnother(): number | undefined {
        const first = this.#answers[0]?.revision;
        return this.#answers.findLast(({ revision }) => revision !== first)?.at;
    }

    /** When the revision of before answered again after the given moment; undefined when it never did. */
    backAfter(moment: number): number | undefined {
        const first = this.#answers[0]?.revision;
        return this.#answers.find(({ at, revision }) => at > moment && revision === first)?.at;
    }

    async #watch(origin: string): Promise<void> {
        while (!this.#stopping) {
            try {
                const answer = await request(`${origin}/health`, {
                    dispatcher: this.#agent,
                    signal: AbortSignal.timeout(5_000),
                });
                const { revision } = (await answer.body.json()) as { revision?: string };
                if (revision !== undefined) this.#answers.push({ at: Date.now(), revision });
            } catch {
                // The load counts what failed; here only answers matter.
            }
            await pause(100);
        }
    }
}
