/**
 * `kill -9` of the engine itself under a rollout: after its return everything is all old or all new within a minute. Asked
 * for by its folder (`npm run test:faults`) it tries every boundary, 50 chance moments and 10 starts of a container; among all
 * tests one of each. `PLUMBLINE_FAULTS` sets the number of cases of each test, `PLUMBLINE_SEED` repeats a run,
 * `PLUMBLINE_FROM` continues one over every boundary that was cut off.
 */
import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { faultLimit, firstBoundary, seed, ways } from "../support/fault-plan.ts";
import { PrivateEngine, whyNoPrivateEngine } from "../support/private-engine.ts";
import { buildToyImages } from "../support/toy.ts";

const why = await whyNoPrivateEngine();
if (why !== null) process.stderr.write(`test/faults/engine-crash.test.ts is skipped: ${why}\n`);
else process.stderr.write(`engine-crash: PLUMBLINE_SEED=${seed}\n`);
const onPrivateEngine = why === null ? test : test.skip;
const limit = faultLimit(1);
const hour = 3_600_000;

describe("F12 a crash of the engine during an update ends in all old or all new", () => {
    if (limit === Number.POSITIVE_INFINITY) {
        for (const way of ways) {
            onPrivateEngine(
                `at every boundary on the way ${way} [R90, R95]`,
                async () => expect(await crashes("every", way)).toBeGreaterThan(20 - firstBoundary),
                6 * hour,
            );
        }
        onPrivateEngine(
            "at 50 chance moments [R90, R95]",
            async () => expect(await crashes("chance", "50")).toBeGreaterThanOrEqual(50),
            6 * hour,
        );
        onPrivateEngine(
            "in 10 starts of a container [R90, R95]",
            async () => expect(await crashes("starting", "10")).toBeGreaterThanOrEqual(10),
            6 * hour,
        );
        return;
    }
    onPrivateEngine(
        "at a sample of boundaries [R90, R95]",
        async () => expect(await crashes("sample", String(limit))).toBeGreaterThanOrEqual(limit),
        hour,
    );
    onPrivateEngine(
        "at a sample of chance moments [R90, R95]",
        async () => expect(await crashes("chance", String(limit))).toBeGreaterThanOrEqual(limit),
        hour,
    );
    onPrivateEngine(
        "in a sample of starts of a container [R90, R95]",
        async () => expect(await crashes("starting", String(limit))).toBeGreaterThanOrEqual(limit),
        hour,
    );
});

/** Runs the cases of a plan on an engine of their own. @returns how often the engine was killed */
async function crashes(...plan: readonly string[]): Promise<number> {
    const engine = await PrivateEngine.start();
    try {
        await engine.load(...(await buildToyImages()));
        const program = path.join(import.meta.dirname, "../support/toy-engine-crash.ts");
        const child = spawn(...engine.command(process.execPath, [program, engine.host, engine.bundle(""), ...plan]), {
            stdio: ["pipe", "pipe", "inherit"],
        });
        let count = 0;
        for await (const line of createInterface({ input: child.stdout })) {
            if (line === "crash") {
                count += 1;
                await engine.kill();
            } else if (line === "boot") {
                await sleep(1_000);
                await engine.boot();
            } else {
                process.stderr.write(`${line}\n`);
                continue;
            }
            child.stdin.write("done\n");
        }
        const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once("exit", resolve)));
        expect(code).toBe(0);
        return count;
    } finally {
        await engine.dispose();
    }
}
