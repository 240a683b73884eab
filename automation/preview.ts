/** `preview`: shows what a deploy would change, and changes nothing. */

import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { PlumblineError } from "../release/errors.ts";
import { serviceOfResource } from "../release/renewals.ts";
import { withoutEngineVariable } from "../validation/preflight/look.ts";
import { renderTable } from "../validation/report/summary.ts";
import { type CommandContext, conclude } from "./context.ts";
import { nameOfUrn } from "./diagnostics.ts";
import { openFromNothing } from "./from-nothing.ts";
import { eventSink } from "./operation.ts";
import type { CommandOptions } from "./options.ts";
import type { CommandResult } from "./result.ts";
import { openStack } from "./workspace.ts";

export interface PreviewOptions extends CommandOptions {
    /**
     * Plan against an empty stack with throw-away backend, passphrase and secrets: for machines that have none of the
     * real ones, such as the CI of a fork. The checkout stays untouched. @default false
     */
    readonly fromNothing?: boolean;
    /**
     * Plan as where no engine answers: for machines whose own engine is not the stack's, such as a runner of CI. Images show
     * as changed by their source alone; what only the engine tells, as its ledger does, is left out. @default false
     */
    readonly withoutEngine?: boolean;
    /** Ask the engine what runs, so that drift shows. @default false */
    readonly refresh?: boolean;
}

/** One resource that a deploy would change. */
export interface PlannedChange {
    /** Pulumi's word, as in `create`, `update`, `delete`, `replace`. */
    readonly op: string;
    readonly type: string;
    readonly name: string;
    /** The input properties that differ. */
    readonly diffs: readonly string[];
}

export interface PreviewResult extends CommandResult {
    readonly plan: readonly PlannedChange[];
    /** Services whose container would be created: their revision changed. */
    readonly services: readonly string[];
    readonly changes: Readonly<Record<string, number>>;
    readonly fromNothing: boolean;
}

type PreviewExtra = Pick<PreviewResult, "plan" | "services" | "changes" | "fromNothing">;

/**
 * The plan of a deploy. The outcome is `planned` (exit code 0) or `refused` (30): preflight or the program said no, with
 * the reason in `failure`. A stack that was never deployed is created in the backend, empty.
 */
export async function preview(options: PreviewOptions = {}): Promise<PreviewResult> {
    const fromNothing = options.fromNothing ?? false;
    const nothing: PreviewExtra = { plan: [], services: [], changes: {}, fromNothing };
    return conclude("preview", options, nothing, async (called) => {
        const context = options.withoutEngine ? withoutEngine(called, options) : called;
        const opened = fromNothing
            ? await openFromNothing(context)
            : { stack: await openStack(context, "create"), close: async () => {} };
        try {
            const { release, extra } = await planOf(context, opened.stack, options.refresh ?? false);
            return { outcome: "planned", release, evidence: null, extra: { ...extra, fromNothing } };
        } finally {
            await opened.close();
        }
    });
}

/** @throws PlumblineError `usage` together with a question to the engine */
function withoutEngine(context: CommandContext, { refresh = false }: PreviewOptions): CommandContext {
    if (refresh) {
        throw new PlumblineError("usage", "--refresh asks the engine, and --without-engine asks none.", {
            remedy: "Leave out one of the two.",
        });
    }
    return { ...context, env: { ...context.env, [withoutEngineVariable]: "1" } };
}

async function planOf(
    context: CommandContext,
    stack: Stack,
    refresh: boolean,
): Promise<{ release: string | null; extra: Omit<PreviewExtra, "fromNothing"> }> {
    const events: EngineEvent[] = [];
    const sink = eventSink(context);
    const result = await stack.preview({
        refresh,
        signal: context.signal,
        onEvent(event) {
            events.push(event);
            if (event.diagnosticEvent) sink(event);
        },
    });
    const plan = plannedChanges(events);
    const extra = { plan, services: changedServices(plan), changes: result.changeSummary };
    return { release: plannedRelease(events), extra };
}

/** Pulumi's words for steps that look and change nothing. */
const unchanging: ReadonlySet<string> = new Set(["same", "read", "refresh"]);

/** The changes among an operation's events, in their order; unchanged resources and mere groups are left out. */
export function plannedChanges(events: readonly EngineEvent[]): PlannedChange[] {
    return events.flatMap((event) => {
        const metadata = event.resourcePreEvent?.metadata;
        if (!metadata || unchanging.has(metadata.op)) return [];
        const name = nameOfUrn(metadata.urn);
        if (name === null || /^(pulumi|plumbline):/.test(metadata.type)) return [];
        const diffs = metadata.diffs ?? Object.keys(metadata.detailedDiff ?? {});
        return [{ op: metadata.op, type: metadata.type, name, diffs }];
    });
}

/** The id of the release that the program would deploy: of the stack's outputs the last that are told, the planned ones. */
export function plannedRelease(events: readonly EngineEvent[]): string | null {
    for (const event of events.toReversed()) {
        const metadata = event.resOutputsEvent?.metadata;
        if (metadata?.type !== "pulumi:pulumi:Stack") continue;
        const id: unknown = metadata.new?.outputs.releaseId;
        if (typeof id === "string") return id;
    }
    return null;
}

/** The services whose container a plan creates. */
export function changedServices(plan: readonly PlannedChange[]): string[] {
    const names = plan
        .filter((change) => change.type === "docker:index/container:Container" && /^(create|replace)/.test(change.op))
        .map((change) => serviceOfResource(change.name));
    return [...new Set(names)];
}

/** The plan as text for people and for a comment on a pull request. */
export function renderPlan(result: PreviewResult): string {
    const heading = result.fromNothing
        ? `Plan of ${result.stack} from nothing: backend, passphrase and secrets are throw-away ones, so every resource shows as new.`
        : `Plan of ${result.stack}`;
    if (result.plan.length === 0) return `${heading}\n\nNo changes.\n`;
    const rows = result.plan.map((change) => [
        change.op,
        change.name,
        change.type,
        change.diffs.length > 0 ? `[${change.diffs.join(", ")}]` : "",
    ]);
    const counts = Object.entries(result.changes).map(([op, count]) => `${count} ${op}`);
    const services = result.services.length > 0 ? result.services.join(", ") : "none";
    return [
        heading,
        "",
        ...renderTable([["CHANGE", "RESOURCE", "TYPE", "BECAUSE OF"], ...rows]),
        "",
        `Services that change: ${services}`,
        `Resources: ${counts.join(", ")}`,
        "",
    ].join("\n");
}
