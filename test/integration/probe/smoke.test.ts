/** The smoke test against real services behind the real edge. */

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { emptySlots } from "../../../engine/edge/slots.ts";
import { probeListenerPort } from "../../../release/probe-address.ts";
import { runSmoke, type SmokeTarget } from "../../../validation/smoke.ts";
import { sampleSmokeStep } from "../../unit/rollout/sample-release.ts";
import { type Service, Stage } from "../edge/stage.ts";

const stage = new Stage({
    listeners: [
        { service: "api", port: 8000, protocol: "http", kind: "request" },
        { service: "late", port: 8001, protocol: "http", kind: "request" },
    ],
});
let late: Service;
let target: SmokeTarget;

beforeAll(async () => {
    await stage.open();
    const api = await stage.service("api", 8000, { body: ',"id":42,"revision":"abc12345"' });
    late = await stage.service("late", 8001, { start: false });
    const serves = ({ container }: Service) => ({ ...emptySlots, a: container, active: "a" as const });
    await stage.edge.applyConfig(stage.render({ api: serves(api), late: serves(late) }));
    const port = await stage.hostPort(probeListenerPort);
    target = { host: "127.0.0.1", port, revisions: { api: "abc12345" } };
});

afterAll(() => stage.close());

const step = sampleSmokeStep;

test("a chain passes values on and waits for what takes time", async () => {
    const steps = [
        step({
            name: "post",
            method: "POST",
            body: '{"x":{}}',
            save: { id: "id" },
            expect: { status: 200, revisionAt: "revision" },
        }),
        step({
            name: "read",
            path: "/documents/{id}",
            headers: { authorization: "Bearer {id}" },
            expect: { status: 200, json: { path: "/documents/42", authorization: "Bearer 42" } },
        }),
        step({
            name: "wait",
            service: "late",
            port: 8001,
            withinMs: 60_000,
            expect: { status: 200, json: { name: "late" } },
        }),
    ];
    const result = await runSmoke(steps, target, {
        onStep: ({ name }) => {
            if (name === "read") void stage.engine.start(late.id);
        },
    });
    expect(result.steps.map((one) => [one.name, one.result])).toEqual([
        ["post", "pass"],
        ["read", "pass"],
        ["wait", "pass"],
    ]);
    expect(result).toMatchObject({ result: "pass", saved: { id: "42" } });
});

test("a failure names expected and actual; what follows is skipped, but not the cleaning up", async () => {
    const steps = [
        step({ name: "post", save: { id: "id" } }),
        step({ name: "read", expect: { status: 200, json: { name: "somebody else" } } }),
        step({ name: "more" }),
        step({ name: "remove", method: "DELETE", path: "/documents/{id}", expect: { status: 200 } }),
        step({ name: "remove what never was", method: "DELETE", path: "/documents/{other}" }),
    ];
    const { result, steps: results } = await runSmoke(steps, target);
    expect(result).toBe("fail");
    expect(results.map((one) => one.result)).toEqual(["pass", "fail", "skipped", "pass", "skipped"]);
    expect(results[1]).toMatchObject({
        expected: 'GET / of api: status 200, JSON with {"name":"somebody else"}',
        actual: expect.stringContaining('"name":"api"'),
    });
});

test("a value that is not there, and a name that nobody saved, are failures", async () => {
    const missing = await runSmoke([step({ save: { id: "nothing.there" } })], target);
    expect(missing.steps[0]).toMatchObject({ result: "fail", actual: expect.stringContaining("nothing to save") });
    const unknown = await runSmoke([step({ path: "/{who}" })], target);
    expect(unknown.steps[0]).toMatchObject({ result: "fail", actual: "no earlier step saved {who}" });
});

test("no step at all is no pass [R96]", async () => {
    expect((await runSmoke([], target)).result).toBe("fail");
});
