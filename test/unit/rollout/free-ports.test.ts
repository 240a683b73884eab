/** `ports.auto`: the release that a stack gets when somebody else has a port. */
import { createServer } from "node:net";
import { describe, expect, test } from "@jest/globals";
import type { Release } from "../../../release/types.ts";
import { withFreePorts } from "../../../rollout/free-ports.ts";
import type { EngineLook } from "../../../validation/preflight/look.ts";
import { container, own, release as sample } from "../validation/preflight/facts.ts";

/** Far from what a machine usually listens on. */
const wanted = 61_234;
const release: Release = {
    ...sample(),
    services: sample().services.map((service) =>
        service.name === "api"
            ? { ...service, ports: [{ target: 8000, published: wanted, hostIp: "127.0.0.1" }] }
            : service,
    ),
};
const auto = { ports: { offset: 0, auto: true } };
const nothing = { lastRelease: async () => undefined };

function look(change: Partial<EngineLook> = {}): EngineLook {
    const info = { machine: "elsewhere" } as EngineLook["info"];
    return { reached: true, info, isHere: false, containers: [], volumes: [], networks: [], ...change };
}
const holder = container("web-1", { ports: [{ hostIp: "0.0.0.0", port: wanted }] });
const portOf = ({ services }: Release) => services.find(({ name }) => name === "api")?.ports[0]?.published;

describe("a stack that looks for free ports [R12]", () => {
    test("keeps the release as it is while nobody else has a port, and while the stack's own edge has it", async () => {
        expect(await withFreePorts(release, auto, look(), nothing)).toBe(release);
        const edge = { ...holder, labels: { ...own, "plumbline.service": "edge" } };
        expect(await withFreePorts(release, auto, look({ containers: [edge] }), nothing)).toBe(release);
    });

    test("goes to the next port when a container has the wanted one, and comes to the same release each time", async () => {
        const there = look({ containers: [holder] });
        const first = await withFreePorts(release, auto, there, nothing);
        expect(portOf(first)).toBe(wanted + 1);
        const again = look({
            containers: [
                holder,
                container("edge-1", { labels: own, ports: [{ hostIp: "127.0.0.1", port: wanted + 1 }] }),
            ],
        });
        const second = await withFreePorts(release, auto, again, { lastRelease: async () => first });
        expect(second).toEqual(first);
        // Also when the stranger has gone: clients know the port by now.
        const third = await withFreePorts(release, auto, look(), { lastRelease: async () => first });
        expect(third).toEqual(first);
    });

    test("sees a process of this machine too", async () => {
        const server = createServer();
        await new Promise<void>((resolve) => server.listen(wanted, "127.0.0.1", resolve));
        try {
            expect(portOf(await withFreePorts(release, auto, look({ isHere: true }), nothing))).toBe(wanted + 1);
        } finally {
            await new Promise((resolve) => server.close(resolve));
        }
    });

    test("does none of it when the stack does not ask for it, or nobody can tell", async () => {
        const there = look({ containers: [holder] });
        expect(await withFreePorts(release, { ports: { offset: 0, auto: false } }, there, nothing)).toBe(release);
        const away = { reached: false, error: new Error("away") } as never;
        expect(await withFreePorts(release, auto, away, nothing)).toBe(release);
    });
});
