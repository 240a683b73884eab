/** Starting the edge while something takes it down again. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startEdge } from "../../../rollout/put-back.ts";
import { Stage } from "./stage.ts";

const stage = new Stage({ listeners: [{ service: "api", port: 8000, protocol: "http", kind: "request" }] });

beforeAll(() => stage.open(), 300_000);
afterAll(() => stage.close());

/** Starts the edge over an engine which takes it down again so many times, as a crash of it does. */
async function startOver(falls: number): Promise<number> {
    const { engine } = stage;
    let starts = 0;
    const falling = new Proxy(engine, {
        get: (target, name) => {
            if (name !== "start") return Reflect.get(target, name, target);
            return async (id: string) => {
                starts += 1;
                await engine.start(id);
                if (starts <= falls) await engine.stop(id, 0);
            };
        },
    });
    const name = (await engine.inspect(stage.edgeId))?.name ?? "";
    await startEdge({
        engine: falling,
        edge: stage.edge,
        edgeContainer: { id: stage.edgeId, name },
        timeline: { record: () => undefined } as never,
    });
    return starts;
}

test("one that ends before it has answered is started again [R90]", async () => {
    await stage.engine.stop(stage.edgeId, 5);
    const usual = await startOver(0);
    await stage.engine.stop(stage.edgeId, 5);
    expect(await startOver(1)).toBe(usual + 1);
    await stage.edge.ready();
});

test("one that does not stay up is an error, and is not waited for [R90]", async () => {
    await stage.engine.stop(stage.edgeId, 5);
    await expect(startOver(99)).rejects.toMatchObject({ category: "switch", message: "The edge has ended" });
    await expect(stage.edge.ready(600_000)).rejects.toThrow("The edge has ended");
    await stage.engine.start(stage.edgeId);
    await stage.edge.ready();
});
