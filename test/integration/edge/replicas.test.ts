/** Several replicas behind one listener of the real edge: shared, switched, killed and removed under load. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { requestThroughEdge } from "../../../engine/http.ts";
import type { Listener } from "../../../release/types.ts";
import { type Service, Stage, underLoad } from "./stage.ts";

/** Longer than a dead name keeps its last address. */
const untilForgottenMs = 7_000;

const pair = (service: string, port: number, protocol: Listener["protocol"]): Listener => ({
    service,
    port,
    protocol,
    kind: "request",
    replicas: 2,
});

test("a hold of one replica lets the others serve; of all it lets everybody wait [R98]", async () => {
    const listener = { ...pair("work", 8080, "http"), kind: "consumer" as const };
    const stage = new Stage({ listeners: [listener] });
    try {
        await stage.open();
        await stage.edge.applyConfig(stage.render({}));
        const [one, two] = await Promise.all(["one", "two"].map((name) => stage.service(name, 8080)));
        if (one === undefined || two === undefined) throw new Error("no services");
        const entries = [
            { service: "work", container: one.container },
            { service: "work-2", container: two.container },
        ];
        await stage.edge.switchTo(entries);
        await stage.edge.hold("work");
        const beside = await underLoad(await stage.hostPort(8080), 20, async () => undefined);
        expect([beside.failures, [...beside.names]]).toEqual([[], ["two"]]);
        await stage.edge.hold("work-2");
        const held = await underLoad(await stage.hostPort(8080), 12, async () => {
            await new Promise((resolve) => setTimeout(resolve, 1_500));
            await Promise.all(entries.map(({ service, container }) => stage.edge.release(service, container)));
        });
        expect(held.failures).toEqual([]);
        const after = await underLoad(await stage.hostPort(8080), 40, async () => undefined);
        expect([after.failures, [...after.names].sort()]).toEqual([[], ["one", "two"]]);
    } finally {
        await stage.close();
    }
});

describe.each([
    ["http", 8080],
    ["tcp", 7070],
] as const)("two replicas over %s", (protocol, port) => {
    const stage = new Stage({ listeners: [pair("web", port, protocol)] });
    let [one, two, three, four]: (Service | undefined)[] = [];
    const nameOf = (service: Service | undefined) => service?.container ?? "";

    beforeAll(async () => {
        await stage.open();
        await stage.edge.applyConfig(stage.render({}));
        [one, two, three, four] = await Promise.all(
            ["one", "two", "three", "four"].map((name) => stage.service(name, port)),
        );
        await stage.edge.switchTo([
            { service: "web", container: nameOf(one) },
            { service: "web-2", container: nameOf(two) },
        ]);
    });
    afterAll(() => stage.close());

    const hostPort = () => stage.hostPort(port);
    const rest = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

    test("share what comes, and each answers its own probes", async () => {
        const { failures, names } = await underLoad(await hostPort(), 60, () => rest(500));
        expect([failures, [...names].sort()]).toEqual([[], ["one", "two"]]);
        for (const [entry, name] of [
            ["web", "one"],
            ["web-2", "two"],
        ] as const) {
            for (let count = 0; count < 4; count++) {
                const target = await stage.probe("active", entry, port);
                const answer = await requestThroughEdge(target, { method: "GET", path: "/", headers: {} }, 5_000);
                expect(JSON.parse(answer.body)).toMatchObject({ name });
            }
        }
    });

    test("are switched in one call, and a restart of the edge would come up the same [R91]", async () => {
        const { failures, names } = await underLoad(await hostPort(), 60, () =>
            stage.edge.switchTo([
                { service: "web", container: nameOf(three) },
                { service: "web-2", container: nameOf(four) },
            ]),
        );
        expect([failures, names.has("three") || names.has("four")]).toEqual([[], true]);
        expect(await stage.edge.applyConfig(stage.render(await stage.edge.readSlots()))).toBe("unchanged");
        const after = await underLoad(await hostPort(), 60, () => rest(200));
        expect([after.failures, [...after.names].sort()]).toEqual([[], ["four", "three"]]);
    });

    test("cover for one that is killed: no request fails but what was open on it, where nobody can repeat it [R91]", async () => {
        const { failures, names } = await underLoad(await hostPort(), 200, async () => {
            await rest(300);
            await stage.kill(four?.id ?? "");
            await rest(untilForgottenMs);
        });
        expect(names.has("three")).toBe(true);
        // The edge reads HTTP and asks again; of a TCP connection only the client knows what it was for. There are six clients.
        expect(protocol === "http" ? failures : failures.filter((text) => !text.endsWith("other side closed"))).toEqual(
            [],
        );
        expect(failures.length).toBeLessThanOrEqual(6);
        const after = await underLoad(await hostPort(), 30, () => rest(100));
        expect([after.failures, [...after.names]]).toEqual([[], ["three"]]);
    });

    test("let a request wait while none of them takes connections, and answer it when one does [R91]", async () => {
        const deaf = await Promise.all(["deaf", "dumb"].map((name) => stage.service(name, port + 1)));
        const to = (containers: readonly string[]) =>
            stage.edge.switchTo(
                containers.map((container, index) => ({ service: index === 0 ? "web" : "web-2", container })),
            );
        await to(deaf.map(nameOf));
        const { failures } = await underLoad(await hostPort(), 6, async () => {
            await rest(1_500);
            await to([nameOf(three)]);
        });
        expect(failures).toEqual([]);
    });

    test("go on without one that leaves, and take it in again [R91]", async () => {
        await stage.engine.start(four?.id ?? "");
        const { failures } = await underLoad(await hostPort(), 60, async () => {
            await stage.edge.switchTo([{ service: "web-2", container: nameOf(four) }]);
            await rest(300);
            await stage.edge.remove("web-2");
        });
        expect(failures).toEqual([]);
        const after = await underLoad(await hostPort(), 30, () => rest(100));
        expect([after.failures, [...after.names]]).toEqual([[], ["three"]]);
        expect((await stage.edge.readSlots())["web-2"]).toMatchObject({ a: null, b: null, active: null });
    });
});
