/** The real edge with real services behind it: slots, holds, candidates, restarts, damage, reloads. */

import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { slotsOf } from "../../../engine/edge/config.ts";
import { openProbeSocket } from "../../../engine/edge/probe-socket.ts";
import { activeContainer, emptySlots } from "../../../engine/edge/slots.ts";
import { requestThroughEdge } from "../../../engine/http.ts";
import { PlumblineError } from "../../../release/errors.ts";
import { type Service, Stage, underLoad } from "./stage.ts";

// A busy machine is slow to run the many commands inside the edge.
jest.setTimeout(300_000);

const stage = new Stage({
    listeners: [
        { service: "api", port: 8000, protocol: "http", kind: "request" },
        { service: "web", port: 8080, protocol: "http", kind: "request" },
        { service: "db", port: 5432, protocol: "tcp", kind: "stateful" },
    ],
});
let api1: Service;
let api2: Service;
let web1: Service;
let web2: Service;
let db1: Service;
let db2: Service;

beforeAll(async () => {
    await stage.open();
    api1 = await stage.service("api1", 8000);
    api2 = await stage.service("api2", 8000);
    web1 = await stage.service("web1", 8080);
    web2 = await stage.service("web2", 8080);
    db1 = await stage.service("db1", 5432);
    db2 = await stage.service("db2", 5432, { start: false });
});

afterAll(() => stage.close());

describe("the configuration", () => {
    test("an edge without one has open slots for nobody, and takes its first by a reload", async () => {
        expect(await stage.edge.readSlots()).toEqual({});
        expect(await stage.edge.applyConfig(stage.render({}))).toBe("reloaded");
        expect(await stage.edge.readSlots()).toEqual({ api: emptySlots, web: emptySlots, db: emptySlots });
    });

    test("the same again changes nothing, other slots are set by the socket", async () => {
        expect(await stage.edge.applyConfig(stage.render({}))).toBe("unchanged");
        const slots = {
            api: { ...emptySlots, a: api1.container, active: "a" as const },
            web: { ...emptySlots, a: web1.container, active: "a" as const },
            db: { ...emptySlots, a: db1.container, active: "a" as const },
        };
        expect(await stage.edge.applyConfig(stage.render(slots))).toBe("slots");
        for (const [service, { container }] of [
            ["api", api1],
            ["web", web1],
            ["db", db1],
        ] as const) {
            await stage.edge.resolved(service, container);
        }
        expect(await stage.edge.readSlots()).toEqual(slots);
        expect(await stage.whoAnswers(8000)).toBe("api1");
    });

    test("a damaged one is refused, and the old one goes on, also after a restart", async () => {
        const damaged = stage.render(await stage.edge.readSlots()).replace("bind :8000", "bind nonsense");
        const refusal = await stage.edge.applyConfig(damaged.replace(/STRUCTURE \S+/, "STRUCTURE other")).then(
            () => undefined,
            (error: unknown) => error,
        );
        expect(refusal).toBeInstanceOf(PlumblineError);
        expect((refusal as PlumblineError).category).toBe("switch");
        expect((refusal as PlumblineError).cause).toMatchObject({ message: expect.stringContaining("nonsense") });
        expect(await stage.whoAnswers(8000)).toBe("api1");
    });

    test("one that HAProxy accepts but cannot run is taken back", async () => {
        const before = await stage.edge.readSlots();
        const impossible = stage
            .render(before)
            .replace("bind :8000", "bind 192.0.2.1:8000")
            .replace(/STRUCTURE \S+/, "STRUCTURE impossible");
        await expect(stage.edge.applyConfig(impossible)).rejects.toThrow("did not take its new configuration");
        expect(await stage.whoAnswers(8000)).toBe("api1");
        expect(await stage.edge.applyConfig(stage.render(before))).toBe("unchanged");
    });
});

describe("the candidate", () => {
    test("is reached through the probe listener only", async () => {
        await stage.edge.setCandidate("api", api2.container);
        const ask = { method: "GET", path: "/who" };
        const candidate = await requestThroughEdge(await stage.probe("candidate", "api", 8000), ask, 5_000);
        const active = await requestThroughEdge(await stage.probe("active", "api", 8000), ask, 5_000);
        expect([candidate.json, active.json]).toMatchObject([{ name: "api2" }, { name: "api1" }]);
        expect(await stage.whoAnswers(8000)).toBe("api1");
    });

    test("is gone when it is taken away", async () => {
        await stage.edge.setCandidate("api", null);
        const target = await stage.probe("candidate", "api", 8000);
        await expect(requestThroughEdge(target, { method: "GET", path: "/" }, 5_000)).rejects.toThrow();
    });

    test.each([
        ["candidate", "nobody", 8000],
        ["active", "api", 8001],
    ] as const)("the probe listener refuses %s %s on %d, which does not exist", async (role, service, port) => {
        const target = await stage.probe(role, service, port);
        await expect(requestThroughEdge(target, { method: "GET", path: "/" }, 5_000)).rejects.toThrow();
    });

    test("a client without the header is refused", async () => {
        const socket = await openProbeSocket(await stage.probe("active", "api", 8000));
        socket.destroy();
        await expect(stage.ask(19_000)).rejects.toThrow();
    });
});

