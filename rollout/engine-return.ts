/** Waiting for an engine that is away, as after a crash: nothing can be undone before it is back. */
import type { Engine } from "../engine/docker.ts";
import { sleep } from "../engine/retry.ts";

/** How long an undo waits for the engine, in milliseconds: a machine may have to be restarted in the meantime. */
const longestAwayMs = 15 * 60_000;
const askEveryMs = 500;

/** @throws the engine's own error when it has not come back in time */
export async function untilEngineAnswers(engine: Engine, longestMs = longestAwayMs): Promise<void> {
    const deadline = performance.now() + longestMs;
    for (;;) {
        try {
            await engine.info();
            return;
        } catch (error) {
            if (performance.now() > deadline) throw error;
            await sleep(askEveryMs);
        }
    }
}
