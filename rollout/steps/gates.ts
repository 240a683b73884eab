/** The gates that a container has to pass before it takes over: what it may do, and how fast it answers (R50). */
import type { ContainerFacts } from "../../engine/docker.ts";
import { PlumblineError } from "../../release/errors.ts";
import { baselineName } from "../../release/replicas.ts";
import { substituteDeep } from "../../release/secrets.ts";
import type { Release, ServiceRelease } from "../../release/types.ts";
import { tooSlow } from "../../validation/checks/performance.ts";
import { powersOf, weakenings, widerPublished } from "../../validation/checks/security.ts";
import { runLoad } from "../../validation/facts/load.ts";
import { probeTimeoutMs } from "../../validation/facts/probe.ts";
import { containerOf, type RolloutContext } from "../context.ts";
import { nothingToUndo, type Step } from "../step.ts";

/** Name of the step that everything else comes after. */
export const securityGate = "security gate";

/**
 * Before anything is touched: no container that follows another may do more than that one, and no port may be open to more
 * machines than before. One that is made anew in the revision that runs does what was committed, whatever became of the
 * one that it follows.
 *
 * @param replaced services that follow a container, with that container
 */
export function securityStep(
    context: RolloutContext,
    replaced: readonly { readonly service: ServiceRelease; readonly previous: string }[],
    previous: Release | undefined,
): Step {
    const { release } = context;
    const accepted = new Set(release.rollout.acceptWeaker);
    return {
        name: securityGate,
        after: [],
        done: async () => false,
        async apply() {
            for (const { service, previous: container } of replaced) {
                if (accepted.has(baselineName(service)) || isOf(previous, service)) continue;
                const before = powersOf(await factsOf(context, container));
                const worse = weakenings(
                    before,
                    powersOf(await factsOf(context, containerOf(context, service.name).name)),
                );
                if (worse.length > 0)
                    throw violation(service.name, `${service.name} may do more than before: ${worse.join(", ")}`);
            }
            if (previous === undefined || accepted.has("edge")) return;
            const wider = widerPublished(previous, release);
            if (wider.length > 0)
                throw violation("edge", `ports are open to more machines than before: ${wider.join(", ")}`);
        },
        undo: nothingToUndo,
    };
}

function isOf(release: Release | undefined, { name, revision }: ServiceRelease): boolean {
    return release?.services.some((service) => service.name === name && service.revision === revision) ?? false;
}

/** A short load on a candidate, at the rate that R33 asks for; nothing for a service that is not asked by HTTP. */
export function loadStep(context: RolloutContext, service: ServiceRelease, after: readonly string[]): Step {
    const { gateLoadMs, performance: policy } = context.release.rollout;
    const probe = service.probes.find((candidate) => candidate.type === "http");
    return {
        name: `load on ${service.name}`,
        service: service.name,
        after,
        done: async () => probe === undefined || gateLoadMs === 0,
        async apply(signal) {
            if (probe === undefined || probe.type !== "http") return;
            const result = await runLoad(
                { ...context.probeAddress, role: "candidate", service: service.name, servicePort: probe.port },
                {
                    path: probe.path,
                    headers: substituteDeep(probe.headers, context.secrets),
                    expectStatus: probe.expect.status,
                    rate: policy.throughputRps,
                    durationMs: gateLoadMs,
                    timeoutMs: Math.max(policy.responseTimeMs * 5, probeTimeoutMs),
                    signal,
                },
            );
            context.timeline.record({
                event: "note",
                service: service.name,
                message: `${result.sent} requests, ${result.failed} failed, 95 % within ${Math.round(result.p95Ms ?? 0)} ms`,
            });
            const wrong = tooSlow(result, policy);
            if (wrong.length === 0) return;
            throw new PlumblineError("performance", `${service.name} does not pass the load: ${wrong.join("; ")}`, {
                service: service.name,
                remedy: `make ${service.name} faster, or change plumbline:performance of this stack`,
            });
        },
        undo: nothingToUndo,
    };
}

async function factsOf(context: RolloutContext, container: string): Promise<ContainerFacts> {
    const facts = await context.engine.inspect(container);
    if (facts !== undefined) return facts;
    throw new PlumblineError("startup", `container ${container} was removed`, { remedy: "deploy again" });
}

function violation(service: string, what: string): PlumblineError {
    return new PlumblineError("security", what, {
        service,
        remedy: `take it back, or accept it: plumbline:rollout.acceptWeaker: [${service}]`,
    });
}