describe("a switch", () => {
    test("of two services at once, to and fro under load, fails no request [R91]", async () => {
        const port = await stage.hostPort(8000);
        const seen = await underLoad(port, 1_200, async () => {
            for (const [api, web] of [
                [api2, web2],
                [api1, web1],
                [api2, web2],
                [api1, web1],
                [api2, web2],
            ] as const) {
                await stage.edge.setCandidate("api", api.container);
                await stage.edge.setCandidate("web", web.container);
                await stage.edge.switchTo([
                    { service: "api", container: api.container },
                    { service: "web", container: web.container },
                ]);
            }
        });
        expect(seen.failures).toEqual([]);
        expect(seen.names).toEqual(new Set(["api1", "api2"]));
        expect([await stage.whoAnswers(8000), await stage.whoAnswers(8080)]).toEqual(["api2", "web2"]);
        expect(await stage.edge.readSlots()).toMatchObject({
            api: { a: api1.container, b: api2.container, active: "b", candidate: null },
            web: { a: web1.container, b: web2.container, active: "b" },
        });
        expect(await stage.edge.sessions("api", "a")).toBe(0);
    });

    test("to a container that is not there is refused, and changes nothing", async () => {
        const to = [{ service: "api", container: `nobody-${stage.mark}` }];
        await expect(stage.edge.switchTo(to)).rejects.toThrow("did not find container");
        expect(await stage.whoAnswers(8000)).toBe("api2");
        await stage.edge.switchTo([{ service: "api", container: api2.container }]);
    });

    test("to a container that does not listen fails requests: the load sees it", async () => {
        const deaf = await stage.service("deaf", 9999);
        const port = await stage.hostPort(8000);
        const seen = await underLoad(port, 20, () =>
            stage.edge.switchTo([{ service: "api", container: deaf.container }]),
        );
        expect(seen.failures).not.toEqual([]);
        await stage.edge.switchTo([{ service: "api", container: api2.container }]);
        expect(await stage.whoAnswers(8000)).toBe("api2");
    });

    test("of a service without a listener is refused by name", async () => {
        const to = [{ service: "unknown", container: api1.container }];
        await expect(stage.edge.switchTo(to)).rejects.toMatchObject({ category: "switch", service: "unknown" });
    });
});

describe("a hand-over", () => {
    test("holds new connections and refuses none, there and back [R91]", async () => {
        const port = await stage.hostPort(5432);
        const seen = await underLoad(port, 1_000, async (names) => {
            await stage.edge.hold("db");
            await stage.engine.stop(db1.id, 5);
            await stage.engine.start(db2.id);
            await stage.edge.setCandidate("db", db2.container);
            await stage.edge.release("db", db2.container);
            expect(await stage.whoAnswers(5432)).toBe("db2");
            // Those that waited are let through before they are held again.
            while (!names.has("db2")) await sleep(20);
            await stage.edge.hold("db");
            await stage.engine.stop(db2.id, 5);
            await stage.engine.start(db1.id);
            await stage.edge.release("db", db1.container);
        });
        expect(seen.failures).toEqual([]);
        expect(seen.names).toEqual(new Set(["db1", "db2"]));
        expect(await stage.edge.readSlots()).toMatchObject({ db: { active: expect.any(String), held: false } });
    });

    test("without a hold loses connections: the load sees it", async () => {
        await stage.edge.remove("db");
        const seen = await underLoad(await stage.hostPort(5432), 20, async () => {});
        expect(seen.failures).not.toEqual([]);
        await stage.edge.release("db", db1.container);
    });

    test("a waiting connection is let through by the release", async () => {
        await stage.edge.hold("db");
        const waiting = stage.whoAnswers(5432);
        expect(await stage.edge.connections()).toBeGreaterThanOrEqual(0);
        await stage.edge.release("db", db1.container);
        expect(await waiting).toBe("db1");
    });

    test("a connection that was open before a switch drains, until its client has closed it [R98]", async () => {
        await stage.engine.start(db2.id);
        const open = connect({ port: await stage.hostPort(5432), host: "127.0.0.1" });
        try {
            open.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
            await once(open, "data");
            expect(await stage.edge.draining(["api", "db"])).toBe(0);
            await stage.edge.switchTo([{ service: "db", container: db2.container }]);
            // With what other tests may have left open.
            const left = await stage.edge.draining(["db"]);
            expect(left).toBeGreaterThanOrEqual(1);
            expect(await stage.edge.draining(["api", "db"])).toBe(left);
            open.destroy();
            while ((await stage.edge.draining(["db"])) >= left) await sleep(100);
        } finally {
            open.destroy();
        }
        await stage.edge.switchTo([{ service: "db", container: db1.container }]);
        await stage.engine.stop(db2.id, 5);
    });
});

