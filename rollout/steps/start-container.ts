/** Starts a declared container, after giving it what Pulumi's provider cannot declare. */
import type { ServiceRelease } from "../../release/types.ts";
import { containerOf, type RolloutContext } from "../context.ts";

/** Starts the service's own container; does nothing more when it runs. */
export async function startContainer(context: RolloutContext, service: ServiceRelease): Promise<void> {
    const { name } = containerOf(context, service.name);
    const { pidsLimit } = service.spec;
    if (pidsLimit !== undefined) await context.engine.limitProcesses(name, pidsLimit);
    await context.engine.start(name);
}
