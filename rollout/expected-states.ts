/** The states that a committed release is to be seen in, and what of an observation differs from them. Pure, and quick to load. */
import type { Release } from "../release/types.ts";

/** Under which name the state of a service's buckets stands. */
export const bucketsKey = (service: string) => `buckets of ${service}`;

/** State as it is when nothing is wrong: what `observeRelease` is compared with. */
export function expectedStates(release: Release): Record<string, string> {
    const services = release.services.map(({ name, kind }) => [name, kind === "job" ? "done" : "running"]);
    const buckets = release.services.flatMap(({ name, buckets: declared }) =>
        declared === undefined ? [] : [[bucketsKey(name), "as declared"]],
    );
    return Object.fromEntries([["edge", "running"], ...services, ...buckets]);
}

/** Names of what is not as it should be. */
export function deviations(release: Release, observed: Readonly<Record<string, string>>): string[] {
    return Object.entries(expectedStates(release))
        .filter(([name, state]) => observed[name] !== state)
        .map(([name]) => name);
}
