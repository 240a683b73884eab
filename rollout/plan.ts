/** From what has to change to the list of steps: the order of a rollout, in one place (docs/architecture.md draws it). */
import type { Release } from "../release/types.ts";
import type { RolloutContext } from "./context.ts";
import type { Change, Situation } from "./situation.ts";
import type { Step } from "./step.ts";
import { bucketsStep } from "./steps/buckets.ts";
import { edgeStep } from "./steps/edge.ts";
import { handOverStep } from "./steps/hand-over.ts";
import { removeStep } from "./steps/remove.ts";
import { smokeStep } from "./steps/smoke.ts";
import { proveStep, startStep } from "./steps/start.ts";
import { candidateStep, type Switched, switchStep } from "./steps/switch.ts";

/**
 * The steps that turn what runs into the release.
 *
 * The edge first. Then each service that changes, after what it depends on: those that do not run are started, `stateful`
 * ones handed over, `request` ones started as candidates and switched together once all of them are proven. `consumer`
 * services change after the switch. Removed services go last, before the smoke test.
 */
export function planSteps(context: RolloutContext, situation: Situation, previous: Release | undefined): Step[] {
    const steps: Step[] = [edgeStep(context, situation.previousEdges, previous)];
    // For each service the names of the steps after which it counts as started, and as ready.
    const started = new Map<string, string>();
    const ready = new Map<string, string>();
    const after = ({ service }: Change): string[] => [
        "edge",
        ...service.dependsOn.flatMap(({ service: name, condition }) => {
            const step = (condition === "service_started" ? started : ready).get(name);
            return step === undefined ? [] : [step];
        }),
    ];
    const switched: Switched[] = [];
    const add = (step: Step, service: string) => {
        steps.push(step);
        started.set(service, step.name);
        ready.set(service, step.name);
    };

    const inSwitch = (change: Change) => change.change === "replace" && change.service.kind === "request";
    const afterSwitch = (change: Change) => change.change === "replace" && change.service.kind === "consumer";
    for (const change of situation.changes.filter((entry) => !afterSwitch(entry))) {
        const { service } = change;
        if (change.change === "keep") continue;
        if (change.change === "start") {
            add(startStep(context, service, after(change)), service.name);
            steps.push(proveStep(context, service));
            ready.set(service.name, `prove ${service.name}`);
        } else if (inSwitch(change)) {
            add(candidateStep(context, service, after(change)), service.name);
            switched.push({ service, previous: change.previous });
        } else {
            add(handOverStep(context, service, change.previous, after(change)), service.name);
        }
        if (service.buckets !== undefined) {
            const step = bucketsStep(context, service, [ready.get(service.name) ?? "edge"]);
            steps.push(step);
            ready.set(service.name, step.name);
        }
    }
    if (switched.length > 0)
        steps.push(
            switchStep(
                context,
                switched,
                steps.map(({ name }) => name),
            ),
        );

    const beforeConsumers = steps.map(({ name }) => name);
    for (const change of situation.changes.filter(afterSwitch)) {
        if (change.change !== "replace") continue;
        add(
            handOverStep(context, change.service, change.previous, [...beforeConsumers, ...after(change)]),
            change.service.name,
        );
    }
    for (const { service, container } of situation.removed) {
        steps.push(
            removeStep(
                context,
                service,
                container,
                steps.map(({ name }) => name),
            ),
        );
    }
    steps.push(
        smokeStep(
            context,
            steps.map(({ name }) => name),
        ),
    );
    return steps;
}
