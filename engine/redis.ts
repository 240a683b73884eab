/** Redis through the edge's probe listener. */

import type { Redis } from "ioredis";
import type { ProbeTarget } from "./edge/probe-socket.ts";

/** Connects, hands the client to `act`, and closes it whatever happens. Each command has the time-out. */
export async function withRedis<T>(
    _target: ProbeTarget,
    _password: string,
    _timeoutMs: number,
    _act: (client: Redis) => Promise<T>,
): Promise<T> {
    throw new Error("not yet");
}
