/** Reports: what a person reads, what a script reads, and how long both stay. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { parityLine, parityOutput } from "../../../validation/parity/summary.ts";
import { successRates } from "../../../validation/rates.ts";
import { defaultRetention, expiredReports } from "../../../validation/report/prune.ts";
import { deploymentReportSchema } from "../../../validation/report/schema.ts";
import { renderSummary } from "../../../validation/report/summary.ts";
import { writeDeploymentReport } from "../../../validation/report/write.ts";
import { sampleFinding, sampleFindings, sampleReport } from "../parity/sample-report.ts";
import { sampleRelease } from "../rollout/sample-release.ts";
import { outcome } from "./outcome.ts";

describe("what an output keeps of the comparison", () => {
    test("is small: the sum, and the first deviations [R30]", () => {
        const many = Array.from({ length: 200 }, (_, index) =>
            sampleFinding({ property: `environment.V${index}`, result: "drift" }),
        );
        const { summary, deviations } = parityOutput(sampleReport(many));
        expect(summary).toMatchObject({ drift: 200, match: false });
        expect([deviations.length, deviations.at(-1)]).toEqual([21, "… and 180 more, see the report"]);
        expect(parityOutput(sampleReport([sampleFinding()])).deviations).toEqual([]);
    });

    test("says that nothing was compared, rather than that all is as it should be [R96]", () => {
        expect(parityLine(sampleReport([]).summary)).toBe("no property was compared with the baseline");
        expect(parityLine(sampleReport([sampleFinding()]).summary)).toBe("1 of 1 properties as in the baseline");
    });
});

describe("the summary", () => {
    test("shows services, addresses, health with times, images, duration and files", () => {
        expect(renderSummary(outcome, ["infrastructure/reports/local/tx-1/deployment.json"])).toBe(
            `local: release 0123456789ab runs, proven healthy

SERVICE  KIND     HEALTH                      ADDRESS         REVISION  IMAGE                                      CHANGED
api      request  ready in 2.1 s, probe 3 ms  127.0.0.1:8000  3f9c1a2b  plumbline/api:3f9c1a2b4d5e (aaaaaaaaaaaa)  yes

gateway supabase  http://localhost:54321

transaction       tx-1
previous release  none
started           2026-01-02T03:04:05.000Z
duration          42.3 s
evidence          infrastructure/reports/local/tx-1
report            infrastructure/reports/local/tx-1/deployment.json
`,
        );
    });

    test("ends with success rates, what deviates, and how much is as in the baseline [R30] [R37]", () => {
        const rates = successRates({ release: sampleRelease(), findings: sampleFindings, verdicts: [], proven: [] });
        const validated = { rates, parity: parityOutput(sampleReport()) };
        const lines = renderSummary(outcome, [], validated).trimEnd().split("\n");
        expect(lines.slice(-11)).toEqual([
            "SUCCESS RATE",
            "baseline                   50 %          3 of 6 properties",
            "health                     inconclusive  0 of 5 services",
            "performance                inconclusive  0 of 5 services, answer within 1000 ms",
            "configuration consistency  0 %           0 of 1 properties",
            "service dependencies       inconclusive  0 of 7 dependencies",
            "",
            expect.stringMatching(/^not as in the baseline: api: command: expected none, actual <script>/),
            expect.stringMatching(/^not as in the baseline: worker: user \(process\)/),
            expect.stringMatching(/^not as in the baseline: worker: HostConfig\.NewThing/),
            "3 of 6 properties as in the baseline, 1 of them by a rule, 2 drift, 1 could not be compared",
        ]);
    });

    test("does not call healthy what was not looked at", () => {
        const services = outcome.services.map((service) => ({ ...service, readyAfterMs: 0, probeMs: 0 }));
        const text = renderSummary({ ...outcome, services });
        expect(text).toContain("not touched");
        expect(text).not.toMatch(/api .*healthy/);
    });

    test("of an undone rollout says so first", () => {
        expect(renderSummary({ ...outcome, outcome: "rolled-back" })).toMatch(
            /^local: release 0123456789ab was rolled back/,
        );
        expect(renderSummary({ ...outcome, outcome: "rollback-failed" })).toMatch(
            /^local: .* could not be rolled back/,
        );
    });
});

const day = 24 * 60 * 60 * 1000;
const now = Date.parse("2026-06-01T00:00:00Z");
const aged = (file: string, days: number) => ({ path: file, modifiedAt: now - days * day });

describe("how long a report is kept", () => {
    test.each([
        ["deployment.json", 30],
        ["health.json", 7],
        ["performance.json", 30],
        ["validation.json", 30],
        ["rollback.txt", 90],
    ])("%s stays %d days and no longer [R70]", (name, days) => {
        expect(expiredReports([aged(`tx-1/${name}`, days)], now, defaultRetention)).toEqual([]);
        expect(expiredReports([aged(`tx-1/${name}`, days + 1)], now, defaultRetention)).toEqual([`tx-1/${name}`]);
    });

    test("evidence stays as long as the longest report of its transaction", () => {
        const timeline = aged("tx-1/timeline.jsonl", 60);
        expect(expiredReports([timeline, aged("tx-1/rollback.json", 60)], now, defaultRetention)).toEqual([]);
        expect(expiredReports([timeline, aged("tx-2/rollback.json", 60)], now, defaultRetention)).toEqual([
            "tx-1/timeline.jsonl",
        ]);
    });

    test("what lies beside the transactions is not old, whatever its age", () => {
        expect(expiredReports([aged("outcome.json", 400), aged("timeline.jsonl", 400)], now, defaultRetention)).toEqual(
            [],
        );
    });
});

describe("the deployment report", () => {
    let project = "";
    beforeEach(async () => {
        project = await mkdtemp(path.join(os.tmpdir(), "plumbline-report-"));
    });
    afterEach(() => rm(project, { recursive: true }));

    test("is written as JSON of its schema and as text, for its owner only [R65]", async () => {
        const written = await writeDeploymentReport(project, outcome);
        const json = path.join(project, written.json);
        expect(written.json).toBe("infrastructure/reports/local/tx-1/deployment.json");
        expect(deploymentReportSchema.parse(JSON.parse(await readFile(json, "utf8"))).outcome).toEqual(outcome);
        expect(await readFile(path.join(project, written.text), "utf8")).toContain("127.0.0.1:8000");
        expect((await stat(json)).mode & 0o777).toBe(0o600);
        expect((await stat(path.dirname(json))).mode & 0o777).toBe(0o700);
    });

    test("of an undone rollout is a rollback summary that names the first cause [R52]", async () => {
        const cause = { category: "startup", service: "api", message: "api stopped by itself", remedy: "look" };
        const undone = { ...outcome, outcome: "rolled-back" } as const;
        const written = await writeDeploymentReport(project, undone, { cause });
        expect(written.json).toMatch(/tx-1\/rollback\.json$/);
        const { cause: told } = deploymentReportSchema.parse(
            JSON.parse(await readFile(path.join(project, written.json), "utf8")),
        );
        expect(told).toEqual(cause);
        expect(await readFile(path.join(project, written.text), "utf8")).toMatch(
            /\nThe first cause: api stopped by itself \[startup, api\]\n {2}Next: look\n$/,
        );
    });

    test("that is not complete is refused", async () => {
        await expect(writeDeploymentReport(project, { ...outcome, release: "" })).rejects.toThrow("release");
    });

    test("removes what is past its time, with the folder that it leaves empty, and nothing else", async () => {
        const folder = path.join(project, "infrastructure/reports/local");
        const old = path.join(folder, "tx-0");
        await mkdir(path.join(old, "logs"), { recursive: true });
        for (const name of ["deployment.json", "logs/api.log"]) {
            await writeFile(path.join(old, name), "old");
            await utimes(path.join(old, name), now / 1000 - 31 * 86_400, now / 1000 - 31 * 86_400);
        }
        await writeFile(path.join(folder, "outcome.json"), "{}");
        const written = await writeDeploymentReport(project, outcome, { now: () => now });
        expect([...written.pruned].sort()).toEqual([
            "infrastructure/reports/local/tx-0/deployment.json",
            "infrastructure/reports/local/tx-0/logs/api.log",
        ]);
        expect((await readdir(folder)).sort()).toEqual(["outcome.json", "tx-1"]);
    });
});
