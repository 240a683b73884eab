/** The gateway of the real edge: routes by path, CORS, `apikey`. */

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { emptySlots } from "../../../engine/edge/slots.ts";
import { type Answer, Stage } from "./stage.ts";

const gateway = 54_321;
const stage = new Stage({
    listeners: [
        { service: "storage", port: 5000, protocol: "http", kind: "stateful" },
        { service: "files", port: 5001, protocol: "http", kind: "request" },
    ],
    gateways: [
        {
            name: "supabase",
            port: gateway,
            published: { hostIp: "127.0.0.1", port: 0 },
            routes: [
                { prefix: "/storage", service: "files", port: 5001, stripPrefix: false },
                { prefix: "/storage/v1", service: "storage", port: 5000, stripPrefix: true },
            ],
        },
    ],
});

beforeAll(async () => {
    await stage.open();
    const storage = await stage.service("storage", 5000);
    const files = await stage.service("files", 5001);
    const slots = {
        storage: { ...emptySlots, a: storage.container, active: "a" as const },
        files: { ...emptySlots, a: files.container, active: "a" as const },
    };
    expect(await stage.edge.applyConfig(stage.render(slots))).toBe("reloaded");
    // The reload itself has looked the names up: whoever serves is there at once.
    expect(await stage.edge.readSlots()).toEqual(slots);
});

afterAll(() => stage.close());

async function askGateway(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    const { status, text } = await stage.ask(gateway, path, headers);
    expect(status).toBe(200);
    return JSON.parse(text) as Answer;
}

test.each([
    ["/storage/v1/object/list/documents?limit=1", "storage", "/object/list/documents"],
    ["/storage/v1", "storage", "/"],
    ["/storage/v1/", "storage", "/"],
    ["/storage/v10/x", "files", "/storage/v10/x"],
    ["/storage", "files", "/storage"],
])("%s goes to %s as %s [R05]", async (path, name, seen) => {
    expect(await askGateway(path)).toMatchObject({ name, path: seen });
});

test("a path without a route is not found", async () => {
    const { status, text } = await stage.ask(gateway, "/rest/v1/x");
    expect([status, JSON.parse(text)]).toEqual([404, { message: "no route matches this path" }]);
});

test("apikey stands in for a missing Authorization, and for no other", async () => {
    expect((await askGateway("/storage/v1/x", { apikey: "key" })).authorization).toBe("Bearer key");
    const both = await askGateway("/storage/v1/x", { apikey: "key", authorization: "Bearer own" });
    expect(both.authorization).toBe("Bearer own");
    expect((await askGateway("/storage/v1/x")).authorization).toBe("");
});

test("a preflight is answered by the edge, and answers carry the header that browsers want", async () => {
    const preflight = await stage.ask(
        gateway,
        "/storage/v1/object/x",
        {
            origin: "http://localhost:3000",
            "access-control-request-method": "PUT",
            "access-control-request-headers": "authorization,x-upsert",
        },
        "OPTIONS",
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
        "access-control-allow-origin": "*",
        "access-control-allow-headers": "authorization,x-upsert",
        "access-control-allow-methods": expect.stringContaining("PUT"),
    });
    const plain = await stage.ask(gateway, "/storage/v1/x", { origin: "http://localhost:3000" });
    expect(plain.headers).toMatchObject({ "access-control-allow-origin": "*" });
    const foreign = await stage.ask(gateway, "/storage/v1/x");
    expect(foreign.headers).not.toHaveProperty("access-control-allow-origin");
});
