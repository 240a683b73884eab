/** From what has to change to the list of steps: the order of a rollout, in one place (docs/how-a-rollout-works.md draws it). */
import { baselineName, replicaName } from "../release/replicas.ts";
import type { Release, ServiceRelease } from "../release/types.ts";
import type { RolloutContext } from "./context.ts";
import type { Change, Situation } from "./situation.ts";
import type { Step } from "./step.ts";
import { bakeStep } from "./steps/bake.ts";
import { bucketsStep } from "./steps/buckets.ts";
import { drainStep } from "./steps/drain.ts";
import { edgeReady, edgeStep, trimEdgeStep } from "./steps/edge.ts";
import { leaveNetworksStep } from "./steps/edge-networks.ts";
import { loadStep, securityGate, securityStep } from "./steps/gates.ts";
import { handedOver, handOverStep } from "./steps/hand-over.ts";
import { jobStep } from "./steps/job.ts";
import { networksLeft } from "./steps/merge-edges.ts";
import { removeStep } from "./steps/remove.ts";
import { candidateSmokeStep, isTestedBeforeSwitch, smokeStep } from "./steps/smoke.ts";
import { engineHealthStep, proveStep, startStep } from "./steps/start.ts";
import { candidateStep, type Switched, switchStep } from "./steps/switch.ts";

/**
 * The steps that turn what runs into the release.
 *
 * The security gate and the edge first. Then each service that changes, after what it depends on: those that do not run are
 * started, jobs run to their end, `stateful` ones handed over, `request` ones started as candidates, put to the smoke test where
 * it tells, and switched together once all of them are proven. `consumer` services change after the switch. Removed services go next; then the smoke test, the bake, and the
 * drain of what was switched away. Nothing follows: what is left is the commit.
 */
export function planSteps(context: RolloutContext, situation: Situation, previous: Release | undefined): Step[] {
    const plan = new StepList();
    const replaced = situation.changes.filter((change) => change.change === "replace");
    const followed = situation.changes.flatMap((change) =>
        change.change === "run" && change.follows !== undefined
            ? [{ service: change.service, previous: change.follows }]
            : [],
    );
    plan.add(securityStep(context, [...replaced, ...followed], previous));
    plan.add(edgeStep(context, situation.previousEdges, previous, [securityGate]));

    const switched: Switched[] = [];
    for (const change of situation.changes) {
        const { service } = change;
        const after = [edgeReady, ...plan.dependencies(change)];
        if (change.change === "start") {
            const start = plan.add(startStep(context, service, after));
            plan.reached(service.name, start, plan.add(proveStep(context, service)));
        } else if (change.change === "run") {
            const run = plan.add(jobStep(context, service, after));
            plan.reached(service.name, run, run);
        } else if (change.change === "join" || (change.change === "replace" && service.kind === "request")) {
            const candidate = plan.add(candidateStep(context, service, after));
            plan.reached(service.name, candidate, plan.add(loadStep(context, service, [candidate])));
            switched.push({ service, previous: change.change === "replace" ? change.previous : null });
        } else if (change.change === "replace" && service.kind !== "consumer") {
            const handOver = plan.add(
                handOverStep(context, service, handedOver(service, change.previous, previous), after),
            );
            plan.reached(service.name, handOver, handOver);
        }
        if (service.buckets !== undefined) {
            const ready = plan.readyStep(service.name) ?? edgeReady;
            plan.reached(service.name, ready, plan.add(bucketsStep(context, service, [ready])));
        }
    }
    const candidates = switched.map(({ service }) => service);
    const surplus = situation.removed.filter(({ service }) => isReplicaOf(service, context.release.services));
    const leaving = surplus.filter(({ service }) => isReplicaOf(service, candidates));
    if (isTestedBeforeSwitch(context.release.smoke, situation.changes)) {
        plan.add(candidateSmokeStep(context, new Set(candidates.map(({ name }) => name)), plan.names()));
    }
    if (switched.length > 0) plan.add(switchStep(context, switched, plan.names(), leaving));

    const beforeConsumers = plan.names();
    for (const change of replaced) {
        if (change.service.kind !== "consumer") continue;
        const after = [...beforeConsumers, ...plan.dependencies(change)];
        const handOver = plan.add(
            handOverStep(context, change.service, handedOver(change.service, change.previous, previous), after),
        );
        plan.reached(change.service.name, handOver, handOver);
    }
    for (const removed of situation.removed) {
        plan.add(removeStep(context, { ...removed, drained: surplus.includes(removed) }, plan.names()));
    }
    plan.add(trimEdgeStep(context, previous, plan.names()));
    // What was not touched is proven too: the release is the last known good as a whole, or not at all.
    const afterChanges = plan.names();
    for (const change of situation.changes) {
        // A job that has run is no more to be asked.
        if (change.change === "keep" && change.service.kind !== "job")
            plan.add(proveStep(context, change.service, afterChanges));
    }
    plan.add(smokeStep(context, plan.names()));
    const changed = situation.changes.filter(({ change }) => change !== "keep").map(({ service }) => service);
    plan.add(engineHealthStep(context, changed, plan.names()));
    if (previous === undefined) return plan.steps;
    plan.add(bakeStep(context, plan.names()));
    if (switched.length > 0) {
        plan.add(
            drainStep(
                context,
                candidates.map(({ name }) => name),
                plan.names(),
            ),
        );
    }
    if (networksLeft(context.release.edge, previous.edge).length > 0) {
        plan.add(leaveNetworksStep(context, previous, plan.names()));
    }
    return plan.steps;
}

/** Whether a name that the release does not have was that of a further replica of one of these services. */
function isReplicaOf(name: string, services: readonly ServiceRelease[]): boolean {
    const [, ordinal] = /-(\d+)$/.exec(name) ?? [];
    if (ordinal === undefined) return false;
    return services.some((service) => name === replicaName(baselineName(service), Number(ordinal)));
}

/** The steps so far, and for each service the steps after which it counts as started, and as ready. */
class StepList {
    readonly steps: Step[] = [];
    readonly #started = new Map<string, string>();
    readonly #ready = new Map<string, string>();

    add(step: Step): string {
        this.steps.push(step);
        return step.name;
    }

    names(): string[] {
        return this.steps.map(({ name }) => name);
    }

    reached(service: string, started: string, ready: string): void {
        if (!this.#started.has(service)) this.#started.set(service, started);
        this.#ready.set(service, ready);
    }

    readyStep(service: string): string | undefined {
        return this.#ready.get(service);
    }

    /** The steps that a service has to wait for, by the conditions that compose states. */
    dependencies({ service }: Change): string[] {
        return service.dependsOn.flatMap((dependency) => {
            const steps = dependency.condition === "service_started" ? this.#started : this.#ready;
            const step = steps.get(dependency.service);
            return step === undefined ? [] : [step];
        });
    }
}
