/** The smoke test as a gate: one piece of real work through all services, before the commit. */
import { PlumblineError } from "../../release/errors.ts";
import { substituteDeep } from "../../release/secrets.ts";
import { runSmoke } from "../../validation/smoke.ts";
import type { RolloutContext } from "../context.ts";
import { nothingToUndo, type Step } from "../step.ts";

export function smokeStep(context: RolloutContext, after: readonly string[]): Step {
    const { release } = context;
    return {
        name: "smoke test",
        after,
        done: async () => release.smoke.length === 0,
        async apply(signal) {
            const revisions = Object.fromEntries(release.services.map(({ name, revision }) => [name, revision]));
            const result = await runSmoke(
                substituteDeep(release.smoke, context.secrets),
                { ...context.probeAddress, role: "active", revisions },
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
