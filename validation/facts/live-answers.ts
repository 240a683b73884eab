/** How a service answers: status, headers, and the shape of the body. And what Redis and a storage say of themselves. */
import { type HttpAnswer, type HttpRequest, requestAt } from "../../engine/http.ts";
import type { PublishedAddress } from "../../engine/published.ts";
import { withRedis } from "../../engine/redis.ts";

/** Longest time for one question, in milliseconds. */
const timeoutMs = 10_000;

/** Headers whose value is of this answer alone, or of what the body says of its own deployment. */
const values: Readonly<Record<string, string>> = {
    date: "a date",
    "last-modified": "a date",
    "x-request-id": "an id",
    etag: "a digest",
    "content-length": "a length",
};

/** `GET /health status`, `GET /health header content-type`, `GET /health body` to what was answered. */
export async function answerFacts(address: PublishedAddress, asked: HttpRequest): Promise<Record<string, string>> {
    return describeAnswer(`${asked.method} ${asked.path}`, await requestAt(address, asked, timeoutMs));
}

/** Pure. */
export function describeAnswer(about: string, answer: HttpAnswer): Record<string, string> {
    const headers = Object.entries(answer.headers).map(([name, value]) => [
        `${about} header ${name.toLowerCase()}`,
        values[name.toLowerCase()] ?? value,
    ]);
    const body = answer.json === undefined ? (answer.body === "" ? "empty" : "text") : shapeOf(answer.json);
    return Object.fromEntries([[`${about} status`, String(answer.status)], ...headers, [`${about} body`, body]]);
}

/** Keys and types of JSON, as in `{id:string,tags:[string]}`: what a client may rely on. Pure. */
export function shapeOf(json: unknown): string {
    if (json === null) return "null";
    if (Array.isArray(json)) return `[${[...new Set(json.map(shapeOf))].sort().join("|")}]`;
    if (typeof json !== "object") return typeof json;
    const entries = Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, value]) => `${key}:${shapeOf(value)}`).join(",")}}`;
}

/** Settings whose value is a secret: they are compared by digest. */
const secretSettings = new Set(["requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass"]);

/** Every setting of Redis, its version, and its users. */
export function redisFacts(
    address: PublishedAddress,
    password: string,
    digest: (value: string) => string,
): Promise<Record<string, string>> {
    return withRedis(address, password, timeoutMs, async (redis) => {
        const flat = (await redis.config("GET", "*")) as string[];
        const pairs = flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ""] as const] : []));
        const settings = pairs.map(([name, value]) => {
            const shown = secretSettings.has(name) && value !== "" ? `digest ${digest(value)}` : value;
            return [`config ${name}`, shown === "" ? "empty" : shown];
        });
        const version = /^redis_version:(.*)$/m.exec(await redis.info("server"))?.[1]?.trim() ?? "unknown";
        const users = ((await redis.call("ACL", "LIST")) as string[]).map((line) => {
            const name = line.split(" ")[1] ?? line;
            return [`user ${name}`, `digest ${digest(line)}`];
        });
        return Object.fromEntries([["version", version], ...settings, ...users]);
    });
}

/** Every bucket with its settings, and how somebody without a key, and somebody who asks for nothing that is there, is answered. */
export async function storageFacts(address: PublishedAddress, key: string): Promise<Record<string, string>> {
    const headers = { authorization: `Bearer ${key}`, apikey: key };
    const all = await requestAt(address, { method: "GET", path: "/bucket", headers }, timeoutMs);
    const list = Array.isArray(all.json) ? (all.json as Record<string, unknown>[]) : [];
    const buckets = list.map(({ id, created_at: _created, updated_at: _updated, owner: _owner, ...rest }) => [
        `bucket ${String(id)}`,
        JSON.stringify(Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)))),
    ]);
    const stranger = await answerFacts(address, { method: "GET", path: "/bucket" });
    const missing = await answerFacts(address, { method: "GET", path: "/bucket/plumbline-nothing", headers });
    return { ...stranger, ...missing, "bucket list": String(all.status), ...Object.fromEntries(buckets) };
}
