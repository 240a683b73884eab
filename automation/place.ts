/** Where a command works: a stack, its engine, and the ledger that lies there. */

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { connectEngine, type Engine } from "../engine/docker.ts";
import { loadRelease } from "../release/load.ts";
import type { Settings } from "../release/settings.ts";
import type { Release } from "../release/types.ts";
import { withFreePorts } from "../rollout/free-ports.ts";
import { Ledger } from "../rollout/ledger.ts";
import { lookAtEngine } from "../validation/preflight/look.ts";
import type { CommandContext } from "./context.ts";
import { readStackSettings } from "./stack-settings.ts";
import { openStack, type WhenMissing } from "./workspace.ts";

export interface Place {
    readonly stack: Stack;
    readonly settings: Settings;
    readonly engine: Engine;
    readonly engineHost: string | undefined;
    readonly ledger: Ledger;
    /** The release of this checkout, its ports as the baseline wants them. */
    readonly baseline: Release;
}

/**
 * Opens a stack with its engine and ledger, and freezes the release of this checkout.
 * @throws PlumblineError `settings`, `baseline` or `dependency`; the engine is not asked yet
 */
export async function openPlace(context: CommandContext, whenMissing: WhenMissing): Promise<Place> {
    const stack = await openStack(context, whenMissing);
    const { settings, raw, engineHost } = await readStackSettings(stack);
    const { release } = await loadRelease(context.projectDir, stack.name, raw, { allowMissingSecrets: true });
    const engine = connectEngine(engineHost, release.network);
    const ledger = new Ledger(engine, settings.project, release.edge.image.reference);
    return { stack, settings, engine, engineHost, ledger, baseline: release };
}

/** The release of this checkout as a deploy takes it: with its ports where they are free, when the stack asks for that. */
export async function wantedRelease({ baseline, settings, engine, ledger }: Place): Promise<Release> {
    if (!settings.ports.auto) return baseline;
    return await withFreePorts(baseline, settings, await lookAtEngine(engine), ledger);
}

/** The same for commands that only look: a baseline that is not valid at this moment does not keep them from it. */
export async function openToLook(context: CommandContext): Promise<Omit<Place, "baseline">> {
    const stack = await openStack(context, "refuse");
    const { settings, raw, engineHost } = await readStackSettings(stack);
    const baseline = await loadRelease(context.projectDir, stack.name, raw, { allowMissingSecrets: true }).catch(
        () => undefined,
    );
    const engine = connectEngine(engineHost, baseline?.release.network);
    const image = baseline?.release.edge.image.reference ?? "no-image";
    return { stack, settings, engine, engineHost, ledger: new Ledger(engine, settings.project, image) };
}
