/** Stopping a whole stack: the edge takes no more, then the services end in reverse dependency order. */
import { connectEngine } from "../engine/docker.ts";
import type { DeclaredContainer, Release } from "../release/types.ts";
import { Ledger } from "./ledger.ts";
import { Timeline } from "./timeline.ts";

/** Seconds that clients get to end what they have begun at the edge. */
const edgeSeconds = 10;

/** Stops everything of a release, gracefully; doing it twice, or when parts are gone, does nothing more. */
export async function stopRelease(request: {
    readonly release: Release;
    readonly edge: DeclaredContainer;
    readonly containers: Readonly<Record<string, DeclaredContainer>>;
    readonly engineHost?: string | undefined;
}): Promise<void> {
    const { release } = request;
    const engine = connectEngine(request.engineHost, release.network);
    const timeline = new Timeline(release.stack, "destroy", { echo: (line) => console.log(line) });
    // Services talk to each other through the edge, so it ends after those that call and before those that are called:
    // the ones that nobody depends on first, then the edge's clients have gone, level by level.
    for (const service of [...release.services].reverse()) {
        const container = request.containers[service.name];
        if (container === undefined) continue;
        timeline.record({ event: "step-begin", service: service.name, step: "stop", message: `stop ${service.name}` });
        await engine.stop(container.name, service.spec.stopGraceSeconds);
        timeline.record({
            event: "step-done",
            service: service.name,
            step: "stop",
            message: `stopped ${service.name}`,
        });
    }
    await engine.stop(request.edge.name, edgeSeconds);
    timeline.record({ event: "step-done", service: "edge", step: "stop", message: "stopped edge" });
    await new Ledger(engine, release.project, release.edge.image.reference).close();
}
