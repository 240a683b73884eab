/** A published port that the system has lent to a connection, on the real engine: waited for, not failed on. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, test } from "@jest/globals";
import { startOnPorts } from "../../../rollout/start-on-ports.ts";
import { baseImage, PreflightStage } from "./stage.ts";

test("a container starts once the connection that has its port is gone [R12] [R21]", async () => {
    const server = createServer((connection) => connection.on("error", () => connection.destroy()));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    // The system chooses its port: one that is asked for by number would be shared.
    const borrower = connect({ port, host: "127.0.0.1" });
    await once(borrower, "connect");
    const stage = await PreflightStage.open(borrower.localPort);
    const container = await publishing(stage);
    try {
        expect(await stage.refusal()).toMatch(/which the process \d+ \(node/);
        const waited: string[] = [];
        const lent = stage.engine.start(container.id).then(
            () => "started",
            (error: Error) => error.message,
        );
        expect(await lent).toContain("address already in use");
        const impatient = startOnPorts(stage.engine, container.id, 0, () => undefined);
        await expect(impatient).rejects.toMatchObject({
            category: "port-conflict",
            message: expect.stringContaining(`the system has lent 127.0.0.1:${stage.port} to a connection`),
        });
        // A reset leaves nothing behind that would keep the port.
        await startOnPorts(stage.engine, container.id, 30_000, (address) => {
            waited.push(address);
            borrower.resetAndDestroy();
        });
        expect(waited).toEqual([`127.0.0.1:${stage.port}`]);
        expect((await container.inspect()).State.Running).toBe(true);
    } finally {
        borrower.destroy();
        await container.remove({ force: true });
        await new Promise((resolve) => server.close(resolve));
    }
}, 60_000);

test("a port on which somebody listens is not waited for [R12]", async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const stage = await PreflightStage.open(port);
    const container = await publishing(stage);
    try {
        const waited: string[] = [];
        const start = startOnPorts(stage.engine, container.id, 60_000, (address) => waited.push(address));
        await expect(start).rejects.toMatchObject({
            category: "port-conflict",
            message: expect.stringContaining(`somebody listens on 127.0.0.1:${port}`),
        });
        expect(waited).toEqual([]);
    } finally {
        await container.remove({ force: true });
        await new Promise((resolve) => server.close(resolve));
    }
}, 60_000);

test("nor is one that another container has [R12]", async () => {
    const stage = await PreflightStage.open();
    const [first, second] = [await publishing(stage), await publishing(stage)];
    try {
        await stage.engine.start(first.id);
        await expect(startOnPorts(stage.engine, second.id, 60_000, () => undefined)).rejects.toMatchObject({
            category: "port-conflict",
            message: expect.stringContaining(`another container has 127.0.0.1:${stage.port}`),
        });
    } finally {
        for (const { id } of [first, second]) await stage.engine.remove(id);
    }
}, 60_000);

/** A container that publishes the stage's port, and was never started. */
const publishing = (stage: PreflightStage) =>
    stage.docker.createContainer({
        Image: baseImage,
        Cmd: ["sleep", "600"],
        ExposedPorts: { "80/tcp": {} },
        HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: String(stage.port) }] } },
    });
