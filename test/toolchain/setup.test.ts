import { describe, expect, test } from "@jest/globals";
import { setUpProcess } from "./support/set-up.ts";
import { inTemporaryFolder } from "./support/temporary.ts";

/** An engine that only has to be started, and an image that no source answers for or that can be made. */
const engineAndImage = (imageLiesOnEngine: boolean, imageCanBeMade: boolean) => `
    let runs = false, made = false;
    const engine = {
        name: "engine", title: "The engine", why: "runs", remedy: "Start it.",
        present: async () => runs ? "1" : undefined,
        sources: [{ kind: "any", from: "started", starts: true, answers: async () => true, install: async () => { runs = true; } }],
    };
    const image = {
        name: "image", title: "The image", why: "is the base", remedy: "Load it.",
        present: async () => made || (runs && ${imageLiesOnEngine}) ? "1" : undefined,
        sources: [{ kind: "any", from: "made here", answers: async () => ${imageCanBeMade}, install: async () => { made = true; } }],
    };
    const parts = [engine, image];`;

/** How a set-up of both ends, and what it says. */
async function setUp(imageLiesOnEngine: boolean, imageCanBeMade: boolean) {
    return await inTemporaryFolder(async (folder) => {
        const run = setUpProcess(folder, engineAndImage(imageLiesOnEngine, imageCanBeMade), { PLUMBLINE_SOURCE: "" });
        return { code: await run.ended, told: run.told() };
    });
}

describe("an engine that is installed but not running", () => {
    test("is started before what lies on it is looked for: nothing else is announced", async () => {
        const { code, told } = await setUp(true, true);
        expect(told).toContain("The engine is installed but not running: starting it.");
        expect(told).toContain("Everything is there");
        expect(told).not.toContain("The image");
        expect(code).toBe(0);
    });

    test("is started also where an image that it holds could not be had from anywhere", async () => {
        const { code, told } = await setUp(true, false);
        expect([code, told]).toEqual([0, expect.stringContaining("Everything is there")]);
    });

    test("leaves what is missing then to be announced and installed", async () => {
        const { code, told } = await setUp(false, true);
        const lines = told.split("\n").map((line) => line.replace("[set-up] ", ""));
        expect(lines).toContain("  The image: is the base; made here");
        expect(lines.indexOf("  The image: is the base; made here")).toBeLessThan(lines.indexOf("The image …"));
        expect(lines.filter((line) => line.startsWith("  The engine"))).toEqual([]);
        expect(code).toBe(0);
    });
});
