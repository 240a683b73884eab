/** Whom the edge sends to, as a question that steps ask before they act. */
import { activeContainer } from "../../engine/edge/slots.ts";
import { hasListener } from "../../release/replicas.ts";
import type { RolloutContext } from "../context.ts";

/** Whether the edge sends the service's connections to this container; true for a service without listeners. */
export async function isRouted(context: RolloutContext, service: string, container: string): Promise<boolean> {
    if (!hasListeners(context, service)) return true;
    const slots = await context.edge.readSlots();
    return activeContainer(slots, service) === container && slots[service]?.held === false;
}

/** Whether the edge has anything to route for the service, or the replica. */
export function hasListeners(context: Pick<RolloutContext, "release">, service: string): boolean {
    return hasListener(context.release.edge, service);
}
