/** What undoes a rollout (R50): each trigger once, with real containers behind the real edge. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { RolloutOutcome, TimelineEvent } from "../../rollout/outcome.ts";
import type { RolloutRequest } from "../../rollout/session.ts";
import { failingSmoke, Toy, type ToyVersion } from "../support/toy.ts";
import { askToy, deviationsFrom, untilClosed } from "../support/toy-judge.ts";

type Recorded = RolloutOutcome & { readonly error: string | null };

let toy: Toy;
let base: RolloutRequest;
let count = 0;

/** A new web that differs; it is no root, so that becoming root is a change. */
const user = { web: "10001" };
const next = (version: ToyVersion = {}): ToyVersion => {
    count += 1;
    return { user, ...version, settings: { web: `v${count}` } };
};

beforeAll(async () => {
    toy = await Toy.open();
    base = await toy.deploy(next());
}, 300_000);

afterAll(async () => {
    await toy?.close();
}, 120_000);

/** Rolls out what must fail, breaking the new web during the bake where asked for. @returns what it failed for */
async function failureOf(version: ToyVersion, breakBy?: string): Promise<string> {
    const startedAt = async () => (await toy.engine.inspect(base.containers.web?.name ?? ""))?.startedAt;
    const before = await startedAt();
    const request = await toy.declare(version);
    const run = toy.run(request);
    if (breakBy !== undefined) {
        while (!timeline().includes(`"step":"bake","message"`)) await sleep(50);
        await askToy(`${toy.address("web")}/break`, breakBy);
    }
    expect({ code: await run.ended(), output: run.output() }).toMatchObject({ code: 1 });
    await untilClosed(toy);
    expect(await deviationsFrom(toy, base)).toEqual([]);
    // The one that serves was kept all the time, not started again.
    expect([typeof before, await startedAt()]).toEqual(["number", before]);
    await toy.sweep(base);
    const { outcome, error } = toy.report<Recorded>("outcome.json");
    expect(outcome).toBe("rolled-back");
    return error ?? "";
}

/** The timeline of the rollout under way; each begins a new one. */
function timeline(): string {
    const file = path.join(toy.reports, "timeline.jsonl");
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    return text.includes('"transaction-end"') ? "" : text;
}

/** The steps of the last rollout to which this happened, in order. */
function stepsOf({ reports }: Toy, event: TimelineEvent["event"]): (string | undefined)[] {
    const lines = readFileSync(path.join(reports, "timeline.jsonl"), "utf8").trimEnd().split("\n");
    const events = lines.map((line) => JSON.parse(line) as TimelineEvent);
    return events.filter((one) => one.event === event).map(({ step }) => step);
}

const longBake = { bakeMs: 200_000, bakeIntervalMs: 200 };

describe("during the bake", () => {
    test("five failed health checks in a row undo the rollout [R50]", async () => {
        expect(await failureOf(next({ policy: longBake }), "wrong:0")).toContain("failed 5 health checks in a row");
    }, 200_000);

    test("a crash undoes it at once [R50]", async () => {
        expect(await failureOf(next({ policy: longBake }), "exit-after:0")).toMatch(/web stopped by itself/);
    }, 200_000);

    test("answers over the response time undo it [R50, R33]", async () => {
        const policy = { ...longBake, performance: { responseTimeMs: 700, throughputRps: 1, errorRatePercent: 1 } };
        expect(await failureOf(next({ policy }), "slow:0:1.2")).toMatch(/answers in \d+ ms, at most 700 ms/);
    }, 200_000);
});

describe("before the switch", () => {
    test("a crash at boot is seen at once, not at the deadline [R50]", async () => {
        const why = await failureOf(next({ faults: { web: "exit-at-boot" }, startDeadlineMs: 150_000 }));
        expect(why).toMatch(/web stopped by itself/);
        expect(why).toContain("broken on purpose");
    }, 120_000);

    test("a healthcheck that says unhealthy is seen at once, not at the deadline [R50]", async () => {
        const healthcheck = { web: "echo the cupboard is bare; exit 1" };
        const why = await failureOf(next({ healthcheck, startDeadlineMs: 150_000 }));
        expect(why).toMatch(/web is unhealthy by its own healthcheck/);
        expect(why).toContain("Its healthcheck said: the cupboard is bare");
        expect(why).toMatch(/Its last log lines:\n.*web [0-9a-f]{8} starts/);
    }, 120_000);

    test("a candidate that fails the smoke test meets no client [R50]", async () => {
        const why = await failureOf(next({ smoke: failingSmoke }));
        expect(why).toMatch(/the smoke test failed at "what nobody answers".* got status 502/);
        const steps = stepsOf(toy, "step-begin");
        expect(steps).toContain("smoke test before the switch");
        expect(steps).not.toContain("switch");
    }, 120_000);

    test("one that passes it is asked itself, not what serves until then", async () => {
        const [asked] = failingSmoke.map((step) => ({
            ...step,
            path: "/health",
            expect: { status: 200, json: { setting: "itself" }, revisionAt: "revision" },
        }));
        base = await toy.deploy({ user, settings: { web: "itself" }, smoke: asked === undefined ? [] : [asked] });
        const steps = stepsOf(toy, "step-done");
        expect(steps.indexOf("smoke test before the switch")).toBeGreaterThan(-1);
        expect(steps.indexOf("switch")).toBeGreaterThan(steps.indexOf("smoke test before the switch"));
        expect(steps.indexOf("smoke test")).toBeGreaterThan(steps.indexOf("switch"));
    }, 120_000);

    test("a candidate over the response time does not pass the load [R50, R33]", async () => {
        const policy = {
            gateLoadMs: 1_000,
            performance: { responseTimeMs: 300, throughputRps: 5, errorRatePercent: 1 },
        };
        const why = await failureOf(next({ faults: { web: "slow:0:0.6" }, policy }));
        expect(why).toMatch(/95 % of the answers within \d+ ms, at most 300 ms/);
    }, 120_000);

    test("a candidate with errors does not pass the load [R50, R33]", async () => {
        const policy = {
            gateLoadMs: 1_000,
            performance: { responseTimeMs: 5_000, throughputRps: 20, errorRatePercent: 1 },
        };
        const why = await failureOf(next({ faults: { web: "errors:4" }, policy }));
        expect(why).toMatch(/error rate \d+\.\d %, at most 1 %/);
    }, 120_000);
});

describe("the security gate stops more power than before, with nothing touched", () => {
    const worse: readonly (readonly [string, ToyVersion, RegExp])[] = [
        ["a privileged container", { host: { web: { Privileged: true } } }, /privileged/],
        ["root", { user: {} }, /runs as root/],
        ["a capability", { host: { web: { CapAdd: ["NET_ADMIN"] } } }, /NET_ADMIN/],
        ["a host mount", { host: { web: { Binds: ["/tmp:/host"] } } }, /\/tmp/],
        ["a port that is open to more machines", { hostIp: "0.0.0.0" }, /more machines/],
    ];
    test.each(worse)(
        "%s [R50]",
        async (_, version, reason) => {
            expect(await failureOf(next(version))).toMatch(reason);
        },
        120_000,
    );
});
