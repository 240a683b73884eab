/** One look at the engine before anything else: all of its containers, volumes and networks, asked side by side. */
import { hostname } from "node:os";
import type { ContainerOverview, Engine, EngineInfo, NetworkFacts, VolumeFacts } from "../../engine/docker.ts";
import { PlumblineError } from "../../release/errors.ts";

/** What there is on the engine, whoever made it. */
export interface EngineLook {
    readonly reached: true;
    readonly info: EngineInfo;
    /** It is on this machine, so that ports, processes and disk of this machine are its own. */
    readonly isHere: boolean;
    readonly containers: readonly ContainerOverview[];
    readonly volumes: readonly VolumeFacts[];
    readonly networks: readonly NetworkFacts[];
}

/** What is on the engine, or why nobody can tell. */
export type Look = EngineLook | { readonly reached: false; readonly error: PlumblineError };

/** Set by `preview --without-engine`: the engine of this machine is not the stack's, so it is not asked. */
export const withoutEngineVariable = "PLUMBLINE_WITHOUT_ENGINE";

/** Never throws for an engine that cannot be asked, or is not to be: a preview goes on without one. */
export async function lookAtEngine(
    engine: Pick<Engine, "address" | "info" | "everything" | "volumes" | "networks">,
    env: Readonly<NodeJS.ProcessEnv> = process.env,
): Promise<Look> {
    if (env[withoutEngineVariable] === "1") return { reached: false, error: notAsked() };
    const asked = [engine.info(), engine.everything(), engine.volumes({}), engine.networks({})] as const;
    try {
        // All have ended before the first failure is looked at: it is always the same one that speaks.
        await Promise.allSettled(asked);
        const [info, containers, volumes, networks] = await Promise.all(asked);
        return { reached: true, info, isHere: isHere(engine.address, info), containers, volumes, networks };
    } catch (error) {
        if (error instanceof PlumblineError) return { reached: false, error };
        throw error;
    }
}

function notAsked(): PlumblineError {
    return new PlumblineError("engine", `No Docker engine was asked, as ${withoutEngineVariable} wants it`, {
        remedy: `Where the stack's engine can be reached, leave out --without-engine, and ${withoutEngineVariable}.`,
    });
}

/** A socket may be forwarded from elsewhere, so that the machine's name counts too. Docker Desktop publishes here. */
export function isHere(
    address: string,
    info: Pick<EngineInfo, "machine" | "operatingSystem">,
    machine: string = hostname(),
): boolean {
    if (!/^(unix|npipe):/.test(address)) return false;
    return info.machine === machine || info.operatingSystem === "Docker Desktop";
}
