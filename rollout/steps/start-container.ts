/** Starts a declared container, after giving it what Pulumi's provider cannot declare. */
import type { ServiceRelease } from "../../release/types.ts";
import { containerOf, type RolloutContext } from "../context.ts";
import { fillFiles, hasFiles } from "../service-files.ts";

type Doors = Pick<RolloutContext, "engine" | "release" | "containers" | "secrets" | "restartsBefore">;

/** Starts the service's own container, prepared; does nothing more when it runs. */
export async function startContainer(context: Doors, service: ServiceRelease): Promise<void> {
    await prepareContainer(context, service);
    const { name } = containerOf(context, service.name);
    // The engine counts from this start; it keeps its count where the container runs already.
    if ((await context.engine.inspect(name))?.running !== true) context.restartsBefore.delete(name);
    await context.engine.start(name);
}

/** Everything before the start: what a hand-over does before the edge holds. */
export async function prepareContainer(context: Doors, service: ServiceRelease): Promise<void> {
    const { engine, release, secrets } = context;
    const { name } = containerOf(context, service.name);
    const { pidsLimit } = service.spec;
    if (pidsLimit !== undefined) await engine.limitProcesses(name, pidsLimit);
    // Nobody takes files away from a service that reads them.
    const runs = (await engine.inspect(name))?.running === true;
    if (runs || !hasFiles(service)) return;
    await fillFiles(engine, release.project, service, secrets, { keepSame: await revisionRuns(context, service) });
}

/** Whether another container of the same revision, which one made anew will follow, has the files open. */
async function revisionRuns({ engine, release }: Doors, { name, revision }: ServiceRelease): Promise<boolean> {
    const labels = { "plumbline.service": name, "plumbline.revision": revision };
    const all = await engine.list({ "plumbline.project": release.project, ...labels });
    return all.some(({ state }) => state === "running");
}
