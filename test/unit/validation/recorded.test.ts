/** The validation of a committed release asks its engine as the stack's settings say. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { validateRelease } from "../../../validation/recorded.ts";
import { DeafEngine } from "../../support/deaf-engine.ts";
import { outcome } from "../report/outcome.ts";
import { sampleRelease, sampleService } from "../rollout/sample-release.ts";

let deaf: DeafEngine;
beforeAll(async () => {
    deaf = await DeafEngine.listen();
});
afterAll(() => deaf.close());

test("a stack without repeats asks each thing once for the verdict and once for the comparison [R21] [R96]", async () => {
    const network = { timeoutMs: 1_000, retry: { attempts: 1, firstDelayMs: 1, factor: 1, maxDelayMs: 1, jitter: 0 } };
    const { verdicts } = await validateRelease({
        release: JSON.stringify({ ...sampleRelease([sampleService("api", "request")]), network }),
        outcome,
        edge: { name: "edge-11111111-1234567", id: "edge" },
        secrets: {},
        composeFile: "docker-compose.yml",
        retention: { deploymentDays: 1, healthDays: 1, performanceDays: 1, validationDays: 1, rollbackDays: 1 },
        engineHost: deaf.host,
    });
    expect(verdicts).toMatchObject([{ service: "api", result: "inconclusive" }]);
    expect(deaf.calls.filter((call) => call.includes("/api-3f9c1a2b-1234567/json"))).toHaveLength(2);
    expect(deaf.mostRepeated()).toBe(2);
});
