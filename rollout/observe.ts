/** What a refresh sees: the state of every container that a committed release runs, and of its buckets. */
import type { Engine } from "../engine/docker.ts";
import { probeAddress } from "../release/probe-address.ts";
import type { DeclaredContainer, Release, ServiceRelease } from "../release/types.ts";
import { compareBucket } from "./buckets.ts";
import { bucketsKey } from "./expected-states.ts";

/** Everything that `expectedStates` names, as it is now. */
export async function observeRelease(
    engine: Engine,
    release: Release,
    containers: Readonly<Record<string, DeclaredContainer>>,
    secrets: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
    const states = await observeContainers(engine, containers);
    for (const { name, kind } of release.services) {
        // Not started, since it had run for a release before.
        if (kind === "job" && states[name] === "created") states[name] = "done";
    }
    const doors = { probeAddress: probeAddress(release, engine.address), secrets };
    const buckets = await Promise.all(
        release.services
            .filter((service) => service.buckets !== undefined)
            .map(async (service) => {
                // A service that does not run is not asked: the edge would let the question wait.
                const asked = states[service.name] === "running" ? await observeBuckets(doors, service) : "not asked";
                return [bucketsKey(service.name), asked];
            }),
    );
    return { ...states, ...Object.fromEntries(buckets) };
}

async function observeBuckets(doors: Parameters<typeof compareBucket>[0], service: ServiceRelease): Promise<string> {
    try {
        for (const bucket of service.buckets?.list ?? []) {
            const state = await compareBucket(doors, service, bucket);
            if (state !== "same") return `${bucket.name} is ${state}`;
        }
        return "as declared";
    } catch {
        return "not answering"; // What is wrong with the service itself stands beside it.
    }
}

/** `running`, `done` for a job that ended well, `missing`, or the engine's word; `running, unhealthy` where it is. */
export async function observeContainers(
    engine: Engine,
    containers: Readonly<Record<string, DeclaredContainer>>,
): Promise<Record<string, string>> {
    const states = await Promise.all(
        Object.entries(containers).map(async ([service, { name }]) => {
            const facts = await engine.inspect(name);
            if (facts === undefined) return [service, "missing"];
            if (facts.state === "exited" && facts.exitCode === 0) return [service, "done"];
            return [service, facts.health === "unhealthy" ? `${facts.state}, unhealthy` : facts.state];
        }),
    );
    return Object.fromEntries(states);
}
