/** A port that the system has lent for a moment is waited for; somebody who listens is not. */
import { createServer } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { PlumblineError } from "../../../release/errors.ts";
import { startOnPorts } from "../../../rollout/start-on-ports.ts";

const inUse = (port: number) =>
    new PlumblineError(
        "engine",
        `The Docker engine could not start container edge: Error starting userland proxy: listen tcp4 127.0.0.1:${port}: bind: address already in use`,
        { remedy: "x" },
    );

/** An engine that fails so often with this error, then starts. */
function engineThatFails(times: number, error: unknown) {
    const engine = {
        asked: 0,
        async start() {
            engine.asked += 1;
            if (engine.asked <= times) throw error;
        },
    };
    return engine;
}

async function freePort(keep = false) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const close = () => new Promise((resolve) => server.close(resolve));
    if (!keep) await close();
    return { port, close };
}

describe("a container that publishes ports [R12]", () => {
    test("is started again until the lent port has come back, and says once what it waits for", async () => {
        const { port } = await freePort();
        const engine = engineThatFails(2, inUse(port));
        const told: string[] = [];
        await startOnPorts(engine, "edge", 60_000, (address) => told.push(address));
        expect([engine.asked, told]).toEqual([3, [`127.0.0.1:${port}`]]);
    });

    test("is not waited for when somebody listens there", async () => {
        const { port, close } = await freePort(true);
        const engine = engineThatFails(9, inUse(port));
        await expect(startOnPorts(engine, "edge", 60_000, () => {})).rejects.toThrow(
            `somebody listens on 127.0.0.1:${port}`,
        );
        await close();
        expect(engine.asked).toBe(1);
    });

    test("is not waited for longer than was granted", async () => {
        const { port } = await freePort();
        const engine = engineThatFails(1_000, inUse(port));
        await expect(startOnPorts(engine, "edge", 0, () => {})).rejects.toMatchObject({
            category: "port-conflict",
            message: `the edge cannot publish its ports: the system has lent 127.0.0.1:${port} to a connection`,
        });
        expect(engine.asked).toBeLessThan(4);
    });

    test("fails at once for any other reason", async () => {
        for (const error of [new PlumblineError("engine", "no such image", { remedy: "x" }), new Error("x")]) {
            const engine = engineThatFails(9, error);
            await expect(startOnPorts(engine, "edge", 60_000, () => {})).rejects.toBe(error);
            expect(engine.asked).toBe(1);
        }
    });
});
