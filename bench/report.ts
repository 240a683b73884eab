/** What the measurements say: tables for people, and `docs/benchmarks.md` made anew between its markers. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { type CaseResult, type Figure, judge, type Machine } from "./figures.ts";

const begin = "<!-- bench:begin -->";
const end = "<!-- bench:end -->";

/** Where the results of all cases are kept, relative to the project. */
export const resultsFolder = path.join("infrastructure", "bench");

export async function saveResult(projectDir: string, result: CaseResult): Promise<void> {
    const folder = path.join(projectDir, resultsFolder);
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, `${result.name}.json`);
    await writeFile(`${file}.new`, `${JSON.stringify(result, null, 4)}\n`);
    await rename(`${file}.new`, file);
}

/** The last result of a case; undefined where there is none. */
export async function readResult(projectDir: string, name: string): Promise<CaseResult | undefined> {
    const file = path.join(projectDir, resultsFolder, `${name}.json`);
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
    });
    return text === undefined ? undefined : (JSON.parse(text) as CaseResult);
}

/** One case as a Markdown table, which reads in a terminal as well. */
export function renderCase({ figures, title, name, at, commit, durationMs }: CaseResult): string {
    const other = name === "update-cost" ? "plain program" : name === "no-change" ? "empty program" : "compose";
    const rows = [
        ["figure", "Plumbline", other, "bound", "verdict"],
        ...figures.map((figure) => [
            figure.note === undefined ? figure.meaning : `${figure.meaning} (${figure.note})`,
            amount(figure.value, figure.unit),
            figure.compared === undefined ? "" : amount(figure.compared, figure.unit),
            bound(figure),
            { ok: "ok", missed: "**missed**", told: "" }[judge(figure)],
        ]),
    ];
    const minutes = (durationMs / 60_000).toFixed(1);
    return `### ${title}\n\n${table(rows)}\n\n\`${name}\`, measured ${at.slice(0, 16).replace("T", " ")} UTC at ${commit} in ${minutes} minutes.\n`;
}

/** Writes the results into the page, between its markers. */
export async function updateDocs(projectDir: string, results: readonly CaseResult[]): Promise<void> {
    const file = path.join(projectDir, "docs", "benchmarks.md");
    const text = await readFile(file, "utf8");
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`${file} has lost its markers ${begin} and ${end}`);
    const body = renderAll(results);
    await writeFile(file, `${text.slice(0, from + begin.length)}\n\n${body}\n${text.slice(to)}`);
}

function renderAll(results: readonly CaseResult[]): string {
    const judged = results.flatMap(({ figures }) => figures.map(judge)).filter((verdict) => verdict !== "told");
    const missed = judged.filter((verdict) => verdict === "missed").length;
    const machines = new Set(results.map(({ machine }) => machineLine(machine)));
    return [
        `${judged.length - missed} of ${judged.length} bounded figures are met.`,
        ...[...machines].map((line) => `Machine: ${line}.`),
        ...results.map((result) => renderCase(result).trimEnd()),
    ].join("\n\n");
}

export function machineLine({ cores, processor, memoryGiB, system, engine, node }: Machine): string {
    return `${cores} cores (${processor}), ${memoryGiB} GiB, ${system}, Docker engine ${engine}, Node ${node}`;
}

function bound({ atMost, atLeast, unit }: Figure): string {
    if (atMost !== undefined && atMost === atLeast) return `= ${amount(atMost, unit)}`;
    if (atMost !== undefined) return `≤ ${amount(atMost, unit)}`;
    return atLeast === undefined ? "" : `≥ ${amount(atLeast, unit)}`;
}

function amount(value: number | null, unit: string): string {
    if (value === null) return "not measured";
    return `${value.toLocaleString("en-US")} ${unit}`.trim();
}

function table(rows: readonly (readonly string[])[]): string {
    const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
    const line = (row: readonly string[]) =>
        `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
    const [head = [], ...body] = rows;
    return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body.map(line)].join("\n");
}
