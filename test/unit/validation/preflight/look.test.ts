/** Whether an engine is asked at all: a machine may have one that has nothing to do with the stack. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { preview } from "../../../../automation/preview.ts";
import { connectEngine } from "../../../../engine/docker.ts";
import { lookAtEngine } from "../../../../validation/preflight/look.ts";

const folder = mkdtempSync(path.join(tmpdir(), "plumbline-look-"));
const socket = path.join(folder, "engine.sock");
let asked = 0;
/** It answers as no engine does: whoever asks has a failure in hand, and is counted. */
const door = createServer((_request, response) => {
    asked += 1;
    response.writeHead(400).end();
});

beforeAll(() => new Promise<void>((resolve) => door.listen(socket, resolve)));
beforeEach(() => {
    asked = 0;
});
afterAll(async () => {
    await new Promise((resolve) => door.close(resolve));
    rmSync(folder, { recursive: true });
});

test("an engine that is not the stack's is not asked, and the reason is told with the way back [R10]", async () => {
    const engine = connectEngine(`unix://${socket}`);
    const look = await lookAtEngine(engine, { PLUMBLINE_WITHOUT_ENGINE: "1" });
    expect([look.reached, asked]).toEqual([false, 0]);
    expect(look).toMatchObject({ error: { category: "engine", remedy: expect.stringContaining("--without-engine") } });
});

test("any other engine is asked", async () => {
    const look = await lookAtEngine(connectEngine(`unix://${socket}`), { PLUMBLINE_WITHOUT_ENGINE: "0" });
    expect(look.reached).toBe(false);
    expect(asked).toBeGreaterThanOrEqual(4);
});

test("a preview that is to ask and not to ask is refused, as a function too", async () => {
    const result = await preview({ withoutEngine: true, refresh: true });
    expect(result).toMatchObject({ outcome: "refused", failure: { category: "usage" } });
});
