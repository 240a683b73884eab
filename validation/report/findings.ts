/** The parity report: its shape, as JSON for programs and as text for people. Pure. */
import { z } from "zod";
import { type Finding, findingSchema, paritySummarySchema } from "../parity/finding.ts";
import { rules } from "../parity/rules.ts";
import { type Rate, rateRows, rateSchema } from "../rates.ts";
import { renderTable } from "./summary.ts";

export const parityReportSchema = z.strictObject({
    schema: z.literal("plumbline/parity/1"),
    stack: z.string().min(1),
    release: z.string().min(1),
    /** ISO 8601. */
    judgedAt: z.iso.datetime(),
    summary: paritySummarySchema,
    /** The success rates (R37), where the judgement had more to count than properties. */
    rates: z.array(rateSchema).optional(),
    findings: z.array(findingSchema),
    /** The whole table of rules, so that a report can be read alone. */
    rules: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
});

export type ParityReport = z.infer<typeof parityReportSchema>;

/** Puts findings and the table of rules together. @throws ZodError when a finding is not whole */
export function parityReport(
    about: Pick<ParityReport, "stack" | "release" | "judgedAt">,
    found: { readonly findings: readonly Finding[]; readonly summary: ParityReport["summary"] },
    rates?: readonly Rate[],
): ParityReport {
    const { findings, summary } = found;
    const counted = rates === undefined ? {} : { rates };
    return parityReportSchema.parse({
        schema: "plumbline/parity/1",
        ...about,
        summary,
        ...counted,
        findings,
        rules,
    });
}

export function renderFindingsJson(report: ParityReport): string {
    return `${JSON.stringify(report, null, 4)}\n`;
}

/** The JSON schema of the report, kept beside this file as `findings.schema.json`. */
export function findingsJsonSchema(): string {
    const schema = z.toJSONSchema(parityReportSchema, { target: "draft-2020-12" });
    return `${shortLists(JSON.stringify({ ...schema, title: "Plumbline parity report" }, null, 4))}\n`;
}

/** A list of plain values stands on one line where it fits, as this project's formatter has it. */
function shortLists(json: string): string {
    return json.replace(/^( *)("[^"]+": )?\[\n([^[\]{}]*?)\n *\](,?)$/gm, (all, indent, key = "", body, comma) => {
        const line = `${indent}${key}[${body.trim().split(/,\n */).join(", ")}]${comma}`;
        return line.length <= 120 ? line : all;
    });
}

/** One sentence that says whether what runs is the baseline. */
export function verdictLine({ stack, release, summary }: Pick<ParityReport, "stack" | "release" | "summary">): string {
    const { total, percent, match, drift, inconclusive, intended } = summary;
    const about = `${stack}: release ${release}`;
    if (match) return `${about} matches the baseline: 100 % of ${total} properties, ${intended} of them by a rule.`;
    if (total === 0) return `${about} was not compared: nothing was found to compare.`;
    const parts = [
        ...(drift > 0 ? [`${drift} ${drift === 1 ? "property drifts" : "properties drift"}`] : []),
        ...(inconclusive > 0 ? [`${inconclusive} could not be compared`] : []),
    ];
    return `${about} does not match the baseline: ${percent} % of ${total} properties; ${parts.join(", ")}.`;
}

/** For reading: what needs attention first and in full, the intended differences by rule, and a count of the rest. */
export function renderFindingsText(report: ParityReport): string {
    const { findings, summary } = report;
    const problems = findings.filter(({ result }) => result === "drift" || result === "inconclusive");
    const services = [...new Set(findings.map(({ service }) => service))];
    const count = (service: string, result: Finding["result"]) =>
        String(findings.filter((finding) => finding.service === service && finding.result === result).length);
    const used = report.rules.filter(({ name }) => findings.some(({ rule }) => rule?.name === name));
    return [
        verdictLine(report),
        `judged at ${report.judgedAt}`,
        "",
        ...renderTable([
            ["SERVICE", "SAME", "INTENDED", "DRIFT", "INCONCLUSIVE"],
            ...services.map((service) => [
                service,
                ...(["same", "intended", "drift", "inconclusive"] as const).map((result) => count(service, result)),
            ]),
        ]),
        ...(report.rates === undefined
            ? []
            : ["", ...renderTable([["SUCCESS RATE", "", ""], ...rateRows(report.rates)])]),
        ...problems.flatMap((finding) => ["", ...described(finding)]),
        ...(summary.intended > 0 ? ["", "Intended differences, by rule:"] : []),
        ...used.flatMap(({ name, reason }) => [
            `  ${name}: ${reason}`,
            ...intendedBy(name, findings).map((line) => `    ${line}`),
        ]),
        "",
    ].join("\n");
}

/** `docker-compose.yml:12 services.api.mem_limit`. */
export function placeOf({ where }: Finding): string {
    return `${where.file}${where.line === undefined ? "" : `:${where.line}`} ${where.keyPath}`;
}

function described(finding: Finding): string[] {
    const { service, property, result, unknown, expected, actual, remedy } = finding;
    const word = unknown === true ? "UNKNOWN" : result.toUpperCase();
    return [
        `${word} ${service}: ${property}`,
        `  expected  ${expected}`,
        `  actual    ${actual}`,
        `  where     ${placeOf(finding)}`,
        `  next      ${remedy}`,
    ];
}

function intendedBy(rule: string, findings: readonly Finding[]): string[] {
    return findings
        .filter((finding) => finding.rule?.name === rule)
        .map(({ service, property, expected, actual }) =>
            expected === actual
                ? `${service}: ${property} is ${actual}`
                : `${service}: ${property} is ${actual}, baseline ${expected}`,
        );
}
