/** How long somebody who is still connected is waited for. */
import { expect, test } from "@jest/globals";
import { awaitIdle, connectionsTo } from "../../../rollout/steps/idle.ts";

/** An edge whose slots have so many connections, question by question; the last ones stay. */
const edgeWith = (...counts: readonly (readonly [number, number])[]) => {
    let asked = 0;
    return {
        get rounds() {
            return asked;
        },
        async sessions(_: string, ...slots: readonly ("a" | "b")[]) {
            const [a, b] = counts[Math.min(asked, counts.length - 1)] ?? [0, 0];
            asked += 1;
            return slots.reduce((sum, slot) => sum + (slot === "a" ? a : b), 0);
        },
    };
};
const patient = { withinMs: 60_000, askEveryMs: 1 };

test("whoever is connected to either slot is waited for, and nobody longer than that", async () => {
    const edge = edgeWith([2, 0], [0, 1], [0, 0], [1, 1]);
    expect(await awaitIdle(connectionsTo(edge, "store"), patient)).toBe(0);
    expect(edge.rounds).toBe(3);
});

test("who stays connected is asked for until the time is up, and counted", async () => {
    const connected = connectionsTo(edgeWith([2, 1]), "store");
    expect(await awaitIdle(connected, { withinMs: 0, askEveryMs: 1 })).toBe(3);
});

test("a rollout that is stopped ends the wait", async () => {
    const signal = AbortSignal.abort(new Error("another step has failed"));
    const connected = connectionsTo(edgeWith([1, 0]), "store");
    await expect(awaitIdle(connected, { ...patient, signal })).rejects.toThrow("another step");
});
