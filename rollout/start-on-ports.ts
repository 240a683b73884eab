/** Starting a container that publishes ports, although the system may have lent one of them for a moment. */
import type { Engine } from "../engine/docker.ts";
import { listeningSockets } from "../engine/listening.ts";
import { sleep } from "../engine/retry.ts";
import { PlumblineError } from "../release/errors.ts";

/** A connection keeps its port for a minute after its end. */
export const lentPortMs = 65_000;
const askEveryMs = 500;

/**
 * Starts it. The system gives ports of its own range (often 32768 to 60999) to connections, and keeps them for a minute
 * after their end: nobody listens there, and still nobody can. That is waited for; somebody who listens is not.
 *
 * @param patienceMs longest wait
 * @param onWait told once, with the address
 * @throws PlumblineError `port-conflict` where the port stays taken: that says nothing of the release
 */
export async function startOnPorts(
    engine: Pick<Engine, "start">,
    container: string,
    patienceMs: number,
    onWait: (address: string) => void,
): Promise<void> {
    const end = performance.now() + patienceMs;
    for (let told = false; ; told = true) {
        try {
            return await engine.start(container);
        } catch (error) {
            const place = takenPlace(error);
            if (place === undefined) throw error;
            const address = `${place.hostIp}:${place.port}`;
            if (place.has === "container") throw takenError(`another container has ${address}`, error);
            if (await isListenedTo(place)) throw takenError(`somebody listens on ${address}`, error);
            if (performance.now() > end) throw takenError(`the system has lent ${address} to a connection`, error);
            if (!told) onWait(address);
            await sleep(askEveryMs);
        }
    }
}

function takenError(what: string, cause: unknown): PlumblineError {
    return new PlumblineError("port-conflict", `the edge cannot publish its ports: ${what}`, {
        cause,
        remedy: "deploy again once it is free; `sysctl net.ipv4.ip_local_reserved_ports` keeps the system from lending a port",
    });
}

interface Place {
    readonly hostIp: string;
    readonly port: number;
    /** The engine knows its own containers; of whatever else has the port it knows nothing. */
    readonly has: "container" | "unknown";
}

/** The address in the engine's refusal; undefined where it refuses for another reason. */
function takenPlace(error: unknown): Place | undefined {
    if (!(error instanceof PlumblineError)) return undefined;
    const [, ownIp, ownPort] =
        /Bind for (\d+\.\d+\.\d+\.\d+):(\d+) failed: port is already allocated/.exec(error.message) ?? [];
    if (ownIp !== undefined) return { hostIp: ownIp, port: Number(ownPort), has: "container" };
    const [, hostIp, port] =
        /(\d+\.\d+\.\d+\.\d+):(\d+)(?:\/tcp)?: (?:bind: )?address already in use/.exec(error.message) ?? [];
    return hostIp === undefined ? undefined : { hostIp, port: Number(port), has: "unknown" };
}

/** Asked for no place in particular, so that what is only lent does not count. */
async function isListenedTo({ port }: Place): Promise<boolean> {
    return (await listeningSockets([])).some((socket) => socket.port === port);
}
