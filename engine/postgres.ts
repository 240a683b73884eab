/** Postgres through the edge's probe listener. */

import type { Client } from "pg";
import type { ProbeTarget } from "./edge/probe-socket.ts";

export interface PostgresLogin {
    readonly user: string;
    readonly password: string;
    readonly database: string;
}

/** Connects, hands the client to `act`, and closes it whatever happens. Each query has the time-out. */
export async function withPostgres<T>(
    _target: ProbeTarget,
    _login: PostgresLogin,
    _timeoutMs: number,
    _act: (client: Client) => Promise<T>,
): Promise<T> {
    throw new Error("not yet");
}
