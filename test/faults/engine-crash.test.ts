/** `kill -9` of the engine itself under a rollout: after its return everything is all old or all new within a minute. */
import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { PrivateEngine, whyNoPrivateEngine } from "../support/private-engine.ts";
import { buildToyImages } from "../support/toy.ts";

const why = await whyNoPrivateEngine();
if (why !== null) process.stderr.write(`test/faults/engine-crash.test.ts is skipped: ${why}\n`);
const onPrivateEngine = why === null ? test : test.skip;

const isAskedFor = process.argv.some((word) => word.includes("test/faults"));
/** Before and after the hand-overs, around the switch, in the bake, and on the way back. */
const cases = isAskedFor
    ? [
          "forward:4",
          "forward:8",
          "forward:9",
          "forward:12",
          "forward:16",
          "forward:20",
          "forward:24",
          "undo:26",
          "undo:32",
      ]
    : ["forward:9"];

onPrivateEngine(
    "F12 a crash of the engine during an update ends in all old or all new [R90, R95]",
    async () => {
        const engine = await PrivateEngine.start();
        try {
            await engine.load(...(await buildToyImages()));
            const program = path.join(import.meta.dirname, "../support/toy-engine-crash.ts");
            const child = spawn(...engine.command(process.execPath, [program, engine.host, ...cases]), {
                stdio: ["pipe", "pipe", "inherit"],
            });
            for await (const line of createInterface({ input: child.stdout })) {
                console.log(line);
                if (line === "crash") await engine.kill();
                if (line === "boot") {
                    await sleep(1_000);
                    await engine.boot();
                }
                if (line === "crash" || line === "boot") child.stdin.write("done\n");
            }
            const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once("exit", resolve)));
            expect(code).toBe(0);
        } finally {
            await engine.dispose();
        }
    },
    1_800_000,
);
