/** How long somebody who is still connected is waited for. */
import { expect, test } from "@jest/globals";
import { awaitIdle } from "../../../rollout/steps/idle.ts";

/** Question by question, how many connections are open; the last number stays. */
const connections = (...counts: readonly number[]) => {
    let asked = 0;
    return {
        get rounds() {
            return asked;
        },
        open: async () => {
            asked += 1;
            return counts[Math.min(asked, counts.length) - 1] ?? 0;
        },
    };
};
const patient = { withinMs: 60_000, askEveryMs: 1 };

test("whoever is connected is waited for, and nobody longer than that", async () => {
    const some = connections(2, 1, 0, 1);
    expect(await awaitIdle(some.open, patient)).toBe(0);
    expect(some.rounds).toBe(3);
});

test("who stays connected is asked for until the time is up, and counted", async () => {
    expect(await awaitIdle(connections(2).open, { withinMs: 0, askEveryMs: 1 })).toBe(2);
});

test("a rollout that is stopped ends the wait", async () => {
    const signal = AbortSignal.abort(new Error("another step has failed"));
    await expect(awaitIdle(connections(1).open, { ...patient, signal })).rejects.toThrow("another step");
});
