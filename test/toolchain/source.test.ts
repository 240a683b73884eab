import { describe, expect, test } from "@jest/globals";
import { forcedSource, install, type Part, plan, type Source } from "../../toolchain/part.ts";

function source(kind: Source["kind"], from: string, answers: boolean, install: () => Promise<void>): Source {
    return { kind, from, answers: async () => answers, install };
}

function part(...sources: Source[]): Part {
    return {
        name: "thing",
        title: "The thing",
        why: "is needed",
        present: async () => undefined,
        sources,
        remedy: "Get the thing.",
    };
}

const works = async () => {};
const fails = async () => {
    throw new Error("the line was cut");
};

describe("the choice of a source", () => {
    test("the ordinary source is tried first where it answers", async () => {
        const planned = await plan(
            part(source("ordinary", "a shop", true, works), source("registries", "b", true, works)),
            undefined,
        );
        expect((await install(planned, () => {})).from).toBe("a shop");
    });

    test("a source that does not answer is left out", async () => {
        const planned = await plan(
            part(source("ordinary", "a", false, fails), source("registries", "b", true, works)),
            undefined,
        );
        expect((await install(planned, () => {})).from).toBe("b");
    });

    test("a source that fails is told, and the next one is used", async () => {
        const told: string[] = [];
        const planned = await plan(
            part(source("ordinary", "a", true, fails), source("registries", "b", true, works)),
            undefined,
        );
        expect((await install(planned, (text) => told.push(text))).from).toBe("b");
        expect(told).toEqual(["The thing: a failed: the line was cut"]);
    });

    test("a forced kind leaves only that and what is the same everywhere", async () => {
        const all = part(
            source("ordinary", "a", true, works),
            source("registries", "b", true, works),
            source("any", "c", true, works),
        );
        expect((await plan(all, "registries")).sources.map((each) => each.from)).toEqual(["b", "c"]);
        expect((await plan(all, "ordinary")).sources.map((each) => each.from)).toEqual(["a", "c"]);
    });

    test("without a source that answers it is refused by name, with the next step", async () => {
        const refused = plan(part(source("ordinary", "a shop", false, works)), undefined);
        await expect(refused).rejects.toMatchObject({
            category: "dependency",
            message: expect.stringMatching(/The thing .*a shop/),
            remedy: "Get the thing.",
        });
    });

    test("when the last source fails the error carries why", async () => {
        const planned = await plan(part(source("ordinary", "a", true, fails)), undefined);
        await expect(install(planned, () => {})).rejects.toMatchObject({
            category: "dependency",
            cause: expect.objectContaining({ message: "the line was cut" }),
        });
    });

    test("PLUMBLINE_SOURCE is one of two words", () => {
        expect(forcedSource({})).toBeUndefined();
        expect(forcedSource({ PLUMBLINE_SOURCE: "registries" })).toBe("registries");
        expect(() => forcedSource({ PLUMBLINE_SOURCE: "registry" })).toThrow(/"registry"/);
    });
});
