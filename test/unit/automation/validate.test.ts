/** What `validate` says of corrections to a person. */
import { describe, expect, test } from "@jest/globals";
import { renderValidate, type ValidateResult } from "../../../automation/validate.ts";
import { sampleFinding, sampleReport } from "../parity/sample-report.ts";
import { outcome } from "../report/outcome.ts";

const drift = sampleFinding({ result: "drift", actual: "none", restoredBy: "api" });
const network = sampleFinding({
    service: "networks.network",
    property: "internal",
    result: "drift",
    remedy: "No new container changes a network.",
});

const result: ValidateResult = {
    command: "validate",
    stack: "local",
    outcome: "deviates",
    reason: null,
    exitCode: 30,
    release: "0123456789ab",
    startedAt: "2026-01-02T03:04:05.000Z",
    durationMs: 1,
    evidence: null,
    notes: [],
    failure: null,
    diagnostics: [],
    report: sampleReport([drift, network]),
    files: null,
    corrections: [{ service: "api", container: "api-3f9c1a2b-1", restores: ["api: mem_limit: none → 512 MiB"] }],
    notFixable: [network],
    summary: null,
    changes: {},
    validated: null,
};

describe("the text of a validation", () => {
    test("names each change that restores the baseline, its container, and what stays [R31]", () => {
        const lines = renderValidate(result).split("\n");
        const from = lines.indexOf("What restores the baseline (npm run validate -- --fix applies it):");
        expect(lines.slice(from + 1)).toEqual([
            "  make api anew, in the place of api-3f9c1a2b-1",
            "    api: mem_limit: none → 512 MiB",
            "What no new container mends:",
            "  networks.network: internal. No new container changes a network.",
            "",
        ]);
    });

    test("offers nothing where nothing drifts, nor what was just applied [R31]", () => {
        const fine = { ...result, report: sampleReport([sampleFinding()]), corrections: [], notFixable: [] };
        expect(renderValidate(fine)).not.toMatch(/--fix|no new container/i);
        expect(renderValidate({ ...result, summary: outcome })).not.toMatch(/--fix applies/);
    });
});
