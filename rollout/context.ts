/** What every step of one rollout works with. */
import type { Engine } from "../engine/docker.ts";
import type { EdgeControl } from "../engine/edge/edge.ts";
import type { DeclaredContainer, Release, ServiceRelease } from "../release/types.ts";
import type { StartupLogs } from "./startup-logs.ts";
import type { Timeline } from "./timeline.ts";

export interface RolloutContext {
    readonly engine: Engine;
    readonly edge: EdgeControl;
    readonly edgeContainer: DeclaredContainer;
    readonly release: Release;
    /** The container that the release declares for each service, created and not yet started where it is new. */
    readonly containers: Readonly<Record<string, DeclaredContainer>>;
    readonly secrets: Readonly<Record<string, string>>;
    /** Values that the previous release was given: they open what still runs. */
    readonly previousSecrets: Readonly<Record<string, string>>;
    /** Address of the probe listener. */
    readonly probeAddress: { readonly host: string; readonly port: number };
    readonly timeline: Timeline;
    readonly logs: StartupLogs;
    /**
     * Restarts that the engine had to do before this rollout, by container: they are history, not trouble. A container that
     * is started here begins at none.
     */
    readonly restartsBefore: Map<string, number>;
    /** Filled by the edge's step, where it starts the container: milliseconds in which nobody was served. */
    readonly measured: { edgeGapMs?: number };
    /** Filled as services are proven: the facts of the report. */
    readonly proven: Map<string, { readonly readyAfterMs: number; readonly probeMs: number }>;
}

/** The container that this release declares for a service. */
export function containerOf(context: Pick<RolloutContext, "containers">, service: string): DeclaredContainer {
    const container = context.containers[service];
    if (container !== undefined) return container;
    throw new Error(`no container was declared for ${service}`);
}

/** The service of this name in the release. */
export function serviceOf(context: Pick<RolloutContext, "release">, name: string): ServiceRelease {
    const service = context.release.services.find((candidate) => candidate.name === name);
    if (service !== undefined) return service;
    throw new Error(`the release has no service ${name}`);
}
