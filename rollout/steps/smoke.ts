/** The smoke test as a gate: one piece of real work through all services, before the switch where that tells, and before the commit. */
import { PlumblineError } from "../../release/errors.ts";
import { baselineName } from "../../release/replicas.ts";
import { substituteDeep } from "../../release/secrets.ts";
import type { SmokeStep } from "../../release/types.ts";
import { runSmoke } from "../../validation/smoke.ts";
import type { RolloutContext } from "../context.ts";
import type { Change } from "../situation.ts";
import { nothingToUndo, type Step } from "../step.ts";

/** Everything as it will be committed, asked where clients ask. */
export function smokeStep(context: RolloutContext, after: readonly string[]): Step {
    return smokeTest(context, "smoke test", new Set(), after);
}

/** The candidates as they stand, before any client meets them; the rest is asked where clients ask. */
export function candidateSmokeStep(
    context: RolloutContext,
    candidates: ReadonlySet<string>,
    after: readonly string[],
): Step {
    return smokeTest(context, "smoke test before the switch", candidates, after);
}

/**
 * Whether the smoke test asks a candidate, and tells the truth about it before the switch: what surrounds it then is what
 * surrounds it afterwards. That is so when the candidates are of one service, nobody else depends on it, and no consumer
 * follows. Otherwise one would be asked together with the old revision of another, or somebody would ask the old revision of
 * it: a mixture that is not what is released (docs/decisions/0010). A replica that only joins is no new revision.
 */
export function isTestedBeforeSwitch(smoke: readonly SmokeStep[], changes: readonly Change[]): boolean {
    const candidates = changes.filter(({ change, service }) => change === "replace" && service.kind === "request");
    const [first] = candidates;
    if (first === undefined) return false;
    const own = new Set(candidates.map(({ service }) => service.name));
    const isAsked = smoke.some(({ service }) => own.has(service));
    const isOne = candidates.every(({ service }) => baselineName(service) === baselineName(first.service));
    const disturbed = changes.some(
        ({ change, service }) => change === "join" || (change === "replace" && service.kind === "consumer"),
    );
    // Whoever depends on it through others has one of those depend on it directly.
    const isNeeded = changes.some(
        ({ service }) => !own.has(service.name) && service.dependsOn.some((one) => own.has(one.service)),
    );
    return isAsked && isOne && !disturbed && !isNeeded;
}

function smokeTest(
    context: RolloutContext,
    name: string,
    candidates: ReadonlySet<string>,
    after: readonly string[],
): Step {
    const { release } = context;
    return {
        name,
        after,
        done: async () => release.smoke.length === 0,
        async apply(signal) {
            const revisions = Object.fromEntries(release.services.map(({ name, revision }) => [name, revision]));
            const result = await runSmoke(
                substituteDeep(release.smoke, context.secrets),
                { ...context.probeAddress, candidates, revisions },
                {
                    signal,
                    onStep: (step) =>
                        context.timeline.record({ event: "note", message: `smoke: ${step.name}: ${step.result}` }),
                },
            );
            if (result.result === "pass") return;
            const wrong = result.steps.find((step) => step.result === "fail");
            const service = release.smoke.find((step) => step.name === wrong?.name)?.service;
            throw new PlumblineError(
                "health",
                `the smoke test failed at "${wrong?.name}": expected ${wrong?.expected}, got ${wrong?.actual}`,
                {
                    ...(service === undefined ? {} : { service }),
                    remedy: "see the start-up logs in the evidence folder",
                },
            );
        },
        undo: nothingToUndo,
    };
}
