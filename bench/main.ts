/** `npm run bench`: measures case by case, keeps each result, and makes docs/benchmarks.md anew. */
import { execFile } from "node:child_process";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { Command, InvalidArgumentError } from "commander";
import { describeError } from "../release/errors.ts";
import { allCases } from "./cases/all.ts";
import type { BenchCase } from "./cases/case.ts";
import { type BenchOptions, type CaseResult, defaultOptions, describeMachine, judge, type Machine } from "./figures.ts";
import { machineLine, readResult, renderCase, resultsFolder, saveResult, updateDocs } from "./report.ts";
import { SharedSides } from "./shared-sides.ts";

const projectDir = path.dirname(import.meta.dirname);
const exec = promisify(execFile);
const note = (text: string) => process.stderr.write(`[bench ${new Date().toISOString().slice(11, 19)}] ${text}\n`);

interface BenchArguments extends BenchOptions {
    readonly case?: readonly string[];
    readonly fresh?: boolean;
    readonly list?: boolean;
    readonly docs?: boolean;
}

const program = new Command("bench")
    .description("Measures Plumbline side by side with plain compose and with plain Pulumi programs, on this machine.")
    .option(
        "--case <name...>",
        "only these cases, also when they were measured already; without it, those still missing",
    )
    .option("--fresh", "measure every case again")
    .option("--list", "list the cases and end")
    .option("--docs", "measure nothing, only make docs/benchmarks.md anew from the kept results")
    .option("--rate <number>", "requests a second", count, defaultOptions.rate)
    .option("--requests <number>", "least requests of a load", count, defaultOptions.requests)
    .option("--runs <number>", "repetitions of what is compared in pairs", count, defaultOptions.runs)
    .addHelpText("after", "\nThe results of other than the default counts are printed and kept apart from the page.")
    .action(bench);

await program.parseAsync();

async function bench(args: BenchArguments): Promise<void> {
    if (args.list) {
        for (const { name, title } of allCases) process.stdout.write(`${name.padEnd(24)}${title}\n`);
        return;
    }
    if (args.docs) return await writeDocs();
    const options: BenchOptions = { rate: args.rate, requests: args.requests, runs: args.runs };
    const machine = await describeMachine();
    const commit = await currentCommit();
    const wanted = await choose(args, options, commit);
    note(`${wanted.length} cases to measure on ${machineLine(machine)}`);
    const shared = new SharedSides(note);
    const failed: string[] = [];
    try {
        for (const one of wanted) {
            const result = await measure(one, { options, machine, commit }, shared).catch((error: unknown) => error);
            if (isResult(result)) {
                if (isDefault(options)) await saveResult(projectDir, result);
                process.stdout.write(`\n${renderCase(result)}\n`);
                if (result.figures.some((figure) => judge(figure) === "missed")) failed.push(one.name);
            } else {
                note(`${one.name} could not be measured: ${describeError(result)}`);
                failed.push(one.name);
                // Nobody knows in which state it left the two sides.
                await shared.dispose();
            }
        }
    } finally {
        await shared.dispose();
    }
    if (isDefault(options)) await writeDocs();
    else note("Not the default counts: docs/benchmarks.md is left as it is.");
    note(failed.length === 0 ? "Every bound is met." : `Missed, or not measured: ${failed.join(", ")}`);
    process.exitCode = failed.length === 0 ? 0 : 1;
}

async function measure(
    one: BenchCase,
    about: { readonly options: BenchOptions; readonly machine: Machine; readonly commit: string },
    shared: SharedSides,
): Promise<CaseResult> {
    note(`${one.name}: ${one.title}`);
    await shared.get();
    const began = performance.now();
    const over = new AbortController();
    const tooLong = pause(one.mostMinutes * 60_000, undefined, { signal: over.signal }).then(() => {
        throw new Error(`it was not done after ${one.mostMinutes} minutes`);
    });
    tooLong.catch(() => undefined); // Told to end when the case is over.
    try {
        const measuring = one.measure({ options: about.options, sides: shared.get, note });
        measuring.catch(() => undefined); // Awaited here, unless the time was over first.
        const measured = await Promise.race([measuring, tooLong]);
        return {
            name: one.name,
            title: one.title,
            at: new Date().toISOString(),
            ...about,
            durationMs: Math.round(performance.now() - began),
            ...measured,
        };
    } finally {
        over.abort();
    }
}

function isResult(value: unknown): value is CaseResult {
    return typeof value === "object" && value !== null && "figures" in value;
}

/** Named cases; else those without a result of this commit. */
async function choose(args: BenchArguments, options: BenchOptions, commit: string): Promise<readonly BenchCase[]> {
    const unknown = args.case?.filter((name) => !allCases.some((one) => one.name === name)) ?? [];
    if (unknown.length > 0) throw new Error(`there is no case ${unknown.join(", ")}: see npm run bench -- --list`);
    if (args.case !== undefined) return allCases.filter(({ name }) => args.case?.includes(name));
    if (args.fresh || !isDefault(options)) return allCases;
    const missing: BenchCase[] = [];
    for (const one of allCases) {
        const kept = await readResult(projectDir, one.name);
        if (kept?.commit === commit) note(`${one.name} was measured at ${kept.at}; --fresh measures it again`);
        else missing.push(one);
    }
    return missing;
}

function isDefault(options: BenchOptions): boolean {
    return options.rate === defaultOptions.rate && options.requests >= defaultOptions.requests && options.runs >= 3;
}

async function writeDocs(): Promise<void> {
    const results = await Promise.all(allCases.map(({ name }) => readResult(projectDir, name)));
    const kept = results.filter((result) => result !== undefined);
    if (kept.length === 0) throw new Error(`${resultsFolder} holds no result`);
    await updateDocs(projectDir, kept);
    note(`docs/benchmarks.md holds ${kept.length} of ${allCases.length} cases.`);
}

async function currentCommit(): Promise<string> {
    const { stdout } = await exec("git", ["-C", projectDir, "rev-parse", "--short=12", "HEAD"]);
    return stdout.trim();
}

function count(text: string): number {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("it must be a whole number from 1 on");
    return value;
}
