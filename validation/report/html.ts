/**
 * The parity report as one page that shows the baseline beside what runs: self-contained, without scripts and without
 * anything from elsewhere; for screen, telephone and paper. Pure.
 */
import { createHash } from "node:crypto";
import type { Finding, FindingResult } from "../parity/finding.ts";
import { type Rate, rateRows } from "../rates.ts";
import { type ParityReport, placeOf, verdictLine } from "./findings.ts";
import { style } from "./html-style.ts";

/** A word and a sign: colour alone tells nothing to who cannot see it. */
const words: Readonly<Record<FindingResult, string>> = {
    same: "✓ same",
    intended: "≈ intended",
    drift: "✗ drift",
    inconclusive: "? inconclusive",
};

export function renderHtml(report: ParityReport): string {
    const { findings, summary } = report;
    const services = [...new Set(findings.map(({ service }) => service))];
    const policy = createHash("sha256").update(style).digest("base64");
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${policy}'">
<title>${escaped(`${summary.match ? "Match" : "No match"}: parity of ${report.stack}, release ${report.release}`)}</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#services">To the services</a>
<header>
<h1>${escaped(`Parity of ${report.stack}`)}</h1>
<p class="verdict${summary.match ? " match" : ""}">${escaped(verdictLine(report))}</p>
<p class="soft">Judged at <time datetime="${escaped(report.judgedAt)}">${escaped(report.judgedAt)}</time>. Values of the environment are shown as digests, which can be compared within this page only.</p>
<ul class="counts">
${(["drift", "inconclusive", "intended", "same"] as const)
    .map((result) => `<li><b class="${result}">${summary[result]}</b> ${result}</li>`)
    .join("\n")}
</ul>
${report.rates === undefined ? "" : rateTable(report.rates)}
<label class="choice"><input type="checkbox" id="problems"> Show only what does not match</label>
</header>
<main id="services">
${services.map((service) => section(service, findings)).join("\n")}
</main>
<section>
<h2>Rules</h2>
<p>Why a difference is intended:</p>
<dl>
${report.rules.map(({ name, reason }) => `<dt id="rule-${escaped(name)}"><b>${escaped(name)}</b></dt><dd>${escaped(reason)}</dd>`).join("\n")}
</dl>
</section>
</body>
</html>
`;
}

function rateTable(rates: readonly Rate[]): string {
    const rows = rateRows(rates).map(
        ([name = "", rate = "", counted = ""]) =>
            `<tr role="row"><th scope="row" role="rowheader">${escaped(name)}</th><td role="cell" data-label="Rate">${escaped(rate)}</td><td role="cell" data-label="Counted">${escaped(counted)}</td></tr>`,
    );
    return `<table role="table">
<caption>Success rates</caption>
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">What</th><th scope="col" role="columnheader">Rate</th><th scope="col" role="columnheader">Counted</th></tr></thead>
<tbody role="rowgroup">
${rows.join("\n")}
</tbody>
</table>`;
}

function section(service: string, findings: readonly Finding[]): string {
    const own = findings.filter((finding) => finding.service === service);
    const rank: Record<FindingResult, number> = { drift: 0, inconclusive: 1, intended: 2, same: 3 };
    const rows = [...own].sort((a, b) => rank[a.result] - rank[b.result]);
    const bad = own.filter(isProblem).length;
    const id = `service-${service.replaceAll(/[^A-Za-z0-9_-]/g, "-")}`;
    return `<section aria-labelledby="${id}"${bad === 0 ? ' class="fine"' : ""}>
<h2 id="${id}">${escaped(service)}</h2>
<table role="table">
<caption>${own.length} properties, ${bad === 0 ? "all as the baseline says or declared by a rule" : `${bad} not matching`}</caption>
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">Property</th><th scope="col" role="columnheader">Baseline</th><th scope="col" role="columnheader">Runs</th><th scope="col" role="columnheader" class="is">Result</th></tr></thead>
<tbody role="rowgroup">
${rows.map(row).join("\n")}
</tbody>
</table>
</section>`;
}

function isProblem({ result }: Finding): boolean {
    return result === "drift" || result === "inconclusive";
}

/** The roles stand literally: as cards on a telephone the rows would lose them. */
function row(finding: Finding): string {
    const { property, expected, actual, result, rule, remedy, unknown } = finding;
    const word = unknown === true ? "✗ unknown" : words[result];
    const notes = [
        ...(rule === undefined ? [] : [`<a href="#rule-${escaped(rule.name)}">${escaped(rule.name)}</a>`]),
        ...(isProblem(finding) ? [escaped(`Where: ${placeOf(finding)}`), escaped(`Next: ${remedy}`)] : []),
    ];
    const cell = (label: string, text: string) =>
        `<td role="cell" class="value" data-label="${label}">${escaped(text)}</td>`;
    return `<tr role="row"${isProblem(finding) ? "" : ' class="fine"'}><th scope="row" role="rowheader"><code>${escaped(property)}</code>${
        isProblem(finding) ? notes.map(note).join("") : ""
    }</th>${cell("Baseline", expected)}${cell("Runs", actual)}<td role="cell" class="is ${result}" data-label="Result">${word}${
        isProblem(finding) ? "" : notes.map(note).join("")
    }</td></tr>`;
}

function note(html: string): string {
    return `<span class="note soft">${html}</span>`;
}

function escaped(text: string): string {
    return text
        .replaceAll("&", "&amp;")
        .replaceAll("<", "&lt;")
        .replaceAll(">", "&gt;")
        .replaceAll('"', "&quot;")
        .replaceAll("'", "&#39;");
}
