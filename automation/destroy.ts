/** `destroy`: stops and removes a stack in reverse order; its data stays unless asked otherwise. */

import { connectEngine, type Engine } from "../engine/docker.ts";
import { conclude, type Ending } from "./context.ts";
import { summaryOf } from "./deploy.ts";
import { eventSink, withLock, withTimeline } from "./operation.ts";
import type { CommandOptions } from "./options.ts";
import { pulumiFailure } from "./pulumi-error.ts";
import type { CommandResult } from "./result.ts";
import { readStackSettings } from "./stack-settings.ts";
import { openStack } from "./workspace.ts";

export interface DestroyOptions extends CommandOptions {
    /** Delete the data volumes too, with the ledger and the edge's configuration. Cannot be undone. @default false */
    readonly volumes?: boolean;
}

export interface DestroyResult extends CommandResult {
    /** Volumes that are still there, with their data. */
    readonly keptVolumes: readonly string[];
    readonly deletedVolumes: readonly string[];
    /** The command that deletes the kept ones; null when none is left. */
    readonly deleteCommand: string | null;
}

type DestroyExtra = Pick<DestroyResult, "keptVolumes" | "deletedVolumes" | "deleteCommand">;

/**
 * Removes what a stack runs: the edge is drained, then the services stop in reverse dependency order. Data volumes stay,
 * and the next deploy finds them, unless `volumes` is set.
 *
 * The outcome is `destroyed` (exit code 0), `refused` (30: nothing was changed) or `incomplete` (20: some of it is still
 * there, and the command may be run again).
 */
export async function destroy(options: DestroyOptions = {}): Promise<DestroyResult> {
    const nothing: DestroyExtra = { keptVolumes: [], deletedVolumes: [], deleteCommand: null };
    return conclude("destroy", options, nothing, async (context): Promise<Ending<DestroyExtra>> => {
        const stack = await openStack(context, "refuse");
        const { settings, engineHost } = await readStackSettings(stack);
        const engine = connectEngine(engineHost);
        await engine.info();
        const recorded = summaryOf(await stack.outputs());
        const ending = { release: recorded?.release ?? null, evidence: recorded?.evidence ?? null };
        let removed = 0;
        const sink = eventSink(context);
        try {
            await withTimeline(context, () =>
                withLock(context, stack, () =>
                    stack.destroy({
                        signal: context.signal,
                        onEvent(event) {
                            if (event.resOutputsEvent?.metadata.op === "delete") removed += 1;
                            sink(event);
                        },
                    }),
                ),
            );
            const deletedVolumes = options.volumes === true ? await deleteVolumes(engine, settings.project) : [];
            const keptVolumes = await volumesOf(engine, settings.project);
            const deleteCommand =
                keptVolumes.length === 0 ? null : `npm run destroy -- --stack ${context.stack} --volumes`;
            return { ...ending, outcome: "destroyed", extra: { keptVolumes, deletedVolumes, deleteCommand } };
        } catch (error) {
            if (removed === 0) throw error;
            const failure = pulumiFailure(error, context.diagnostics);
            return { ...ending, outcome: "incomplete", failure, extra: nothing };
        }
    });
}

/** Volumes of a project by their label: a name's beginning would also match those of other stacks. */
async function volumesOf(engine: Engine, project: string): Promise<string[]> {
    const volumes = await engine.volumes({ "plumbline.project": project });
    return volumes.map((volume) => volume.name).sort();
}

async function deleteVolumes(engine: Engine, project: string): Promise<string[]> {
    const names = await volumesOf(engine, project);
    for (const name of names) await engine.removeVolume(name);
    return names;
}

/** What was kept and deleted, as text for people. */
export function renderDestroy(result: DestroyResult): string {
    const lines: string[] = [];
    if (result.deletedVolumes.length > 0) {
        lines.push("Deleted, with their data:", ...result.deletedVolumes.map((name) => `  ${name}`));
    }
    if (result.keptVolumes.length > 0) {
        lines.push("Kept, with their data:", ...result.keptVolumes.map((name) => `  ${name}`));
        lines.push(`The next deploy finds them. To delete them: ${result.deleteCommand}`);
    }
    return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}
