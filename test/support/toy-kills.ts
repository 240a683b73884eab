/** One case of the kill matrix: an update of all three toy services, a kill at one moment, and what must be true afterwards. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RolloutRequest } from "../../rollout/session.ts";
import { failingSmoke, type Toy, type ToyVersion, toyImages } from "./toy.ts";
import { dataDeviations, expectSettled, Writer } from "./toy-judge.ts";
import type { ToyRun, Victim } from "./toy-run.ts";

export interface KillCase {
    readonly victim: Victim;
    /** `undo`: the last gate fails, so that everything is taken back. */
    readonly way: "forward" | "undo";
    /** At this boundary, counted from 1; otherwise after this many milliseconds. */
    readonly moment: { readonly boundary: number } | { readonly afterMs: number };
    /** When a provider that outlived its CLI goes on: at once, or only after somebody else has ended its transaction. */
    readonly thaw: "at once" | "after the end";
}

export function describeCase({ victim, way, moment, thaw }: KillCase): string {
    return `${victim} killed at ${describeMoment(moment)} on the way ${way}${victim === "cli" ? `, thawed ${thaw}` : ""}`;
}

export function describeMoment(moment: KillCase["moment"]): string {
    return "boundary" in moment ? `boundary ${moment.boundary}` : `${moment.afterMs} ms`;
}

/** The toy with the release that serves, over many cases. */
export class KillBed {
    readonly toy: Toy;
    #serving: RolloutRequest;
    #count = 0;

    constructor(toy: Toy, serving: RolloutRequest) {
        this.toy = toy;
        this.#serving = serving;
    }

