/** Redis: through the edge's probe listener, or at the address that it is published on. */

import type { Redis } from "ioredis";
import { type ProbeTarget, probeRedisConnector } from "./edge/probe-socket.ts";
import type { PublishedAddress } from "./published.ts";

/**
 * Connects, hands the client to `act`, and closes it whatever happens. There is one try: who wants more asks again.
 *
 * @param timeoutMs longest time to connect, and longest time of one command
 */
export async function withRedis<T>(
    target: ProbeTarget | PublishedAddress,
    password: string,
    timeoutMs: number,
    act: (client: Redis) => Promise<T>,
): Promise<T> {
    // Loaded with the first question: most runs ask none.
    const { Redis } = await import("ioredis");
    const client = new Redis({
        ...("role" in target ? { Connector: await probeRedisConnector(target, timeoutMs) } : target),
        password,
        lazyConnect: true,
        enableReadyCheck: false,
        connectTimeout: timeoutMs,
        commandTimeout: timeoutMs,
        maxRetriesPerRequest: 0,
        retryStrategy: () => null,
    });
    // `connect` says only that the connection is closed; why, the event says.
    let reason: Error | undefined;
    client.on("error", (error: Error) => {
        reason ??= error;
    });
    try {
        await client.connect();
        return await act(client);
    } catch (error) {
        throw reason ?? error;
    } finally {
        client.disconnect();
    }
}
