/** A bucket as it is declared, beside what a storage answers behind the edge's probe listener. */
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { compareBucket } from "../../../rollout/buckets.ts";
import { sampleService } from "./sample-release.ts";

const bucket = { name: "documents", public: false, fileSizeLimit: 1024, allowedMimeTypes: ["text/plain"] };
const stands = {
    id: "documents",
    name: "documents",
    public: false,
    file_size_limit: 1024,
    owner: "",
    created_at: "now",
};
const service = sampleService("storage", "request", [], {
    buckets: { port: 5000, serviceKey: "<secret:KEY>", list: [bucket] },
});

let answer: { status: number; body: unknown };
let asked: string[] = [];
const storage = createHttpServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
});
/** As the edge does: the PROXY header says who is wanted, the rest is for the service. */
let listener: Server;

beforeAll(async () => {
    listener = createServer((socket) => {
        socket.once("data", (data) => {
            const length = 16 + data.readUInt16BE(14);
            asked.push(data.subarray(31, length).toString());
            socket.unshift(data.subarray(length));
            storage.emit("connection", socket);
        });
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
});
afterAll(() => new Promise((resolve) => listener.close(resolve)));

function compared(body: unknown, status = 200) {
    answer = { status, body };
    asked = [];
    const { port } = listener.address() as AddressInfo;
    return compareBucket({ probeAddress: { host: "127.0.0.1", port }, secrets: { KEY: "k" } }, service, bucket);
}

describe("a bucket", () => {
    test("is asked for at the active storage, with the service's key [R05]", async () => {
        await compared(stands);
        expect(asked).toEqual(["active.storage.5000", "GET /bucket/documents Bearer k"]);
    });

    test.each<[string, unknown, number, string]>([
        ["all that is declared", { ...stands, allowed_mime_types: ["text/plain"] }, 200, "same"],
        ["another limit", { ...stands, allowed_mime_types: ["text/plain"], file_size_limit: 9 }, 200, "different"],
        ["no limit", { ...stands, allowed_mime_types: ["text/plain"], file_size_limit: null }, 200, "different"],
        ["open doors", { ...stands, allowed_mime_types: ["text/plain"], public: true }, 200, "different"],
        ["another kind of files", { ...stands, allowed_mime_types: ["image/png"] }, 200, "different"],
        ["files of every kind", stands, 200, "different"],
        ["the answer that nobody knows it", {}, 404, "missing"],
        ["that answer in the words of Supabase", { statusCode: "404", error: "Bucket not found" }, 400, "missing"],
    ])("with %s is judged by every declared property [R05]", async (_, body, status, expected) => {
        expect(await compared(body, status)).toBe(expected);
    });

    test.each([
        [500, {}],
        [400, { statusCode: "403", error: "Unauthorized" }],
    ])("of which a storage that answers %i tells nothing is not taken for missing [R96]", async (status, body) => {
        await expect(compared(body, status)).rejects.toThrow(`storage: GET /bucket/documents was answered ${status}`);
    });
});
