/** Which changes restore the baseline: containers to be made anew, and the drifts that no new container mends (R31). Pure. */
import { z } from "zod";
import type { Finding } from "./finding.ts";

export const correctionSchema = z.strictObject({
    /** The service, or `edge`, whose container has to be made anew, in the revision that it has. */
    service: z.string().min(1),
    /** The container that follows the baseline no longer. */
    container: z.string(),
    /** What that restores, each as in `api: pids_limit: 77 → 128`. */
    restores: z.array(z.string()).min(1),
});

export type Correction = z.infer<typeof correctionSchema>;

export interface Corrections {
    /** In the order found, each service once. */
    readonly corrections: readonly Correction[];
    /** Drifts that stay: of networks and volumes, of containers that nobody declared, of what the comparison does not know. */
    readonly notFixable: readonly Finding[];
}

/** @param containers service (and `edge`) to the container that was compared */
export function correctionsOf(
    findings: readonly Finding[],
    containers: Readonly<Record<string, { readonly name: string }>>,
): Corrections {
    const drifts = findings.filter(({ result }) => result === "drift");
    const services = [...new Set(drifts.flatMap(({ restoredBy }) => (restoredBy === undefined ? [] : [restoredBy])))];
    return {
        corrections: services.map((service) => ({
            service,
            container: containers[service]?.name ?? "none",
            restores: drifts.filter(({ restoredBy }) => restoredBy === service).map(described),
        })),
        notFixable: drifts.filter(({ restoredBy }) => restoredBy === undefined),
    };
}

function described({ service, property, expected, actual }: Finding): string {
    return `${service}: ${property}: ${actual} → ${expected}`;
}
