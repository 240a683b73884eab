/** Steps in memory, made by a seed, that write down what happens to them: the ground on which the runner is judged. */
import { nothingToUndo, type Step } from "../../../rollout/step.ts";

/** What a step is, or what happened to it. */
export type Happening = "begin" | "already-done" | "applied" | "failed" | "told-to-stop" | "undo" | "undo-failed";

export interface Entry {
    readonly step: string;
    readonly what: Happening;
}

/** How one step behaves. */
export interface Behaviour {
    readonly name: string;
    readonly after: readonly string[];
    /** Turns of the event loop that its acts take. */
    readonly turns: number;
    readonly alreadyDone: boolean;
    readonly failsIn: "done" | "apply" | "nothing";
    readonly failsInUndo: boolean;
    readonly heedsSignal: boolean;
}

export interface Scenario {
    readonly steps: readonly Behaviour[];
    /** Abort from outside after this many turns; never when absent. */
    readonly abortAfter?: number;
    /** The permission to act fails from this call on; `forGood`: for every later call too. */
    readonly losesPermission?: { readonly atCall: number; readonly forGood: boolean };
}

/** The mulberry32 generator: the same numbers for the same seed. */
export function randomFrom(seed: number): () => number {
    let state = seed;
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    };
}

/** A scenario of up to ten steps, given to the runner in any order. `calm`: nothing goes wrong in it. */
export function scenarioOf(seed: number, calm = false): Scenario {
    const random = randomFrom(seed);
    const chance = (probability: number) => random() < probability;
    const count = 1 + Math.floor(random() * 10);
    const names = Array.from({ length: count }, (_, index) => `s${index}`);
    const density = random();
    const trouble = calm ? 0 : 1;
    const steps = names.map((name, index): Behaviour => {
        const after = names.slice(0, index).filter(() => chance(density * 0.6));
        const fate = random();
        return {
            name,
            after,
            turns: Math.floor(random() * 4),
            alreadyDone: chance(0.15),
            failsIn: fate < 0.12 * trouble ? "apply" : fate < 0.15 * trouble ? "done" : "nothing",
            failsInUndo: chance(0.1 * trouble),
            heedsSignal: chance(0.7),
        };
    });
    for (let index = steps.length - 1; index > 0; index -= 1) {
        const other = Math.floor(random() * (index + 1));
        const [a, b] = [steps[index], steps[other]];
        if (a !== undefined && b !== undefined) [steps[index], steps[other]] = [b, a];
    }
    return {
        steps,
        ...(chance(0.2 * trouble) ? { abortAfter: Math.floor(random() * 12) } : {}),
        ...(chance(0.15 * trouble)
            ? { losesPermission: { atCall: 1 + Math.floor(random() * count), forGood: chance(0.5) } }
            : {}),
    };
}

/** A process that may be killed. */
export interface Actor {
    isDead: boolean;
}

/** What the steps of one run did, and the state that they left. */
export class StepWorld {
    readonly log: Entry[] = [];
    /** True where the act of a step stands, wholly or half. */
    readonly standing = new Map<string, boolean>();
    /** Errors by the step that threw them, in the order of their throwing. */
    readonly thrown: { readonly step: string; readonly error: Error }[] = [];

    /** @param actor whose process carries the steps out: once it is dead, nothing more of it happens, and nothing is answered */
    steps(behaviours: readonly Behaviour[], actor: Actor = { isDead: false }): Step[] {
        return behaviours.map((behaviour) => this.#step(behaviour, actor));
    }

    note(step: string, what: Happening): void {
        this.log.push({ step, what });
    }

    /** Names of the steps to which this happened, in order. */
    those(...what: readonly Happening[]): string[] {
        return this.log.filter((entry) => what.includes(entry.what)).map(({ step }) => step);
    }

    #fail(step: string, what: "failed" | "undo-failed"): never {
        const error = new Error(`${step}: ${what}`);
        this.note(step, what);
        if (what === "failed") this.thrown.push({ step, error });
        throw error;
    }

    #step(behaviour: Behaviour, actor: Actor): Step {
        const { name, after, turns, failsIn } = behaviour;
        const live = async (howLong: number) => {
            await pass(howLong);
            if (actor.isDead) await new Promise(() => undefined);
        };
        return {
            name,
            after,
            done: async () => {
                await live(0);
                this.note(name, "begin");
                await live(turns);
                if (failsIn === "done") this.#fail(name, "failed");
                if (behaviour.alreadyDone) {
                    this.standing.set(name, true);
                    this.note(name, "already-done");
                }
                return behaviour.alreadyDone;
            },
            apply: async (signal) => {
                await live(0);
                this.standing.set(name, true);
                for (let turn = 0; turn <= turns; turn += 1) {
                    await live(1);
                    if (!behaviour.heedsSignal || !signal.aborted) continue;
                    this.note(name, "told-to-stop");
                    throw new Error(`${name}: was told to stop`);
                }
                if (failsIn === "apply") this.#fail(name, "failed");
                this.note(name, "applied");
            },
            undo: async () => {
                await live(0);
                this.note(name, "undo");
                await live(turns);
                if (behaviour.failsInUndo) this.#fail(name, "undo-failed");
                this.standing.set(name, false);
            },
        };
    }
}

/** Lets the event loop turn this many times. */
export async function pass(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A step of the given name that does nothing, changed as told. */
export function plainStep(name: string, after: readonly string[] = [], change: Partial<Step> = {}): Step {
    return {
        name,
        after,
        done: async () => false,
        apply: async () => {},
        undo: nothingToUndo,
        ...change,
    };
}
