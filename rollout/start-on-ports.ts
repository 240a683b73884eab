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
            if (place === undefined || performance.now() > end || (await isListenedTo(place))) throw error;
            if (!told) onWait(`${place.hostIp}:${place.port}`);
            await sleep(askEveryMs);
        }
    }
}

type Place = { readonly hostIp: string; readonly port: number };

/** The address in the engine's refusal; undefined where it refuses for another reason. */
function takenPlace(error: unknown): Place | undefined {
    if (!(error instanceof PlumblineError)) return undefined;
    const [, hostIp, port] =
        /(\d+\.\d+\.\d+\.\d+):(\d+)(?:\/tcp)?: (?:bind: )?address already in use/.exec(error.message) ?? [];
    return hostIp === undefined ? undefined : { hostIp, port: Number(port) };
}

/** Asked for no place in particular, so that what is only lent does not count. */
async function isListenedTo(place: Place): Promise<boolean> {
    return (await listeningSockets([])).some(({ port }) => port === place.port);
}
