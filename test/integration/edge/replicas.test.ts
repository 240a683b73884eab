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

    test("cover for one that is killed: no request fails [R91]", async () => {
        const { failures, names } = await underLoad(await hostPort(), 200, async () => {
            await rest(300);
            await stage.engine.kill(four?.id ?? "", "SIGKILL");
            await rest(untilForgottenMs);
        });
        expect([failures, names.has("three")]).toEqual([[], true]);
        const after = await underLoad(await hostPort(), 30, () => rest(100));
        expect([after.failures, [...after.names]]).toEqual([[], ["three"]]);
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
