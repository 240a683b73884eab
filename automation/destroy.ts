/** `destroy`: stops and removes a stack in reverse order; its data stays unless asked otherwise. */

import type { Deployment, Stack } from "@pulumi/pulumi/automation/index.js";
import type { Engine } from "../engine/docker.ts";
import { loadRelease } from "../release/load.ts";
import { busy } from "../rollout/ledger.ts";
import { removeFileLeftovers } from "../rollout/service-files.ts";
import { type CommandContext, conclude, type Ending } from "./context.ts";
import { ownerState } from "./deployer.ts";
import { foreignStateOf } from "./foreign.ts";
import { eventSink, withLock, withTimeline } from "./operation.ts";
import type { CommandOptions } from "./options.ts";
import { openToLook } from "./place.ts";
import { pulumiFailure } from "./pulumi-error.ts";
import { summaryOf } from "./recorded.ts";
import type { CommandResult } from "./result.ts";
import { readStackSettings } from "./stack-settings.ts";
import { readState } from "./state.ts";

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
 * Removes what a stack runs: the edge is drained, then the services stop in reverse dependency order. Data volumes
 * stay, and the next deploy finds them, unless `volumes` is set.
 *
 * The outcome is `destroyed` (exit code 0), `refused` (30: nothing was changed) or `incomplete` (20: some of it is
 * still there, and the command may be run again).
 */
export async function destroy(options: DestroyOptions = {}): Promise<DestroyResult> {
    const nothing: DestroyExtra = { keptVolumes: [], deletedVolumes: [], deleteCommand: null };
    return conclude("destroy", options, nothing, async (context): Promise<Ending<DestroyExtra>> => {
        const { stack, settings, engine, ledger } = await openToLook(context, { writes: true });
        await engine.info();
        const foreign = await foreignStateOf({ settings, engine, ledger }, await readState(stack));
        if (foreign !== undefined) throw foreign;
        const open = await ledger.current();
        if (open !== undefined && ownerState(open) !== "dead") throw busy(settings.project, open);
        // What a dead deployer had begun is ended by what follows.
        const abandoned = open === undefined ? undefined : await ledger.takeOver(open);
        const recorded = summaryOf(await stack.outputs());
        const ending = { release: recorded?.release ?? null, evidence: recorded?.evidence ?? null };
        // Asked before the state is emptied, so that a volume which the baseline has lost is found too.
        const volumes = await volumesOf(context, stack, engine);
        let removed = 0;
        const sink = eventSink(context);
        try {
            await withTimeline(context, () =>
                withLock(context, { stack, engine }, () =>
                    stack.destroy({
                        showSecrets: false,
                        signal: context.signal,
                        onEvent(event) {
                            if (event.resOutputsEvent?.metadata.op === "delete") removed += 1;
                            sink(event);
                        },
                    }),
                ),
            );
            // Where no rollout had been recorded, nothing else has taken the ledger's helper away.
            if (abandoned !== undefined) await ledger.end(abandoned);
            await ledger.close();
            await removeFileLeftovers(engine, settings.project);
            const present = await presentVolumes(engine, volumes);
            if (options.volumes === true) await deleteData(engine, settings.project, present);
            const keptVolumes = options.volumes === true ? [] : present;
            const deletedVolumes = options.volumes === true ? present : [];
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

/**
 * Every volume that belongs to a stack, by its whole name: what the state declares, what the baseline declares now, and
 * what carries the project's label, as the ledger. The beginning of a name would also match volumes of other stacks.
 */
async function volumesOf(context: CommandContext, stack: Stack, engine: Engine): Promise<string[]> {
    const { settings, raw } = await readStackSettings(stack);
    const { release } = await loadRelease(context.projectDir, stack.name, raw, { allowMissingSecrets: true });
    const labelled = await engine.volumes({ "plumbline.project": settings.project });
    return [
        ...declaredVolumes(await stack.exportStack()),
        ...release.volumes.map((volume) => volume.name),
        release.edge.configVolume,
        ...labelled.map((volume) => volume.name),
    ];
}

/** The engine's names of the volumes in an exported state. */
export function declaredVolumes(state: Deployment): string[] {
    const deployment = state.deployment as { resources?: { type?: string; outputs?: { name?: unknown } }[] } | null;
    return (deployment?.resources ?? [])
        .filter((resource) => resource.type === "docker:index/volume:Volume")
        .map((resource) => resource.outputs?.name)
        .filter((name) => typeof name === "string");
}

async function presentVolumes(engine: Engine, names: readonly string[]): Promise<string[]> {
    const unique = [...new Set(names)].sort();
    const found = await Promise.all(unique.map((name) => engine.volume(name)));
    return found.filter((volume) => volume !== undefined).map((volume) => volume.name);
}

/** The ledger's containers hold its volume, so they go first. */
async function deleteData(engine: Engine, project: string, volumes: readonly string[]): Promise<void> {
    for (const role of ["transaction", "ledger"]) {
        const holders = await engine.list({ "plumbline.project": project, "plumbline.role": role });
        for (const holder of holders) await engine.remove(holder.id);
    }
    for (const name of volumes) await engine.removeVolume(name);
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
