/** The parity report as JUnit XML, for CI: a suite a service, a case a property. Pure. */
import type { Finding } from "../parity/finding.ts";
import { type ParityReport, placeOf } from "./findings.ts";

/** Drift is a failure; what could not be compared is an error, so that it never passes (R96). */
export function renderJunit(report: ParityReport): string {
    const { findings, stack, judgedAt } = report;
    const services = [...new Set(findings.map(({ service }) => service))];
    const counts = (list: readonly Finding[]) => {
        const failures = list.filter(({ result }) => result === "drift").length;
        const errors = list.filter(({ result }) => result === "inconclusive").length;
        return `tests="${list.length}" failures="${failures}" errors="${errors}" skipped="0"`;
    };
    const suites = services.flatMap((service) => {
        const own = findings.filter((finding) => finding.service === service);
        const name = escaped(`parity.${stack}.${service}`);
        return [
            `  <testsuite name="${name}" ${counts(own)} time="0" timestamp="${escaped(judgedAt)}">`,
            ...own.flatMap((finding) => testCase(name, finding)),
            "  </testsuite>",
        ];
    });
    return [
        '<?xml version="1.0" encoding="UTF-8"?>',
        `<testsuites name="${escaped(`Plumbline parity of ${stack}, release ${report.release}`)}" ${counts(findings)} time="0">`,
        ...suites,
        // A report without a case would be green.
        ...(findings.length === 0 ? [nothingCompared(stack)] : []),
        "</testsuites>",
        "",
    ].join("\n");
}

function testCase(classname: string, finding: Finding): string[] {
    const { property, result, expected, actual, rule, remedy } = finding;
    const open = `    <testcase classname="${classname}" name="${escaped(property)}" time="0"`;
    if (result === "same") return [`${open}/>`];
    const body =
        result === "intended"
            ? `      <system-out>${escaped(`${rule?.name}: ${rule?.reason} Baseline ${expected}, runs ${actual}.`)}</system-out>`
            : problem(
                  result === "drift" ? "failure" : "error",
                  finding,
                  `expected ${expected}, actual ${actual}`,
                  remedy,
              );
    return [`${open}>`, body, "    </testcase>"];
}

function problem(element: "failure" | "error", finding: Finding, message: string, remedy: string): string {
    const text = [message, `where: ${placeOf(finding)}`, `next: ${remedy}`].join("\n");
    const type = finding.unknown === true ? "unknown" : finding.result;
    return `      <${element} type="${type}" message="${escaped(message)}">${escaped(text)}</${element}>`;
}

function nothingCompared(stack: string): string {
    const name = escaped(`parity.${stack}`);
    return [
        `  <testsuite name="${name}" tests="1" failures="0" errors="1" skipped="0" time="0">`,
        `    <testcase classname="${name}" name="anything"><error type="inconclusive" message="nothing was compared"/></testcase>`,
        "  </testsuite>",
    ].join("\n");
}

/** For text and attributes; characters that XML 1.0 has no place for become U+FFFD. */
function escaped(text: string): string {
    return text
        .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, "\u{FFFD}")
        .replaceAll("&", "&amp;")
        .replaceAll("<", "&lt;")
        .replaceAll(">", "&gt;")
        .replaceAll('"', "&quot;")
        .replaceAll("\n", "&#10;");
}
