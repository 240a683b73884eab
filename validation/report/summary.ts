/** The summary that a person reads at a glance: one table from one rollout outcome. Pure. */

import type { Outcome, RolloutOutcome, ServiceOutcome } from "../../rollout/outcome.ts";
import { type ParityOutput, parityLine } from "../parity/summary.ts";
import { type Rate, rateRows } from "../rates.ts";

/** What the validation after a rollout has found. */
export interface Validated {
    readonly parity: ParityOutput;
    readonly rates: readonly Rate[];
}

const headings: Readonly<Record<Outcome, string>> = {
    committed: "runs, proven healthy",
    "rolled-back": "was rolled back; the stack is as it was before",
    "rollback-failed": "could not be rolled back; the stack needs a person",
    refused: "was refused before any change",
};

/** Renders columns padded to their widest cell, two spaces apart, without trailing spaces. */
export function renderTable(rows: readonly (readonly string[])[]): string[] {
    const widths: number[] = [];
    for (const row of rows) {
        row.forEach((cell, column) => {
            widths[column] = Math.max(widths[column] ?? 0, cell.length);
        });
    }
    return rows.map((row) =>
        row
            .map((cell, column) => cell.padEnd(widths[column] ?? 0))
            .join("  ")
            .trimEnd(),
    );
}

/**
 * The summary of a rollout as text, without colours: services, addresses, health with times, images, duration, files.
 * @param files paths of what was written about it, relative to the project folder
 * @param validated said last, where there was a validation
 */
export function renderSummary(outcome: RolloutOutcome, files: readonly string[] = [], validated?: Validated): string {
    const lines = [`${outcome.stack}: release ${outcome.release} ${headings[outcome.outcome]}`];
    if (outcome.services.length > 0) {
        const header = ["SERVICE", "KIND", "HEALTH", "ADDRESS", "REVISION", "IMAGE", "CHANGED"];
        lines.push("", ...renderTable([header, ...outcome.services.map(serviceRow)]));
    }
    const gateways = Object.entries(outcome.gateways);
    if (gateways.length > 0 && outcome.services.length > 0) {
        lines.push("", ...renderTable(gateways.map(([name, address]) => [`gateway ${name}`, address])));
    }
    lines.push(
        "",
        ...renderTable([
            ["transaction", outcome.transaction],
            ["previous release", outcome.previous ?? "none"],
            ...(outcome.forced === true ? [["forced", "yes: it had been undone before"]] : []),
            ...(outcome.edgeGapMs === undefined
                ? []
                : [["edge", `was replaced; nobody was served for ${outcome.edgeGapMs} ms`]]),
            ...(outcome.leftVolumes ?? []).map((name) => ["volume without a service", `${name}: stays, with its data`]),
            ["started", outcome.startedAt],
            ["duration", seconds(outcome.durationMs)],
            ["evidence", outcome.evidence],
            ...files.map((file) => ["report", file]),
        ]),
        ...(validated === undefined ? [] : validatedLines(validated)),
    );
    return `${lines.join("\n")}\n`;
}

function validatedLines({ parity, rates }: Validated): string[] {
    return [
        "",
        ...renderTable([["SUCCESS RATE", "", ""], ...rateRows(rates)]),
        "",
        ...parity.deviations.map((deviation) => `not as in the baseline: ${deviation}`),
        parityLine(parity.summary),
    ];
}

function serviceRow(service: ServiceOutcome): string[] {
    return [
        service.name,
        service.kind,
        health(service),
        service.addresses.join(", ") || "inside only",
        service.revision,
        `${service.image} (${shortImageId(service.imageId)})`,
        service.changed ? "yes" : "no",
    ];
}

function health(service: ServiceOutcome): string {
    if (service.readyAfterMs === 0 && service.probeMs === 0) return "not touched";
    const probe = `probe ${Math.round(service.probeMs)} ms`;
    return service.readyAfterMs === 0 ? `healthy, ${probe}` : `ready in ${seconds(service.readyAfterMs)}, ${probe}`;
}

/** `sha256:0123456789ab…` as the twelve digits that `docker images` shows. */
function shortImageId(id: string): string {
    return id.replace(/^sha256:/, "").slice(0, 12) || "id unknown";
}

function seconds(ms: number): string {
    return `${(ms / 1000).toFixed(1)} s`;
}