    /**
     * @returns false when the rollout was over before its moment had come
     * @throws Error with everything that is wrong, and with what the processes said
     */
    async runCase(kill: KillCase): Promise<boolean> {
        const boundary = "boundary" in kill.moment ? kill.moment.boundary : undefined;
        return this.#case(describeCase(kill), kill.way, boundary, async (run, old, next) => {
            const reached = await this.#killAt(run, kill);
            const settled = await withinMs(60_000, "after the kill", () => this.#settle(run, kill, old, next));
            return { reached, settled };
        });
    }

    /**
     * The same with a crash of the engine at that moment; everything must be as it should be a minute after its return.
     *
     * @throws Error caused by OverBefore when the rollout closed its transaction while the crash was on its way: what the
     * engine then does not bring up again is no part of an update
     * @param crash ends the engine without any warning, calls `thaw` while it is away, and starts it again after a moment
     */
    async runEngineCrash(
        way: KillCase["way"],
        moment: KillCase["moment"],
        crash: (thaw: () => void) => Promise<void>,
    ): Promise<boolean> {
        const boundary = "boundary" in moment ? moment.boundary : undefined;
        const about = `engine killed at ${describeMoment(moment)} on the way ${way}`;
        const crashed = async (run: ToyRun, old: RolloutRequest, next: RolloutRequest) => {
            const reached = "boundary" in moment ? await run.frozen() : await run.runsStillAfter(moment.afterMs);
            const isClosed = async () => (await this.toy.ledger.current()) === undefined;
            const wasClosed = reached && run.output().includes("transaction-end: ") && (await isClosed());
            if (reached) await crash(() => run.thaw());
            if (wasClosed || (reached && run.isOver && (await isClosed()))) throw new OverBefore();
            const settled = await withinMs(60_000, "after the return of the engine", async () => {
                await run.ended();
                // A crash before the transaction was open has met a stack that nobody works on: the next deploy brings it back.
                if (!run.output().includes("transaction-begin: ")) await this.toy.run(old).ended();
                return expectSettled(this.toy, old, next);
            });
            return { reached, settled };
        };
        return this.#case(about, way, boundary, crashed, 5_000);
    }

    async #case(
        about: string,
        way: KillCase["way"],
        freezeAt: number | undefined,
        act: (
            run: ToyRun,
            old: RolloutRequest,
            next: RolloutRequest,
        ) => Promise<{ readonly reached: boolean; readonly settled: string }>,
        answerMs?: number,
    ): Promise<boolean> {
        const { toy } = this;
        const old = this.#serving;
        const next = await toy.declare(this.#nextVersion(way));
        const writer = new Writer(toy, answerMs);
        const run = toy.run(next, { freezeAt });
        try {
            const { reached, settled } = await act(run, old, next);
            await writer.end();
            const wrong = await dataDeviations(toy, writer);
            if (wrong.length > 0) throw new Error(wrong.join("\n"));
            if (settled === "all new") this.#serving = next;
            await toy.sweep(this.#serving);
            return reached;
        } catch (error) {
            const passed = `${about}, ${run.questions} boundaries passed`;
            throw new Error(`${passed}: ${String(error)}\n${run.output()}\n${this.#lastEvents()}`, { cause: error });
        } finally {
            run.thaw();
            run.killAll();
            await writer.end();
        }
    }

    #nextVersion(way: KillCase["way"]): ToyVersion {
        this.#count += 1;
        const number = String(this.#count);
        const image = toyImages[this.#count % 2] ?? toyImages[0];
        return {
            settings: { store: number, consumer: number, web: number },
            images: { store: image, consumer: image, web: image },
            policy: { bakeMs: 300, bakeIntervalMs: 100 },
            ...(way === "undo" ? { smoke: failingSmoke } : {}),
        };
    }

    async #killAt(run: ToyRun, { victim, moment, thaw }: KillCase): Promise<boolean> {
        if ("boundary" in moment) {
            if (!(await run.frozen())) return false;
            run.kill(victim);
            if (victim === "guard" || (victim === "cli" && thaw === "at once")) run.thaw();
            return true;
        }
        if (!(await run.runsStillAfter(moment.afterMs))) return false;
        run.kill(victim);
        return true;
    }

    /** Whoever is to end the transaction does so: the provider itself, the guard, or, where that was killed too, the next one. */
    async #settle(run: ToyRun, kill: KillCase, old: RolloutRequest, next: RolloutRequest): Promise<string> {
        const { toy } = this;
        if (kill.victim === "guard") await run.ended();
        if (kill.victim === "guard and both" || !run.hadGuard) {
            await run.ended();
            if (kill.victim === "cli") run.thaw();
            await run.providerGone();
            await toy.run(next, { act: "recover" }).ended();
        }
        const settled = await expectSettled(toy, old, next);
        const before = await this.#snapshot(old, next, settled);
        run.thaw();
        await run.providerGone();
        const after = await this.#snapshot(old, next, settled);
        if (before !== after) throw new Error(`an act after the end:\n${before}\n${after}`);
        return await expectSettled(toy, old, next);
    }

    /** What a further act would change. */
    async #snapshot(old: RolloutRequest, next: RolloutRequest, settled: string): Promise<string> {
        const { toy } = this;
        const request = settled === "all new" ? next : old;
        const facts = await Promise.all((await toy.engine.list(toy.labels)).map(({ id }) => toy.engine.inspect(id)));
        const seen = facts.map((one) => `${one?.name} ${one?.state} ${one?.startedAt}`).sort();
        const slots = await toy.edge(request).readSlots();
        const commits = (await toy.ledger.commits()).map(({ release }) => release);
        return JSON.stringify({ seen, slots, commits }, null, 1);
    }

    #lastEvents(): string {
        try {
            return readFileSync(path.join(this.toy.reports, "timeline.jsonl"), "utf8")
                .split("\n")
                .slice(-60)
                .join("\n");
        } catch (error) {
            return `no timeline: ${String(error)}`;
        }
    }
}

export class OverBefore extends Error {}

async function withinMs<T>(ms: number, since: string, act: () => Promise<T>): Promise<T> {
    const ended = new AbortController();
    const late = sleep(ms, undefined, { signal: ended.signal }).then(() => {
        throw new Error(`not settled ${ms / 1000} s ${since}`);
    });
    late.catch(() => undefined);
    try {
        return await Promise.race([act(), late]);
    } finally {
        ended.abort();
    }
}
