/** A change of the stack while requests arrive at the api: what the clients felt, with Plumbline and with plain compose. */
import { setTimeout as pause } from "node:timers/promises";
import type { TimelineEvent } from "../../rollout/outcome.ts";
import { exitCodes } from "../../rollout/outcome.ts";
import { type Change, changes } from "../baseline.ts";
import { type ContainerEvent, detection, RevisionWatch, readTimeline } from "../events.ts";
import type { Figure } from "../figures.ts";
import { Load, type LoadResult } from "../load.ts";
import { PlumblineSide, type Side, stack } from "../projects.ts";
import type { BenchCase, CaseContext } from "./case.ts";

/** No load is longer, whatever the change does. */
const mostLoadSeconds = 330;
/** Load after the change has ended. */
const tailMs = 3_000;

interface LoadCase {
    readonly name: string;
    readonly title: string;
    readonly change: Change;
    /** How the change has to end with Plumbline. */
    readonly ends: "committed" | "rolledBack";
    /** Bound for the longest wait, where the project has one. */
    readonly longestMs?: number;
    /** Figures of this case alone. */
    readonly also?: (run: PlumblineRun) => readonly Figure[];
}

interface LoadRun {
    readonly load: LoadResult;
    readonly code: number | null;
    readonly changeMs: number;
    /** The end of what the command printed. */
    readonly printed: string;
    readonly crash: ContainerEvent | undefined;
}

interface PlumblineRun extends LoadRun {
    readonly timeline: readonly TimelineEvent[];
    readonly watch: RevisionWatch;
}

export const loadCases: readonly BenchCase[] = [
    define({ name: "good-update", title: "A good update of the api", change: changes.api, ends: "committed" }),
    define({
        name: "bad-image",
        title: "An image that cannot run what it is asked to",
        change: changes.badImage,
        ends: "rolledBack",
    }),
    define({
        name: "crash-at-boot",
        title: "An api that crashes at boot",
        change: changes.crashAtBoot,
        ends: "rolledBack",
        also: detectedAfterCrash,
    }),
    define({
        name: "crash-after-healthy",
        title: "An api that is killed during the bake",
        change: changes.crashAfterHealthy,
        ends: "rolledBack",
        also: backAfterDetection,
    }),
    define({
        name: "rollback-after-switch",
        title: "An api that turns unhealthy after the switch",
        change: changes.unhealthyAfterSwitch,
        ends: "rolledBack",
        also: backAfterDetection,
    }),
    define({
        name: "postgres-hand-over",
        title: "A hand-over of Postgres behind the api",
        change: changes.postgres,
        ends: "committed",
        longestMs: 5_000,
    }),
    define({
        name: "redis-hand-over",
        title: "A hand-over of Redis behind the api",
        change: changes.redis,
        ends: "committed",
        longestMs: 5_000,
    }),
    // Last: its change is not kept, and to take it back is another deployment.
    define({
        name: "slow-start",
        title: "An api that starts just inside its deadline",
        change: changes.slowStart,
        ends: "committed",
    }),
];

function define(one: LoadCase): BenchCase {
    return {
        name: one.name,
        title: one.title,
        mostMinutes: 20,
        async measure(context) {
            const { plumbline, compose } = await context.sides();
            const ours = await changeUnderLoad(context, plumbline, one);
            const theirs = await changeUnderLoad(context, compose, one);
            const { timeline, watch: _, ...rest } = { ...ours, timeline: ours.timeline ?? [] };
            const found = detection(timeline);
            const why = found === null ? "" : `step "${found.step}" failed: ${found.message}`;
            if (why !== "") context.note(`plumbline: ${why.split("\n", 1)[0]}`);
            const figures = [
                ...loadFigures(one, ours, theirs, why),
                ...(ours.watch === undefined ? [] : (one.also?.({ ...ours, timeline, watch: ours.watch }) ?? [])),
            ];
            return { figures, details: { plumbline: { ...rest, failed: found }, compose: theirs } };
        },
    };
}

