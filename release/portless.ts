/** Services that others depend on and that nobody can reach, since no port of theirs is known. */
import type { Release } from "./types.ts";

/** A note on each. It is no refusal: a service may be waited for and never asked. */
export function portlessDependencies({ services, edge }: Pick<Release, "services" | "edge">): string[] {
    return services.flatMap(({ name, image, replicaOf }) => {
        if (replicaOf !== undefined || edge.listeners.some(({ service }) => service === name)) return [];
        const dependents = services.filter(({ dependsOn }) =>
            dependsOn.some((one) => one.service === name && one.condition !== "service_completed_successfully"),
        );
        if (dependents.length === 0) return [];
        const where =
            image.kind === "pulled" ? "the ports of a pulled image must be named" : "its Dockerfile names none";
        const who = dependents.map((one) => one.name).join(", ");
        return [
            `${who} may depend on a port of ${name}, but none is known (${where}): it is not probed and not reached by its name; name its ports under expose if it has any`,
        ];
    });
}