describe("a client that gives up while its service is held", () => {
    const post = (path: string, end: "stays" | "resets" | "half-closes") => (port: number) =>
        new Promise<string>((resolve, reject) => {
            const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
            let answer = "";
            socket.on("error", reject);
            socket.on("data", (data) => {
                answer += data.toString();
            });
            socket.on("close", () => resolve(answer));
            socket.on("end", () => socket.end());
            const text = `POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi`;
            socket.write(text);
            if (end === "half-closes") socket.end();
            if (end === "resets") setTimeout(() => socket.destroy(), 300);
        });

    const held = async (service: string, inside: number, serves: readonly Service[]) => {
        const port = await stage.hostPort(inside);
        const before = activeContainer(await stage.edge.readSlots(), service) ?? "";
        const own = serves.find(({ container }) => container === before);
        if (own === undefined) throw new Error(`nobody serves ${service}`);
        const mark = `/${service}-${Date.now()}`;
        await stage.edge.hold(service);
        const stays = post(`${mark}-stays`, "stays")(port);
        await post(`${mark}-given-up`, "resets")(port);
        await sleep(500);
        await stage.edge.release(service, before);
        expect(await stays).toContain(`${mark.slice(1)}-stays"`);
        await sleep(500);
        return [await stage.timesAsked(own, `${mark}-stays`), await stage.timesAsked(own, `${mark}-given-up`)];
    };

    test("does not have its HTTP request delivered afterwards", async () => {
        expect(await held("web", 8080, [web1, web2])).toEqual([1, 0]);
    });

    test("has what it said in TCP delivered: to say all and close is to be heard", async () => {
        expect(await held("db", 5432, [db1, db2])).toEqual([1, 1]);
    });

    test("a client that only says that it has said all gets its answer", async () => {
        const mark = `/half-${Date.now()}`;
        expect(await post(mark, "half-closes")(await stage.hostPort(5432))).toContain(`${mark.slice(1)}"`);
    });
});

describe("changes of the same moment", () => {
    test("of two services both stand, in what runs and in the file, so that a restart keeps them", async () => {
        const { edge } = stage; // One door, as the steps of a rollout share it.
        const before = await edge.readSlots();
        const pairs = [
            [api1, web1],
            [api2, web2],
            [api1, web1],
            [api2, web2],
        ] as const;
        for (const [api, web] of pairs) {
            await Promise.all([
                edge.switchTo([{ service: "api", container: api.container }]),
                edge.switchTo([{ service: "web", container: web.container }]),
            ]);
            const running = await edge.readSlots();
            const written = slotsOf(
                (await stage.engine.exec(stage.edgeId, ["cat", "/etc/plumbline-edge/haproxy.cfg"])).stdout,
            );
            for (const slots of [running, written]) {
                expect([activeContainer(slots, "api"), activeContainer(slots, "web")]).toEqual([
                    api.container,
                    web.container,
                ]);
            }
        }
        expect(await stage.edge.readSlots()).toMatchObject({ db: before.db });
    });
});

describe("a restart and a reload", () => {
    test("an edge stops in order, and restarted serves from the slots that it had, and has forgotten the candidate and the hold", async () => {
        await stage.edge.setCandidate("api", api1.container);
        const before = await stage.edge.readSlots();
        await stage.edge.hold("db");
        const said = async () => (await stage.engine.logs(stage.edgeId)).map(({ line }) => line);
        const saidBefore = (await said()).length;
        await stage.engine.stop(stage.edgeId, 5);
        expect(await stage.engine.inspect(stage.edgeId)).toMatchObject({ state: "exited", exitCode: 0 });
        expect((await said()).slice(saidBefore)).toContainEqual(
            expect.stringContaining("All workers exited. Exiting... (0)"),
        );
        await stage.engine.start(stage.edgeId);
        await stage.edge.ready();
        expect(before.api).toMatchObject({ candidate: api1.container });
        expect(await stage.edge.readSlots()).toEqual({ ...before, api: { ...before.api, candidate: null } });
        expect(await stage.whoAnswers(8000)).toBe("api2");
        expect(await stage.whoAnswers(5432)).toBe("db1");
    });

    test("a listener more is a reload that fails no request and keeps the slots [R91]", async () => {
        const more = { service: "late", port: 8081, protocol: "http", kind: "request" } as const;
        const wider = new Stage({ listeners: [...stage.release.listeners, more] });
        const before = await stage.edge.readSlots();
        const seen = await underLoad(await stage.hostPort(8000), 300, async () => {
            expect(await stage.edge.applyConfig(wider.render(before))).toBe("reloaded");
        });
        expect(seen.failures).toEqual([]);
        expect(await stage.edge.readSlots()).toEqual({ ...before, late: emptySlots });
        expect(slotsOf(wider.render(before))).toEqual({ ...before, late: emptySlots });
    });
});
