/** A parity report with a finding of every kind, and texts that must be escaped. */
import { type Finding, summarize } from "../../../validation/parity/finding.ts";
import { ruleOf } from "../../../validation/parity/rules.ts";
import { type ParityReport, parityReport } from "../../../validation/report/findings.ts";

export function sampleFinding(change: Partial<Finding> = {}): Finding {
    return {
        service: "api",
        property: "mem_limit",
        result: "same",
        expected: "536870912 (512 MiB)",
        actual: "536870912 (512 MiB)",
        where: { file: "docker-compose.yml", keyPath: "services.api.mem_limit", line: 204 },
        remedy: "",
        ...change,
    };
}

const nasty = `<script>alert("1")</script> & 'quotes' \u0007`;

export const sampleFindings: readonly Finding[] = [
    sampleFinding(),
    sampleFinding({
        property: "ports.8000",
        result: "intended",
        rule: ruleOf("ports-on-edge"),
        expected: "127.0.0.1:8000",
        actual: "127.0.0.1:8000 on the edge",
        where: { file: "docker-compose.yml", keyPath: "services.api.ports.8000", line: 198 },
    }),
    sampleFinding({
        property: "command",
        result: "drift",
        expected: "none",
        actual: nasty,
        where: { file: "docker-compose.yml", keyPath: "services.api.command" },
        remedy: "Make the container of api anew.",
    }),
    sampleFinding({
        service: "worker",
        property: "user (process)",
        result: "inconclusive",
        expected: "not compared",
        actual: "unknown: the container is exited",
        remedy: "Find out why it could not be asked.",
    }),
    sampleFinding({
        service: "worker",
        property: "HostConfig.NewThing",
        result: "drift",
        unknown: true,
        expected: "not known to the comparison",
        actual: "1",
        remedy: "Teach the comparison this property.",
    }),
    sampleFinding({ service: "redis", property: "init", expected: "true", actual: "true" }),
];

export function sampleReport(findings: readonly Finding[] = sampleFindings): ParityReport {
    const about = { stack: "local", release: "0123456789ab", judgedAt: "2026-11-24T12:00:00.000Z" };
    return parityReport(about, { findings, summary: summarize(findings) });
}
