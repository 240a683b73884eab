/** What a case measures: figures with their bounds, and how they are judged. */
import { execFile } from "node:child_process";
import { arch, cpus, platform, release, totalmem } from "node:os";
import { promisify } from "node:util";

const exec = promisify(execFile);

/** One measured value. */
export interface Figure {
    /** What it means, for a person. */
    readonly meaning: string;
    /** Null when it could not be measured; `note` says why. */
    readonly value: number | null;
    readonly unit: string;
    /** The same of plain compose, or of the program it is compared with. */
    readonly compared?: number | null;
    /** The largest value that is good; without it the value is told, not judged. */
    readonly atMost?: number;
    readonly atLeast?: number;
    readonly note?: string;
}

export type Verdict = "ok" | "missed" | "told";

/** A value that is missing where a bound asks for one is a miss. */
export function judge({ value, atMost, atLeast }: Figure): Verdict {
    if (atMost === undefined && atLeast === undefined) return "told";
    if (value === null) return "missed";
    return value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY)
        ? "ok"
        : "missed";
}

/** Everything that one case has found, as it is kept in `infrastructure/bench/<case>.json`. */
export interface CaseResult {
    readonly name: string;
    readonly title: string;
    readonly at: string;
    readonly commit: string;
    readonly machine: Machine;
    readonly options: BenchOptions;
    readonly durationMs: number;
    readonly figures: readonly Figure[];
    /** Raw results of both sides, for whoever doubts a figure. */
    readonly details: Readonly<Record<string, unknown>>;
}

export interface BenchOptions {
    /** Requests a second. */
    readonly rate: number;
    /** Least requests of each load. */
    readonly requests: number;
    /** Repetitions of what is compared in pairs. */
    readonly runs: number;
}

export const defaultOptions: BenchOptions = { rate: 50, requests: 2_000, runs: 5 };

export interface Machine {
    readonly cores: number;
    readonly processor: string;
    readonly memoryGiB: number;
    readonly system: string;
    readonly engine: string;
    readonly node: string;
}

export async function describeMachine(): Promise<Machine> {
    const { stdout } = await exec("docker", ["version", "--format", "{{.Server.Version}}"]);
    return {
        cores: cpus().length,
        processor: cpus()[0]?.model.trim() ?? "unknown",
        memoryGiB: Math.round(totalmem() / 2 ** 30),
        system: `${platform()} ${release()} ${arch()}`,
        engine: stdout.trim(),
        node: process.version,
    };
}

export function median(values: readonly number[]): number | null {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    const upper = sorted[middle];
    if (upper === undefined) return null;
    return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export function rounded(value: number, digits = 2): number {
    return Number(value.toFixed(digits));
}
