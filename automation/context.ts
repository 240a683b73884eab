/** The frame of every command: what it works with, and how its end, good or bad, becomes a result. */

import path from "node:path";
import { describeError } from "../release/errors.ts";
import { refuseGateSkippingKeys, refuseGateSkippingVariables } from "../release/gate-skipping.ts";
import { makePrivateFolder, reportFolder, writePrivateFile } from "../validation/report/write.ts";
import { Diagnostics } from "./diagnostics.ts";
import { type CommandOptions, defaultStack, projectFolder } from "./options.ts";
import { type ProgressView, silentView } from "./progress-view.ts";
import { pulumiFailure } from "./pulumi-error.ts";
import { type CommandOutcome, type CommandResult, exitCodeOf, type Failure, type Reason } from "./result.ts";

/** What a command works with. */
export interface CommandContext {
    readonly stack: string;
    readonly projectDir: string;
    readonly env: Readonly<NodeJS.ProcessEnv>;
    readonly view: ProgressView;
    readonly diagnostics: Diagnostics;
    /** ISO 8601; whatever is older belongs to an earlier command. */
    readonly startedAt: string;
    readonly signal: AbortSignal;
    /** Tells the person, and keeps the sentence for the result. */
    note(text: string): void;
}

/** How a command's work ended. */
export interface Ending<Extra> {
    readonly outcome: CommandOutcome;
    readonly release: string | null;
    readonly evidence: string | null;
    readonly failure?: Failure;
    readonly reason?: Reason;
    /** What only this command reports. */
    readonly extra: Extra;
}

/**
 * Runs a command's work and makes a result of its end. Whatever the work throws is a refusal: work that has changed
 * something must catch for itself, and say how far it came.
 * @param nothing what the command's own part of the result is when there is none
 */
export async function conclude<Extra extends object>(
    command: string,
    options: CommandOptions,
    nothing: Extra,
    work: (context: CommandContext) => Promise<Ending<Extra>>,
): Promise<CommandResult & Extra> {
    const started = Date.now();
    const notes: string[] = [];
    const view = options.view ?? silentView;
    const context: CommandContext = {
        stack: options.stack ?? defaultStack,
        projectDir: projectFolder(options),
        env: options.env ?? process.env,
        view,
        diagnostics: new Diagnostics(),
        startedAt: new Date(started).toISOString(),
        signal: options.signal ?? new AbortController().signal,
        note(text) {
            notes.push(text);
            view.note(text);
        },
    };
    const allowed = async () => {
        refuseGateSkippingKeys(options);
        refuseGateSkippingVariables(context.env);
    };
    const ending = await allowed()
        .then(() => work(context))
        .catch(
            (error: unknown): Ending<Extra> => ({
                outcome: "refused",
                release: null,
                evidence: null,
                failure: pulumiFailure(error, context.diagnostics),
                extra: nothing,
            }),
        );
    view.end();
    const diagnosticsFile = ending.failure === undefined ? null : await keepDiagnostics(context);
    return {
        ...ending.extra,
        command,
        stack: context.stack,
        outcome: ending.outcome,
        reason: ending.reason ?? null,
        exitCode: exitCodeOf(ending.outcome),
        release: ending.release,
        startedAt: context.startedAt,
        durationMs: Date.now() - started,
        evidence: ending.evidence ?? diagnosticsFile,
        notes,
        failure: ending.failure ?? null,
        diagnostics: context.diagnostics.errors(),
    };
}

/**
 * Keeps Pulumi's diagnostics as they came, with stack frames; returns the file, relative to the project. Where they cannot
 * be kept, that is told beside the failure, and does not take its place.
 */
async function keepDiagnostics(context: CommandContext): Promise<string | null> {
    const text = context.diagnostics.raw();
    if (text === "") return null;
    const file = path.posix.join(reportFolder(context.stack), "diagnostics.txt");
    try {
        await makePrivateFolder(path.join(context.projectDir, reportFolder(context.stack)));
        await writePrivateFile(path.join(context.projectDir, file), text);
        return file;
    } catch (error) {
        context.note(`Pulumi's diagnostics could not be kept in ${file}: ${describeError(error)}`);
        return null;
    }
}
