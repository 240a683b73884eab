/** A service that dies comes back by itself, more patiently each time. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { connectEngine } from "../../../engine/docker.ts";
import { loadRelease } from "../../../release/load.ts";
import { buildImage, edgeImage } from "../edge/stage.ts";

const engine = connectEngine();
const labels = { "plumbline.test": randomBytes(4).toString("hex") };

beforeAll(async () => {
    await buildImage("edge");
}, 300_000);

afterAll(async () => {
    for (const { id } of await engine.list(labels)) await engine.remove(id);
});

/** Starts of a container that dies at once, as the engine's restart policy brings them about. */
async function startsOf(restart: "unless-stopped" | "no", wanted: number): Promise<number[]> {
    const command = { entrypoint: ["sh", "-c", "exit 3"] };
    const id = await engine.create({ image: edgeImage, labels, restart, ...command });
    await engine.start(id);
    const starts: number[] = [];
    for (let looked = 0; looked < 1_200 && starts.length < wanted; looked += 1) {
        const facts = await engine.inspect(id);
        if (facts !== undefined && facts.startedAt !== starts.at(-1)) starts.push(facts.startedAt);
        if (facts?.state === "exited" && restart === "no") break;
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await engine.stop(id, 1);
    return starts;
}

test("[R22] every service of the baseline is restarted by the engine until it is stopped on purpose", async () => {
    const root = path.resolve(import.meta.dirname, "../../..");
    const { release } = await loadRelease(root, "local", { project: "restart-test" });
    expect(release.services.map(({ name, spec }) => [name, spec.restart])).toEqual(
        release.services.map(({ name }) => [name, "unless-stopped"]),
    );
});

test("[R22] a container that dies again and again is restarted with a growing wait, and without the policy it is not", async () => {
    const starts = await startsOf("unless-stopped", 6);
    const gaps = starts.slice(1).map((start, index) => start - (starts[index] ?? 0));
    expect(starts).toHaveLength(6);
    expect(gaps.at(-1)).toBeGreaterThan(gaps[0] ?? Number.POSITIVE_INFINITY);
    expect(await startsOf("no", 2)).toHaveLength(1);
}, 120_000);
