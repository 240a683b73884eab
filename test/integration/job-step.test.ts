/** A job on the real engine: its exit code is its proof, and it never runs twice at once. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { connectEngine } from "../../engine/docker.ts";
import { PlumblineError } from "../../release/errors.ts";
import type { RolloutContext } from "../../rollout/context.ts";
import { StartupLogs } from "../../rollout/startup-logs.ts";
import { jobStep } from "../../rollout/steps/job.ts";
import { sampleRelease, sampleService } from "../unit/rollout/sample-release.ts";

jest.setTimeout(120_000);

const engine = connectEngine();
const folder = mkdtempSync(path.join(tmpdir(), "plumbline-job-"));
const signal = new AbortController().signal;
let project: string;
let logs: StartupLogs;

beforeEach(() => {
    project = `job-test-${randomBytes(4).toString("hex")}`;
    logs = new StartupLogs(engine, folder, { redact: (text) => text, onLine: () => undefined });
});

afterEach(async () => {
    await logs.close();
    for (const { id } of await engine.list({ "plumbline.project": project })) await engine.remove(id);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** A container of the job, created and not started, as Pulumi leaves it. */
async function created(script: string): Promise<{ id: string; name: string }> {
    const id = await engine.create({
        image: "debian:bookworm-slim",
        command: ["sh", "-c", script],
        init: true,
        labels: { "plumbline.project": project, "plumbline.service": "migrate" },
    });
    return { id, name: (await engine.inspect(id))?.name ?? "" };
}

/** The step for a container, and what a rollout knows beside it. */
function stepOf(container: { id: string; name: string }, startDeadlineMs = 30_000) {
    const job = sampleService("migrate", "job", [], { startDeadlineMs });
    const context = {
        engine,
        release: sampleRelease([job], { project }),
        containers: { migrate: container },
        secrets: {},
        logs,
        restartsBefore: new Map(),
        proven: new Map(),
    } as unknown as RolloutContext;
    return { step: jobStep(context, job, []), context };
}

async function failureOf(act: Promise<unknown>): Promise<PlumblineError> {
    const error = await act.then(
        () => undefined,
        (reason: unknown) => reason,
    );
    if (error instanceof PlumblineError) return error;
    throw new Error(`it ended with ${String(error)}`);
}

test("is proven by its end with 0, and undoing it then takes nothing back [R07]", async () => {
    const container = await created("echo migrated");
    const { step, context } = stepOf(container);
    await step.apply(signal);
    expect(context.proven.get("migrate")).toMatchObject({ probeMs: 0 });
    await step.undo();
    expect(await engine.inspect(container.id)).toMatchObject({ state: "exited", exitCode: 0 });
});

test("that ends with anything else fails at once, with its last words [R20]", async () => {
    const { step } = stepOf(await created("echo relation documents does not exist; exit 3"));
    const failure = await failureOf(step.apply(signal));
    expect([failure.category, failure.service]).toEqual(["startup", "migrate"]);
    expect(failure.message).toContain("migrate stopped by itself with exit code 3");
    expect(failure.message).toContain("relation documents does not exist");
});

test("that has not ended by its deadline fails, and the undo stops it [R20]", async () => {
    const container = await created("echo still at it; exec sleep 600");
    const { step } = stepOf(container, 1_500);
    const failure = await failureOf(step.apply(signal));
    expect(failure.message).toMatch(/migrate was still running 2 s after its start.*still at it/s);
    expect(failure.remedy).toContain("plumbline:startTimeoutSeconds");
    await step.undo();
    expect(await engine.inspect(container.id)).toMatchObject({ running: false });
});

test("that runs already is waited for and not started again", async () => {
    const container = await created("date +%s%N; sleep 2");
    await engine.start(container.id);
    await stepOf(container).step.apply(signal);
    expect(await engine.logs(container.id, { tail: 10 })).toHaveLength(1);
});

test("does not run beside one of another revision: who runs is left to its end, and is named", async () => {
    const other = await created("exec sleep 600");
    await engine.start(other.id);
    const container = await created("echo migrated");
    const failure = await failureOf(stepOf(container).step.apply(signal));
    expect(failure.message).toContain(`migrate must not run twice, and ${other.name} runs`);
    expect([(await engine.inspect(other.id))?.running, (await engine.inspect(container.id))?.state]).toEqual([
        true,
        "created",
    ]);
});

test("is told to stop when another step has failed, and the undo ends it", async () => {
    const container = await created("exec sleep 600");
    const { step } = stepOf(container);
    const abort = new AbortController();
    const running = step.apply(abort.signal).catch((error: unknown) => error);
    while ((await engine.inspect(container.id))?.running !== true) await sleep(50);
    abort.abort(new Error("another step failed"));
    expect(String(await running)).toContain("another step failed");
    await step.undo();
    expect((await engine.inspect(container.id))?.running).toBe(false);
});
