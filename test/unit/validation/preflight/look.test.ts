/** Whether an engine is asked at all: a machine may have one that has nothing to do with the stack. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { preview } from "../../../../automation/preview.ts";
import { connectEngine } from "../../../../engine/docker.ts";
import { lookAtEngine } from "../../../../validation/preflight/look.ts";
import { DeafEngine } from "../../../support/deaf-engine.ts";

let deaf: DeafEngine;
beforeAll(async () => {
    deaf = await DeafEngine.listen();
});
afterAll(() => deaf.close());

test("an engine that is not the stack's is not asked, and the reason is told with the way back [R10]", async () => {
    const look = await lookAtEngine(connectEngine(deaf.host), { PLUMBLINE_WITHOUT_ENGINE: "1" });
    expect([look.reached, deaf.calls]).toEqual([false, []]);
    expect(look).toMatchObject({ error: { category: "engine", remedy: expect.stringContaining("--without-engine") } });
});

test("any other engine is asked", async () => {
    const once = { retry: { attempts: 1, firstDelayMs: 1, factor: 1, maxDelayMs: 1, jitter: 0 } };
    const look = await lookAtEngine(connectEngine(deaf.host, once), { PLUMBLINE_WITHOUT_ENGINE: "0" });
    expect(look.reached).toBe(false);
    expect(deaf.calls.length).toBeGreaterThanOrEqual(4);
});

test("a preview that is to ask and not to ask is refused, as a function too", async () => {
    const result = await preview({ withoutEngine: true, refresh: true });
    expect(result).toMatchObject({ outcome: "refused", failure: { category: "usage" } });
});
