/** When a plan shows a change of `Rollout` and `Validation`: on a new release, on a deviation, and not otherwise. */
import { describe, expect, test } from "@jest/globals";
import { provider as rollout } from "../../../providers/rollout.provider.ts";
import { provider as validation } from "../../../providers/validation.provider.ts";
import { canonicalJson } from "../../../release/revision.ts";
import { expectedStates } from "../../../rollout/expected-states.ts";
import type { RolloutOutcome } from "../../../rollout/outcome.ts";
import { type Finding, summarize } from "../../../validation/parity/finding.ts";
import { type ParityOutput, parityOutput } from "../../../validation/parity/summary.ts";
import { sampleFinding } from "../parity/sample-report.ts";
import { declaredAll, declaredEdge, declaredOf, sampleRelease } from "../rollout/sample-release.ts";

const release = sampleRelease();
const text = canonicalJson(release);

const outcome: RolloutOutcome = {
    transaction: "tx-20261124T175301-3f9c",
    stack: "local",
    release: release.id,
    previous: null,
    outcome: "committed",
    startedAt: "2026-11-24T17:53:01.123Z",
    durationMs: 1200,
    services: [],
    gateways: {},
    evidence: "infrastructure/reports/local/tx-20261124T175301-3f9c",
};

describe("the plan of the rollout", () => {
    const inputs = {
        release: text,
        edge: declaredEdge,
        containers: declaredAll(release),
        secrets: { A_KEY: "value-of-a" },
    };
    const olds = { ...inputs, outcome, observed: expectedStates(release) };
    type Inputs = Parameters<typeof rollout.create>[0];
    const changes = async (observed: Record<string, string>, news: Partial<Inputs> = {}) =>
        (await rollout.diff("rollout", { ...olds, observed }, { ...inputs, ...news })).changes;

    test("shows no change when nothing has changed", async () => {
        expect(await changes(olds.observed)).toBe(false);
        const reversed = Object.fromEntries(Object.entries(inputs.containers).reverse());
        expect(await changes(olds.observed, { containers: reversed })).toBe(false);
    });

    test("shows none for another value of a secret, whose version stands in the release, nor for another address of the engine", async () => {
        expect(await changes(olds.observed, { secrets: { A_KEY: "another" } })).toBe(false);
        expect(await changes(olds.observed, { engineHost: "tcp://127.0.0.1:2375" })).toBe(false);
    });

    const seeded: readonly [string, Partial<Inputs>][] = [
        ["another release", { release: canonicalJson(sampleRelease(undefined, { id: "000000000002" })) }],
        ["another container", { containers: { ...inputs.containers, api: declaredOf("api", "00000002") } }],
        [
            "a container that was made anew under the same name",
            { containers: { ...inputs.containers, api: { ...declaredOf("api"), id: "new" } } },
        ],
        ["one service less", { containers: { api: declaredOf("api") } }],
        ["another edge", { edge: { ...declaredEdge, name: "edge-2" } }],
        ["an edge that is not known yet, as in a preview", { edge: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" as never }],
    ];
    test.each(seeded)("shows a change for %s, and never a replacement", async (_, news) => {
        const result = await rollout.diff("rollout", olds, { ...inputs, ...news });
        expect(result).toEqual({ changes: true, deleteBeforeReplace: false });
    });

    test.each(Object.keys(expectedStates(release)))("shows a change when a refresh saw %s deviate", async (name) => {
        for (const state of ["exited", "missing", "running, unhealthy"]) {
            expect(await changes({ ...olds.observed, [name]: state })).toBe(true);
        }
        const { [name]: _, ...unseen } = olds.observed;
        expect(await changes(unseen)).toBe(true);
    });
});

describe("the plan of the validation", () => {
    const retention = { deploymentDays: 30, healthDays: 7, performanceDays: 30, validationDays: 30, rollbackDays: 90 };
    const composeFile = "docker-compose.yml";
    const inputs = { release: text, outcome, edge: declaredEdge, secrets: {}, composeFile, retention };
    const parityOf = (finding: Partial<Finding>) => {
        const findings = [sampleFinding(), sampleFinding(finding)];
        return parityOutput({ findings, summary: summarize(findings) });
    };
    const verdicts = release.services.map(({ name }) => ({ service: name, result: "pass" as const, findings: [] }));
    const olds = { ...inputs, verdicts, parity: parityOf({}), rates: [] };

    test("shows a change when one property drifts, and none for what could not be compared or is intended [R30]", async () => {
        const changes = async (parity: ParityOutput) =>
            (await validation.diff("validation", { ...olds, parity }, inputs)).changes;
        expect(await changes(parityOf({ result: "drift" }))).toBe(true);
        expect(await changes(parityOf({ result: "inconclusive" }))).toBe(false);
        expect(await changes(parityOf({ result: "intended" }))).toBe(false);
    });

    test("shows none for a stack that was deployed before anything was compared", async () => {
        const { parity: _parity, rates: _rates, ...older } = olds;
        expect((await validation.diff("validation", older, inputs)).changes).toBe(false);
    });

    test("shows no change when nothing has changed, nor for another retention", async () => {
        expect(await validation.diff("validation", olds, inputs)).toEqual({
            changes: false,
            deleteBeforeReplace: false,
        });
        const news = { ...inputs, retention: { ...retention, healthDays: 8 } };
        expect((await validation.diff("validation", olds, news)).changes).toBe(false);
    });

    test("shows a change for another release and for another transaction", async () => {
        const other = { ...inputs, release: canonicalJson(sampleRelease(undefined, { id: "000000000002" })) };
        const again = { ...inputs, outcome: { ...outcome, transaction: "tx-20261124T180000-0001" } };
        expect((await validation.diff("validation", olds, other)).changes).toBe(true);
        expect((await validation.diff("validation", olds, again)).changes).toBe(true);
    });

    test.each(["fail", "inconclusive"] as const)("shows a change when one service was judged %s", async (result) => {
        for (const { name } of release.services) {
            const judged = verdicts.map((verdict) => (verdict.service === name ? { ...verdict, result } : verdict));
            expect((await validation.diff("validation", { ...olds, verdicts: judged }, inputs)).changes).toBe(true);
        }
    });
});

test("check lets every input pass as it is, also one that is not known yet", async () => {
    const news = { release: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" } as never;
    expect(await rollout.check(news, news)).toEqual({ inputs: news });
    expect(await validation.check(news, news)).toEqual({ inputs: news });
});
