/** The success rates: what is counted, and that no data is never 100 %. */
import { describe, expect, test } from "@jest/globals";
import { type RateFacts, rateRows, successRates } from "../../../validation/rates.ts";
import type { Verdict } from "../../../validation/verdict.ts";
import { sampleFinding } from "../parity/sample-report.ts";
import { sampleRelease } from "../rollout/sample-release.ts";

const release = sampleRelease();
const passed = release.services.map(({ name }): Verdict => ({ service: name, result: "pass", findings: [] }));
const whole: RateFacts = {
    release,
    findings: [sampleFinding(), sampleFinding({ property: "environment.LOG_LEVEL" })],
    verdicts: passed,
    proven: release.services.map(({ name }) => ({ name, probeMs: 3 })),
};

const rates = (change: Partial<RateFacts> = {}) =>
    Object.fromEntries(successRates({ ...whole, ...change }).map((rate) => [rate.name, rate]));

describe("the success rates", () => {
    test("are 100 % each where everything was asked and everything is right [R37]", () => {
        expect(rateRows(successRates(whole))).toEqual([
            ["baseline", "100 %", "2 of 2 properties"],
            ["health", "100 %", "5 of 5 services"],
            ["performance", "100 %", "5 of 5 services, answer within 1000 ms"],
            ["configuration consistency", "100 %", "1 of 1 properties"],
            ["service dependencies", "100 %", "7 of 7 dependencies"],
        ]);
    });

    test("are inconclusive without data, never 100 % [R37] [R96]", () => {
        const none = successRates({ release, findings: [], verdicts: [], proven: [] });
        expect(none.map(({ result }) => result)).toEqual(none.map(() => "inconclusive"));
        expect(rateRows(none).map(([, rate]) => rate)).toEqual(none.map(() => "inconclusive"));
        const without = rates({ release: { ...release, services: [] } });
        expect(without["service dependencies"]).toMatchObject({ result: "inconclusive", total: 0 });
    });

    test("count what fails, and say so also beside what is not known [R37]", () => {
        const drift = sampleFinding({ property: "environment.LOG_LEVEL", result: "drift" });
        const open = sampleFinding({ property: "user (process)", result: "inconclusive" });
        const found = rates({ findings: [...whole.findings, drift, open] });
        expect(found.baseline).toMatchObject({ result: "fail", succeeded: 2, total: 4 });
        expect(found["configuration consistency"]).toMatchObject({ result: "fail", succeeded: 1, total: 2 });
        expect(rates({ findings: [...whole.findings, open] }).baseline).toMatchObject({ result: "inconclusive" });
    });

    test("of dependencies fail with the service that others wait for [R37]", () => {
        const verdicts = passed.map((verdict) =>
            verdict.service === "storage" ? { ...verdict, result: "fail" as const } : verdict,
        );
        const found = rates({ verdicts });
        expect(found.health).toMatchObject({ result: "fail", succeeded: 4, total: 5 });
        // api and worker depend on storage.
        expect(found["service dependencies"]).toMatchObject({ result: "fail", succeeded: 5, total: 7 });
    });

    test("of performance fail with a slow answer, and leave open what was not asked [R37]", () => {
        const answering = (ms: number) =>
            whole.proven.map((one) => (one.name === "api" ? { ...one, probeMs: ms } : one));
        expect(rates({ proven: answering(1001) }).performance).toMatchObject({ result: "fail", succeeded: 4 });
        expect(rates({ proven: answering(0) }).performance).toMatchObject({ result: "inconclusive", succeeded: 4 });
    });
});
