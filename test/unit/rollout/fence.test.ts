/** The fence around the engine: who has lost the right to act may only ask. */
import { describe, expect, test } from "@jest/globals";
import { Engine } from "../../../engine/docker.ts";
import { fenced } from "../../../rollout/fence.ts";
import { TransactionLost } from "../../../rollout/ledger.ts";

/** What changes nothing on the engine. */
const questions = [
    ...["info", "inspect", "list", "everything", "logs", "followLogs", "readFiles", "getFile", "defaults"],
    ...["image", "imageDetails", "registryAnswer", "volume", "volumes", "volumeDetails"],
    ...["network", "networks", "networkDetails"],
];
/** The engine's own, which nobody calls from outside, and the end of the door. */
const inner = ["constructor", "close", "startOverShim", "awaitRemoval", "readArchive"];

const methods = Object.getOwnPropertyNames(Engine.prototype).filter((name) => !inner.includes(name));

/** Answers each method with its name. */
const engine = Object.fromEntries(methods.map((name) => [name, async () => name])) as unknown as Engine;

const call = (target: Engine, method: string): Promise<unknown> =>
    (Reflect.get(target, method) as () => Promise<unknown>)();

describe("who has lost the transaction [R90]", () => {
    const lost = fenced(engine, () => {
        throw new TransactionLost("tx-1");
    });

    test.each(methods.filter((name) => !questions.includes(name)))("does no act: %s", async (method) => {
        await expect(call(lost, method)).rejects.toThrow(TransactionLost);
    });

    test.each(questions)("may ask: %s", async (method) => {
        expect(await call(lost, method)).toBe(method);
    });
});

test.each(methods)("who has it may do everything: %s", async (method) => {
    expect(
        await call(
            fenced(engine, () => undefined),
            method,
        ),
    ).toBe(method);
});
