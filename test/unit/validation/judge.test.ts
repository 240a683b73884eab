/** The verdict on one service: each fact, seeded wrong, turns it red; no data is never a pass. */
import { describe, expect, test } from "@jest/globals";
import { type ContainerFacts, connectEngine } from "../../../engine/docker.ts";
import type { Healthcheck } from "../../../release/types.ts";
import type { ServiceOutcome } from "../../../rollout/outcome.ts";
import type { ProbeResult } from "../../../validation/facts/probe.ts";
import { judgeServices, verdictOf } from "../../../validation/judge.ts";
import { emptySpec, sampleRelease, sampleService } from "../rollout/sample-release.ts";

const healthcheck: Healthcheck = {
    test: ["CMD", "true"],
    intervalMs: 3000,
    timeoutMs: 5000,
    startPeriodMs: 0,
    retries: 3,
};
const probe = { type: "tcp", port: 8000 } as const;
const service = sampleService("api", "request", [], { spec: { ...emptySpec, healthcheck }, probes: [probe] });
const job = sampleService("migrate", "job");

const recorded: ServiceOutcome = {
    name: "api",
    kind: "request",
    revision: "00000001",
    image: "plumbline/api:000000000001",
    imageId: "sha256:aa",
    container: "api-00000001-0abcdef",
    addresses: [],
    readyAfterMs: 100,
    probeMs: 3,
    changed: true,
};

const good: ContainerFacts = {
    id: "id",
    name: "api-00000001-0abcdef",
    imageId: "sha256:aa",
    imageReference: "plumbline/api:000000000001",
    labels: { "plumbline.revision": "00000001" },
    environment: {},
    state: "running",
    running: true,
    exitCode: 0,
    oomKilled: false,
    health: "healthy",
    healthOutput: "",
    startedAt: 1,
    finishedAt: 0,
    restartCount: 0,
    addresses: {},
    raw: {} as ContainerFacts["raw"],
};

const passed: ProbeResult = { result: "pass", ms: 2, probe: "tcp 8000", expected: "open", actual: "open" };

describe("the verdict on a service", () => {
    test("is a pass when state, health, identity and every answer are right [R32]", () => {
        expect(verdictOf(service, recorded, good, [passed])).toEqual({ service: "api", result: "pass", findings: [] });
    });

    const wrong: readonly [string, Partial<ContainerFacts>, string][] = [
        ["exited", { state: "exited", running: false }, "state: expected running, got exited"],
        ["paused", { state: "paused" }, "state: expected running, got paused"],
        ["restarting", { state: "restarting" }, "state: expected running, got restarting"],
        ["unhealthy", { health: "unhealthy" }, "health: expected healthy, got unhealthy"],
        ["still starting", { health: "starting" }, "health: expected healthy, got starting"],
        ["without its healthcheck", { health: "none" }, "health: expected healthy, got none"],
        [
            "another revision",
            { labels: { "plumbline.revision": "00000002" } },
            "revision: expected 00000001, got 00000002",
        ],
        ["of no revision", { labels: {} }, "revision: expected 00000001, got none"],
        ["another image", { imageId: "sha256:bb" }, "image: expected sha256:aa, got sha256:bb"],
    ];
    test.each(wrong)("is a fail when it is %s, and says so", (_, fault, finding) => {
        expect(verdictOf(service, recorded, { ...good, ...fault }, [passed])).toEqual({
            service: "api",
            result: "fail",
            findings: [finding],
        });
    });

    test("is a fail when its container is gone", () => {
        expect(verdictOf(service, recorded, undefined, [])).toEqual({
            service: "api",
            result: "fail",
            findings: ["container api-00000001-0abcdef: expected running, got missing"],
        });
    });

    test("is a fail when an answer is wrong, also beside one that could not be had", () => {
        const failed: ProbeResult = { ...passed, result: "fail", actual: "refused" };
        const unknown: ProbeResult = { ...passed, result: "inconclusive", actual: "the edge was not reached" };
        const two = { ...service, probes: [probe, probe] };
        expect(verdictOf(two, recorded, good, [unknown, failed])).toEqual({
            service: "api",
            result: "fail",
            findings: ["tcp 8000: expected open, got refused"],
        });
    });

    test("lists everything that is wrong", () => {
        const facts: ContainerFacts = { ...good, health: "unhealthy", imageId: "sha256:bb", labels: {} };
        expect(verdictOf(service, recorded, facts, [{ ...passed, result: "fail" }]).findings).toHaveLength(4);
    });

    test.each([1, 2, 3])("is inconclusive, never a pass, when answer %i of three could not be had", (which) => {
        const three = { ...service, probes: [probe, probe, probe] };
        const answers = [1, 2, 3].map(
            (index): ProbeResult =>
                index === which ? { ...passed, result: "inconclusive", actual: "the edge was not reached" } : passed,
        );
        expect(verdictOf(three, recorded, good, answers)).toEqual({
            service: "api",
            result: "inconclusive",
            findings: ["tcp 8000: the edge was not reached"],
        });
    });

    test("is inconclusive when a probe was not asked, or nothing was recorded", () => {
        expect(verdictOf(service, recorded, good, []).result).toBe("inconclusive");
        expect(verdictOf(service, undefined, good, [passed]).result).toBe("inconclusive");
    });

    test("asks no health of a service without a healthcheck, or with one that is switched off", () => {
        const off = { ...emptySpec, healthcheck: { ...healthcheck, test: ["NONE"] } };
        for (const spec of [emptySpec, off]) {
            const bare = { ...service, spec };
            expect(verdictOf(bare, recorded, { ...good, health: "none" }, [passed]).result).toBe("pass");
        }
    });

    test("of a job is a pass when it ended with 0 or had run before, and a fail otherwise", () => {
        const ended = (state: ContainerFacts["state"], exitCode: number) =>
            verdictOf(job, { ...recorded, name: "migrate" }, { ...good, state, exitCode }, []);
        expect(ended("exited", 0).result).toBe("pass");
        expect(ended("created", 0).result).toBe("pass");
        expect(ended("exited", 1).findings).toEqual(["state: expected exited with 0, got exited with 1"]);
        expect(ended("running", 0).result).toBe("fail");
    });
});

describe("judging services", () => {
    test("is inconclusive for each when the engine cannot be asked", async () => {
        const retry = { attempts: 1, firstDelayMs: 0, factor: 1, maxDelayMs: 0, jitter: 0 };
        const engine = connectEngine("unix:///nowhere/docker.sock", { retry });
        const release = sampleRelease([service]);
        const outcome = {
            transaction: "tx-1",
            stack: "local",
            release: release.id,
            previous: null,
            outcome: "committed",
            startedAt: "",
            durationMs: 0,
            services: [recorded],
            gateways: {},
            evidence: "",
        } as const;
        const verdicts = await judgeServices({ engine, release, outcome, secrets: {} });
        expect(verdicts.map(({ result }) => result)).toEqual(["inconclusive"]);
        expect(verdicts[0]?.findings[0]).toContain("/nowhere/docker.sock");
    });
});
