/** What a refresh sees: the state of every container that a committed release runs. */
import type { Engine } from "../engine/docker.ts";
import type { DeclaredContainer, Release } from "../release/types.ts";

/** State of the containers as they are when nothing is wrong: what `observeContainers` is compared with. */
export function expectedStates(release: Release): Record<string, string> {
    const jobs = release.services.filter(({ kind }) => kind === "job").map(({ name }) => [name, "done"]);
    const services = release.services.filter(({ kind }) => kind !== "job").map(({ name }) => [name, "running"]);
    return Object.fromEntries([["edge", "running"], ...services, ...jobs]);
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

/** Names of the services whose state is not what it should be. */
export function deviations(release: Release, observed: Readonly<Record<string, string>>): string[] {
    const done = (name: string, state: string) => state === "done" && observed[name] === "done";
    return Object.entries(expectedStates(release))
        .filter(([name, state]) => observed[name] !== state && !done(name, state))
        .map(([name]) => name);
}
