/** Stopping a whole stack: services end in reverse dependency order, the edge last, and the ledger says so. */
import { connectEngine } from "../engine/docker.ts";
import type { DeclaredContainer, Release } from "../release/types.ts";
import { EvidenceLost } from "./evidence.ts";
import { busy, Ledger } from "./ledger.ts";
import { isKnownDead } from "./process.ts";
import { removeFileLeftovers } from "./service-files.ts";
import { Timeline, timelinePath } from "./timeline.ts";

/** Seconds that clients get to end what they have begun at the edge. */
const edgeSeconds = 10;

/**
 * Stops everything of a release, gracefully; doing it twice, or when parts are gone, does nothing more.
 *
 * @throws PlumblineError when another deployer is at work on the stack: nothing was stopped
 */
export async function stopRelease(
    request: {
        readonly release: Release;
        readonly edge: DeclaredContainer;
        readonly containers: Readonly<Record<string, DeclaredContainer>>;
        readonly engineHost?: string | undefined;
    },
    now: () => Date = () => new Date(),
): Promise<void> {
    const { release } = request;
    const engine = connectEngine(request.engineHost, release.network);
    const ledger = new Ledger(engine, release.project, release.edge.image.reference);
    await endAbandoned(ledger, release.project);
    const timeline = new Timeline(release.stack, `destroy-${now().toISOString()}`, {
        now,
        echo: (line) => console.log(line),
    });
    if (timeline.failure !== undefined) throw new EvidenceLost(timelinePath(release.stack), timeline.failure);
    // Services reach each other through the edge, so that what a service writes while it ends still arrives.
    for (const service of [...release.services].reverse()) {
        const container = request.containers[service.name];
        if (container === undefined) continue;
        const about = { service: service.name, step: "stop" };
        timeline.record({ event: "step-begin", ...about, message: `stop ${service.name}` });
        await engine.stop(container.name, service.spec.stopGraceSeconds);
        timeline.record({ event: "step-done", ...about, message: `stopped ${service.name}` });
    }
    await engine.stop(request.edge.name, edgeSeconds);
    timeline.record({ event: "step-done", service: "edge", step: "stop", message: "stopped edge" });
    await removeFileLeftovers(engine, release.project);
    await ledger.close();
}

/** A transaction whose deployer is dead needs no recovery where everything is to go. */
async function endAbandoned(ledger: Ledger, project: string): Promise<void> {
    const open = await ledger.current();
    if (open === undefined) return;
    if (!isKnownDead(open)) throw busy(project, open);
    const mine = await ledger.takeOver(open);
    if (mine !== undefined) await ledger.end(mine);
}
