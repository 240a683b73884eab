/** The dependency graph. */
import { describe, expect, test } from "@jest/globals";
import { PlumblineError } from "../../../release/errors.ts";
import { type DependencyGraph, startLevels, startOrder } from "../../../release/graph.ts";

const insurance: DependencyGraph = {
    worker: ["postgres", "redis", "storage"],
    api: ["postgres", "redis", "storage"],
    storage: ["postgres"],
    redis: [],
    postgres: [],
};

function errorOf(graph: DependencyGraph): PlumblineError {
    try {
        startLevels(graph);
    } catch (error) {
        if (error instanceof PlumblineError) return error;
        throw error;
    }
    throw new Error("the graph was accepted");
}

/** A repeatable sequence of numbers from 0 to below 1. */
function sequence(seed: number): () => number {
    let state = seed;
    return () => {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        return state / 2_147_483_648;
    };
}

/** A graph without circles: each service depends only on services of a smaller number. */
function randomGraph(seed: number): DependencyGraph {
    const random = sequence(seed);
    const names = Array.from({ length: 1 + Math.floor(random() * 12) }, (_, index) => `s${index}`);
    const entries = names.map((name, index): [string, string[]] => [
        name,
        names.slice(0, index).filter(() => random() < 0.3),
    ]);
    return Object.fromEntries(entries.sort(() => random() - 0.5));
}

describe("the start order", () => {
    test("puts a service after everything it depends on, whatever the graph [R07]", () => {
        for (let seed = 1; seed <= 200; seed++) {
            const graph = randomGraph(seed);
            const order = startOrder(graph);
            expect([...order].sort()).toEqual(Object.keys(graph).sort());
            for (const [name, others] of Object.entries(graph)) {
                for (const other of others) expect(order.indexOf(other)).toBeLessThan(order.indexOf(name));
            }
        }
    });

    test("is the same in whatever order the services are written", () => {
        const turned = Object.fromEntries(Object.entries(insurance).reverse());
        expect(startOrder(turned)).toEqual(startOrder(insurance));
        expect(startOrder(insurance)).toEqual(["postgres", "redis", "storage", "api", "worker"]);
    });

    test("groups what may start side by side", () => {
        expect(startLevels(insurance)).toEqual([["postgres", "redis"], ["storage"], ["api", "worker"]]);
        expect(startLevels({})).toEqual([]);
    });
});

describe("a graph is refused", () => {
    test("when it names an unknown service, with the nearest name [R07]", () => {
        const error = errorOf({ api: ["postgers"], postgres: [] });
        expect(error.category).toBe("dependency");
        expect(error.message).toContain("api depends on postgers");
        expect(error.remedy).toContain("did you mean postgres?");
    });

    test("when it has a circle, which is named as a path [R07]", () => {
        expect(errorOf({ a: ["b"], b: ["c"], c: ["a"], d: [] }).message).toContain("a → b → c → a");
        expect(errorOf({ a: ["a"] }).message).toContain("a → a");
    });

    test("and the path holds only the circle, not the way to it [R07]", () => {
        expect(errorOf({ a: ["b"], b: ["c"], c: ["b"] }).message).toContain("circle: b → c → b.");
    });
});
