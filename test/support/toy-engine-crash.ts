/**
 * Crashes of an engine of its own under a rollout of the toy, run where that engine's ports are:
 * `node toy-engine-crash.ts <engine> <way>:<boundary> …`. It prints `crash` when the engine is to be killed and started again,
 * and waits for a line on standard input; it ends with 0 when all is as it should be.
 */
import { createInterface } from "node:readline/promises";
import { Toy } from "./toy.ts";
import { KillBed } from "./toy-kills.ts";

const [host, ...cases] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin });
const answer = () => new Promise<void>((resolve) => lines.once("line", () => resolve()));

const toy = await Toy.open(host);
try {
    const bed = new KillBed(toy, await toy.deploy());
    for (const [way, boundary] of cases.map((text) => text.split(":"))) {
        const reached = await bed.runEngineCrash(
            way === "undo" ? "undo" : "forward",
            Number(boundary),
            async (thaw) => {
                console.log("crash");
                await answer();
                // The engine is away: the rollout goes on, and meets nobody.
                thaw();
                console.log("boot");
                await answer();
            },
        );
        console.log(`${way} ${boundary}: ${reached ? "as it should be" : "over before"}`);
    }
} finally {
    lines.close();
    await toy.close();
}
