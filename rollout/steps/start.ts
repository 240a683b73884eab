/** Starting a service that does not run: its first time, or again after it was stopped behind our back. */
import { PlumblineError } from "../../release/errors.ts";
import type { ServiceRelease } from "../../release/types.ts";
import { containerOf, type RolloutContext } from "../context.ts";
import { awaitEngineHealth, awaitReady } from "../readiness.ts";
import { nothingToUndo, type Step } from "../step.ts";
import { hasListeners, isRouted } from "./routes.ts";
import { startContainer } from "./start-container.ts";

/** Starts the container and routes the service's name to it, so that what only waits for its start can go on. */
export function startStep(context: RolloutContext, service: ServiceRelease, after: readonly string[]): Step {
    const { engine, edge } = context;
    const container = containerOf(context, service.name).name;
    return {
        name: `start ${service.name}`,
        service: service.name,
        after,
        async done() {
            const facts = await engine.inspect(container);
            return (
                facts?.running === true &&
                facts.health !== "unhealthy" &&
                (await isRouted(context, service.name, container))
            );
        },
        async apply() {
            await assertAlone(context, service);
            const facts = await engine.inspect(container);
            // Unhealthy or paused: only a new start mends it.
            if (facts?.health === "unhealthy" || facts?.state === "paused")
                await engine.stop(container, service.spec.stopGraceSeconds);
            context.logs.follow(service.name, container);
            await startContainer(context, service);
            if (!hasListeners(context, service.name)) return;
            await edge.switchTo([{ service: service.name, container }]);
            await edge.resolved(service.name, container).catch(async (error: unknown) => {
                // A container that ended at once has no address; the step that waits for it says why it ended.
                if ((await engine.inspect(container))?.running === true) throw error;
            });
        },
        async undo() {
            if (hasListeners(context, service.name)) await edge.remove(service.name);
            await engine.stop(container, service.spec.stopGraceSeconds);
        },
    };
}

/** Waits until a service is ready: one that was started, or one that was left alone. */
export function proveStep(
    context: RolloutContext,
    service: ServiceRelease,
    after: readonly string[] = [`start ${service.name}`],
): Step {
    return {
        name: `prove ${service.name}`,
        service: service.name,
        after,
        done: async () => false,
        apply: (signal) => awaitReady(context, service, "active", signal),
        undo: nothingToUndo,
    };
}

/** Waits until the engine's own healthchecks agree, for everything that was started: nobody waits for this one. */
export function engineHealthStep(
    context: RolloutContext,
    services: readonly ServiceRelease[],
    after: readonly string[],
): Step {
    const checked = services.filter(({ kind, spec }) => kind !== "job" && spec.healthcheck !== undefined);
    return {
        name: "healthchecks of the engine",
        after,
        done: async () => checked.length === 0,
        apply: async (signal) => {
            await Promise.all(checked.map((service) => awaitEngineHealth(context, service, signal)));
        },
        undo: nothingToUndo,
    };
}

/** Refuses to start a second container of a service that must not run twice. */
export async function assertAlone(context: RolloutContext, service: ServiceRelease): Promise<void> {
    if (service.kind === "request") return;
    const own = containerOf(context, service.name).name;
    const { project } = context.release;
    const all = await context.engine.list({ "plumbline.project": project, "plumbline.service": service.name });
    const other = all.find(({ name, state }) => name !== own && state === "running");
    if (other === undefined) return;
    throw new PlumblineError("startup", `${service.name} must not run twice, and ${other.name} runs`, {
        service: service.name,
        remedy: `stop it (docker stop ${other.name}) if it is not wanted, then deploy again`,
    });
}
