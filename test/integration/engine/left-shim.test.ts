/** An engine that is killed while it starts a container leaves a process of that start, and cannot start it again by itself. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { connectEngine, type Engine } from "../../../engine/docker.ts";
import { PlumblineError } from "../../../release/errors.ts";
import { PrivateEngine, whyNoPrivateEngine } from "../../support/private-engine.ts";
import { buildImage, edgeImage } from "../edge/stage.ts";

const exec = promisify(execFile);
const why = await whyNoPrivateEngine();
if (why !== null) process.stderr.write(`test/integration/engine/left-shim.test.ts is skipped: ${why}\n`);
const suite = why === null ? describe : describe.skip;

/** A kill that came too late, as the container ran already, is no case: then another one is killed. */
const mostKills = 8;

suite("a crash of the engine while it starts a container", () => {
    let own: PrivateEngine;
    let plain: Engine;

    beforeAll(async () => {
        await buildImage("edge");
        own = await PrivateEngine.start();
        await own.load(edgeImage);
        plain = connectEngine(own.host);
    }, 300_000);

    // The engine asks those that run to end, and waits for it, when it is back after a kill.
    afterEach(async () => {
        for (const { id } of await plain.everything()) await plain.remove(id);
    });

    afterAll(() => own?.dispose(), 120_000);

    const create = (labels = {}) => plain.create({ image: edgeImage, entrypoint: ["sleep", "1000"], labels });

    async function untilGone(id: string): Promise<void> {
        for (let looked = 0; looked < 50 && shimsOf(id).length > 0; looked += 1) await sleep(100);
        expect(shimsOf(id)).toEqual([]);
    }

    /** A container that the engine cannot start any more, and what it says of that. */
    async function heldContainer(): Promise<{ id: string; refusal: PlumblineError }> {
        for (let kills = 0; kills < mostKills; kills += 1) {
            const id = await create({ "plumbline.test": "unknown" });
            const starting = own.docker(["start", id]).catch(() => undefined);
            // The first milliseconds leave something else, which only another restart of the engine clears.
            while (!existsSync(path.join(own.bundle(id), "runtime"))) await sleep(2);
            await own.kill();
            await starting;
            await own.boot();
            const refusal: unknown = await plain.start(id).catch((error: unknown) => error);
            if (refusal instanceof PlumblineError) return { id, refusal };
            await plain.remove(id);
        }
        throw new Error(`${mostKills} kills, and each came too late`);
    }

    test("is cleared by the next start, of the very same container, and nothing else is touched [R90, R95]", async () => {
        const { id, refusal } = await heldContainer();
        expect(refusal.message).toMatch(/: already exists\. A crash of the engine has left/);
        const bystander = await create();
        await plain.start(bystander);
        const before = await plain.inspect(bystander);

        const notes: string[] = [];
        const helper = { image: edgeImage, note: (message: string) => notes.push(message) };
        await connectEngine(own.host, { helper }).start(id);

        expect(await plain.inspect(id)).toMatchObject({ id, running: true });
        expect(shimsOf(id)).toHaveLength(1);
        expect(notes).toEqual([`ended what a crash of the engine had left of an earlier start of container ${id}`]);
        expect(await plain.inspect(bystander)).toEqual(before);
        expect((await plain.everything()).map((container) => container.id).sort()).toEqual([bystander, id].sort());
    }, 180_000);

    test("within its first milliseconds leaves a folder: it is cleared by the next start too, and nothing is touched beside it [R90]", async () => {
        const id = await create();
        const bystander = await create();
        await plain.start(bystander);
        mkdirSync(own.bundle(id));
        await expect(plain.start(id)).rejects.toThrow(/mkdir .*: file exists/);
        const helper = { image: edgeImage, note: () => undefined };
        await connectEngine(own.host, { helper }).start(id);
        expect(await plain.inspect(id)).toMatchObject({ id, running: true });
        expect(existsSync(own.bundle(bystander))).toBe(true);
        expect(await plain.inspect(bystander)).toMatchObject({ running: true });
        expect((await plain.everything()).map((container) => container.id).sort()).toEqual([bystander, id].sort());
    }, 120_000);

    test("is ended before another container takes its place, and what runs is not touched [R90, R92]", async () => {
        const { id } = await heldContainer();
        const labels = { "plumbline.test": "unknown" };
        const bystander = await create(labels);
        await plain.start(bystander);
        expect(shimsOf(id)).toHaveLength(1);

        await connectEngine(own.host, { helper: { image: edgeImage, note: () => undefined } }).endUnknown(labels);
        await untilGone(id);
        expect(shimsOf(bystander)).toHaveLength(1);
        expect(await plain.inspect(bystander)).toMatchObject({ running: true });
    }, 180_000);

    test("is cleared by what the error says where no helper can do it [R90]", async () => {
        const { id } = await heldContainer();
        const helper = { image: "plumbline-test/nobody:none", note: () => undefined };
        const refusal: unknown = await connectEngine(own.host, { helper })
            .start(id)
            .catch((error: unknown) => error);
        if (!(refusal instanceof PlumblineError)) throw new Error(`it was started, or failed by ${String(refusal)}`);
        expect(refusal.message).toMatch(/could not be ended from here: .*nobody:none/);
        const [, command = ""] = /`(pkill .*?)`/.exec(refusal.remedy) ?? [];
        expect(command).toContain(id);

        await exec("sh", ["-c", command]);
        await untilGone(id);
        // containerd tidies up before another start succeeds.
        const again = () => plain.start(id).then(() => true);
        for (let asked = 0; asked < 25 && !(await again().catch(() => false)); asked += 1) await sleep(200);
        expect(await plain.inspect(id)).toMatchObject({ id, running: true });
    }, 180_000);
});

/** Processes that stand between containerd and this container. */
function shimsOf(id: string): number[] {
    return readdirSync("/proc")
        .map(Number)
        .filter((pid) => {
            const [program = "", ...words] = pid > 0 ? commandOf(pid) : [];
            return program.includes("containerd-shim") && words.includes(id) && !words.includes("delete");
        });
}

function commandOf(pid: number): string[] {
    try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    } catch {
        return []; // It has ended meanwhile.
    }
}
