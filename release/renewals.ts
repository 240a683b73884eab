/** How often the container of a revision was made anew, and how its resource is called then. Pure. */

/** By service and revision, as in `api-3f9c1a2b`: how many containers of that revision came before the present one. */
export type Renewals = Readonly<Record<string, number>>;

/**
 * The name of a container's resource: `api-3f9c1a2b`, and `api-3f9c1a2b-r1` once it was made anew. So a correction is what
 * every change is, one resource more and one that is no longer declared.
 */
export function containerResource(service: string, revision: string, renewals: Renewals = {}): string {
    const name = `${service}-${revision}`;
    const count = Object.hasOwn(renewals, name) ? (renewals[name] ?? 0) : 0;
    return count === 0 ? name : `${name}-r${count}`;
}

/** The service of a container's resource: what stands before the revision. */
export function serviceOfResource(name: string): string {
    return name.replace(/-[0-9a-f]{8}(-r\d+)?$/, "");
}
