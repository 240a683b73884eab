/** Postgres: through the edge's probe listener, or at the address that it is published on. */

import type { Client } from "pg";
import { type ProbeTarget, probePgOptions } from "./edge/probe-socket.ts";
import type { PublishedAddress } from "./published.ts";

export interface PostgresLogin {
    readonly user: string;
    readonly password: string;
    readonly database: string;
}

/**
 * Connects, hands the client to `act`, and closes it whatever happens.
 *
 * @param timeoutMs longest time to connect, and longest time of one query
 */
export async function withPostgres<T>(
    target: ProbeTarget | PublishedAddress,
    login: PostgresLogin,
    timeoutMs: number,
    act: (client: Client) => Promise<T>,
): Promise<T> {
    // Loaded with the first question: most runs ask none.
    const { Client } = await import("pg");
    const client = new Client({
        ...login,
        ...("role" in target ? probePgOptions(target) : target),
        connectionTimeoutMillis: timeoutMs,
        query_timeout: timeoutMs,
        application_name: "plumbline",
    });
    // A connection that breaks fails the query that waits on it; between queries nobody else listens.
    client.on("error", () => {});
    try {
        await client.connect();
        return await act(client);
    } finally {
        await client.end();
    }
}
