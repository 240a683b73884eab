/** The bake: the new release serves, the previous containers stay, and a failed check still undoes the rollout (R98). */
import { sleep } from "../../engine/retry.ts";
import { PlumblineError } from "../../release/errors.ts";
import { substituteDeep } from "../../release/secrets.ts";
import type { ServiceRelease } from "../../release/types.ts";
import { quantile } from "../../validation/facts/load.ts";
import { runProbe } from "../../validation/facts/probe.ts";
import type { RolloutContext } from "../context.ts";
import { failureWithLogs, look, troubleOf } from "../readiness.ts";
import { nothingToUndo, type Step } from "../step.ts";

/** Answers that a verdict on response time rests on: one slow answer is no degradation. */
const leastAnswers = 5;

/** What is remembered of a service during the bake. */
interface Watched {
    readonly service: ServiceRelease;
    failuresInARow: number;
    /** Response times of its HTTP probes, in milliseconds. */
    readonly times: number[];
}

/**
 * Looks at every service of the stack that runs on, once an interval. R50: a container that stops or turns unhealthy undoes at once, as
 * do `healthFailures` failed questions in a row and answers that are too slow.
 */
export function bakeStep(context: RolloutContext, after: readonly string[]): Step {
    const { rollout, services } = context.release;
    return {
        name: "bake",
        after,
        done: async () => rollout.bakeMs === 0,
        async apply(signal) {
            const watched = services
                .filter(({ kind }) => kind !== "job")
                .map((service): Watched => ({ service, failuresInARow: 0, times: [] }));
            const end = performance.now() + rollout.bakeMs;
            while (performance.now() < end) {
                const next = performance.now() + rollout.bakeIntervalMs;
                await Promise.all(watched.map((entry) => lookAt(context, entry)));
                await sleep(Math.max(0, Math.min(next, end) - performance.now()), signal);
            }
        },
        undo: nothingToUndo,
    };
}

async function lookAt(context: RolloutContext, watched: Watched): Promise<void> {
    const { service } = watched;
    const { rollout } = context.release;
    const trouble = troubleOf(await look(context, service), service.kind);
    if (trouble !== undefined) throw await failureWithLogs(context, service, "startup", trouble);
    const answers = await Promise.all(
        service.probes.map((probe) =>
            runProbe(
                substituteDeep(probe, context.secrets),
                { ...context.probeAddress, role: "active", service: service.name, revision: service.revision },
                Math.max(rollout.performance.responseTimeMs * 2, 1_000),
            ),
        ),
    );
    const wrong = answers.find(({ result }) => result !== "pass");
    watched.failuresInARow = wrong === undefined ? 0 : watched.failuresInARow + 1;
    if (wrong !== undefined && watched.failuresInARow >= rollout.healthFailures) {
        const what = `failed ${watched.failuresInARow} health checks in a row (${wrong.probe}: expected ${wrong.expected}, got ${wrong.actual})`;
        throw await failureWithLogs(context, service, "health", what);
    }
    if (service.kind === "request")
        assertFast(
            context,
            watched,
            answers.filter(({ result }) => result === "pass"),
        );
}

function assertFast(context: RolloutContext, watched: Watched, answers: readonly { readonly ms: number }[]): void {
    const { responseTimeMs } = context.release.rollout.performance;
    watched.times.push(...answers.map(({ ms }) => ms));
    const median = quantile(
        watched.times.slice(-leastAnswers).sort((a, b) => a - b),
        0.5,
    );
    if (watched.times.length < leastAnswers || median === null || median <= responseTimeMs) return;
    throw new PlumblineError(
        "performance",
        `${watched.service.name} answers in ${Math.round(median)} ms, at most ${responseTimeMs} ms are allowed`,
        {
            service: watched.service.name,
            remedy: `make ${watched.service.name} faster, or raise plumbline:performance.responseTimeMs`,
        },
    );
}