/** One side under load: changed, then brought to where the next case begins. */
async function changeUnderLoad(
    { options, note }: CaseContext,
    side: Side,
    one: LoadCase,
): Promise<LoadRun & Partial<PlumblineRun>> {
    note(`${side.name}: ${one.change.name}, under load`);
    const events = side.events();
    const watch = side instanceof PlumblineSide ? new RevisionWatch(side.origin) : undefined;
    let load: Load | undefined;
    try {
        load = await Load.start({
            origin: side.origin,
            token: side.token,
            rate: options.rate,
            leastRequests: options.requests,
            mostSeconds: mostLoadSeconds,
        });
        const { ran, ms } = await side.change(one.change);
        await pause(tailMs);
        const result = await load.stop();
        note(`${side.name}: ${result.failed} of ${result.sent} failed, longest wait ${result.longest} ms`);
        return {
            load: result,
            code: ran.code,
            changeMs: Math.round(ms),
            printed: ran.output.trimEnd().slice(-3_000),
            crash: events.firstCrash(one.change.service),
            ...(side instanceof PlumblineSide
                ? { timeline: await readTimeline(side.project.folder, stack) }
                : undefined),
            ...(watch === undefined ? {} : { watch }),
        };
    } finally {
        await Promise.allSettled([load?.close(), watch?.close()]);
        events.close();
        if (one.ends === "committed" && one.change.name !== changes.slowStart.name) side.keep();
        else await side.restore();
    }
}

function loadFigures(one: LoadCase, ours: LoadRun, theirs: LoadRun, why: string): Figure[] {
    const code = exitCodes[one.ends];
    const pair = (pick: (result: LoadResult) => number) => ({ value: pick(ours.load), compared: pick(theirs.load) });
    const reasons = Object.entries(ours.load.reasons).map(([reason, count]) => `${count} × ${reason}`);
    return [
        {
            meaning: "requests that failed",
            unit: "",
            ...pair(({ failed }) => failed),
            atMost: 0,
            ...(reasons.length === 0 ? {} : { note: reasons.join(", ") }),
        },
        { meaning: "requests sent", unit: "", ...pair(({ sent }) => sent), atLeast: 2_000 },
        { meaning: "seconds in which a request failed", unit: "s", ...pair(({ outageSeconds }) => outageSeconds) },
        { meaning: "median time of an answer", unit: "ms", ...pair(({ p50 }) => p50) },
        { meaning: "95 % of the answers within", unit: "ms", ...pair(({ p95 }) => p95) },
        { meaning: "99 % of the answers within", unit: "ms", ...pair(({ p99 }) => p99) },
        {
            meaning: "longest wait",
            unit: "ms",
            ...pair(({ longest }) => longest),
            ...(one.longestMs === undefined ? {} : { atMost: one.longestMs }),
        },
        {
            meaning: `exit code (${code} is right for Plumbline)`,
            unit: "",
            value: ours.code,
            compared: theirs.code,
            atLeast: code,
            atMost: code,
            ...(ours.code === code || why === "" ? {} : { note: why.split("\n", 1)[0]?.replaceAll("|", "/") ?? "" }),
        },
        { meaning: "how late the generator's worst request left", unit: "ms", ...pair(({ latest }) => latest) },
    ];
}

/** From the end of the container that crashed to the step that failed for it. */
function detectedAfterCrash({ crash, timeline }: PlumblineRun): Figure[] {
    const found = detection(timeline);
    const value = found === null || crash === undefined ? null : Math.max(0, Math.round(found.at - crash.at));
    const note = value === null ? { note: "no crash, or no failed step, was seen" } : {};
    return [{ meaning: "crash at boot detected within", value, unit: "ms", atMost: 3_000, ...note }];
}

/** From the failed check of the bake to the moment from which only the previous release answers. */
function backAfterDetection({ timeline, watch }: PlumblineRun): Figure[] {
    const found = detection(timeline);
    const back = found === null ? undefined : watch.backAfter(found.at);
    const isInBake = found?.step === "bake";
    const value =
        found === null || back === undefined || !isInBake
            ? null
            : Math.round(Math.max(back, watch.lastOfAnother() ?? 0) - found.at);
    const where = found === null ? "nothing was detected" : `it was detected in the step "${found.step}"`;
    return [
        {
            meaning: "only the previous release answers, after the detection in the bake",
            value,
            unit: "ms",
            atMost: 5_000,
            ...(isInBake ? {} : { note: where }),
        },
    ];
}
