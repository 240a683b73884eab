/** The forms of the parity report. */
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { rules } from "../../../validation/parity/rules.ts";
import {
    findingsJsonSchema,
    parityReport,
    parityReportSchema,
    renderFindingsJson,
    renderFindingsText,
} from "../../../validation/report/findings.ts";
import { writeFindings } from "../../../validation/report/findings-write.ts";
import { renderHtml } from "../../../validation/report/html.ts";
import { renderJunit } from "../../../validation/report/junit.ts";
import { defaultRetention, expiredReports } from "../../../validation/report/prune.ts";
import { sampleFinding, sampleReport } from "./sample-report.ts";

const report = sampleReport();

describe("the parity report", () => {
    test("as text says the verdict first, then what does not match in full, then the rules [R30]", () => {
        const text = renderFindingsText(report);
        expect(text.split("\n")[0]).toBe(
            "local: release 0123456789ab does not match the baseline: 50 % of 6 properties; 2 properties drift, 1 could not be compared.",
        );
        expect(text).toContain("DRIFT api: command\n  expected  none\n");
        expect(text).toContain("UNKNOWN worker: HostConfig.NewThing");
        expect(text).toContain("where     docker-compose.yml services.api.command");
        expect(text).toContain("ports-on-edge: The edge publishes a service's ports");
        expect(renderFindingsText(sampleReport([sampleFinding()]))).toMatch(/^local: .* matches the baseline: 100 %/);
        expect(renderFindingsText(sampleReport([]))).toMatch(/nothing was found to compare/);
    });

    test("holds the success rates where there are any, as text and on the page [R37]", () => {
        const rates = [{ name: "health", result: "inconclusive", succeeded: 4, total: 5, of: "services" }] as const;
        const { findings, summary, stack, release, judgedAt } = report;
        const counted = parityReport({ stack, release, judgedAt }, { findings, summary }, rates);
        expect(renderFindingsText(counted)).toMatch(/SUCCESS RATE\nhealth +inconclusive +4 of 5 services\n/);
        expect(renderHtml(counted)).toContain("4 of 5 services");
        for (const text of [renderFindingsText(report), renderHtml(report)]) expect(text).not.toMatch(/success rate/i);
    });

    test("as JSON holds the whole table of rules, and its schema beside the code is the current one", async () => {
        const read = parityReportSchema.parse(JSON.parse(renderFindingsJson(report)));
        expect(read).toEqual(report);
        expect(read.rules).toEqual(rules);
        expect(rules.every(({ reason }) => reason.endsWith("."))).toBe(true);
        const kept = await readFile("validation/report/findings.schema.json", "utf8");
        // Stale? `node validation/report/findings-schema.ts` writes it anew.
        expect(kept).toBe(findingsJsonSchema());
    });

    test("as JUnit is red for drift and for what could not be compared [R96]", () => {
        const xml = renderJunit(report);
        expect(xml).toMatch(/<testsuites [^>]*tests="6" failures="2" errors="1"/);
        expect(xml).toContain('<testsuite name="parity.local.worker" tests="2" failures="1" errors="1"');
        expect(xml).toContain('<failure type="unknown"');
        expect(xml).toContain("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp;");
        // A control character has no place in XML, not even escaped.
        expect([...xml].some((character) => character < " " && character !== "\n")).toBe(false);
        const tags = [...xml.matchAll(/<(\/?)([a-z-]+)[^>]*?(\/?)>/g)].filter(([, , , empty]) => empty === "");
        const open: string[] = [];
        for (const [, end, name = ""] of tags) {
            if (end === "/") expect(open.pop()).toBe(name);
            else open.push(name);
        }
        expect(open).toEqual([]);
        expect(renderJunit(sampleReport([]))).toContain('errors="1"');
    });

    test("as a page names nothing outside of itself and holds no script", () => {
        const page = renderHtml(report);
        expect(page).not.toMatch(/<script|src=|url\(|@import|https?:/);
        expect(page).toContain("&lt;script&gt;");
    });

    test("is written for its owner only, and goes when validation results go [R70]", async () => {
        const project = await mkdtemp(join(tmpdir(), "plumbline-findings-"));
        try {
            const written = await writeFindings(project, "infrastructure/reports/local/t1", report);
            const names = await readdir(join(project, "infrastructure/reports/local/t1"));
            expect(names.sort()).toEqual([
                "validation.findings.json",
                "validation.findings.txt",
                "validation.html",
                "validation.junit.xml",
            ]);
            expect((await stat(join(project, written.html))).mode & 0o777).toBe(0o600);
            const days = 24 * 60 * 60 * 1000;
            const files = names.map((name) => ({ path: `t1/${name}`, modifiedAt: 0 }));
            expect(expiredReports(files, 29 * days, defaultRetention)).toEqual([]);
            expect(expiredReports(files, 31 * days, defaultRetention)).toHaveLength(4);
        } finally {
            await rm(project, { recursive: true, force: true });
        }
    });
});
