/** Replicas: the names of a service's entries, and which of them belong together. */
import { describe, expect, test } from "@jest/globals";
import { baselineName, entriesOf, hasListener, replicaName, siblingsOf } from "../../../release/replicas.ts";
import { sampleService } from "../rollout/sample-release.ts";

const web = sampleService("web", "request");
const second = sampleService("web-2", "request", [], { replicaOf: "web" });
const third = sampleService("web-3", "request", [], { replicaOf: "web" });
/** A service of the baseline that only looks like a replica. */
const impostor = sampleService("web-4", "request");

describe("the entries of a service", () => {
    test("keep the service's own name for the first, so that a second changes nothing of it", () => {
        expect([1, 2, 3].map((ordinal) => replicaName("web", ordinal))).toEqual(["web", "web-2", "web-3"]);
        expect(entriesOf({ service: "web", replicas: 3 })).toEqual(["web", "web-2", "web-3"]);
        expect(entriesOf({ service: "web" })).toEqual(["web"]);
    });

    test("stand for the service that they are replicas of, by what the release says and not by their name", () => {
        expect([web, second, impostor].map(baselineName)).toEqual(["web", "web", "web-4"]);
    });

    test("are siblings of each other, never of themselves or of a service with such a name", () => {
        const names = (entry: typeof web) => siblingsOf([web, second, impostor, third], entry).map(({ name }) => name);
        expect(names(second)).toEqual(["web", "web-3"]);
        expect(names(web)).toEqual(["web-2", "web-3"]);
        expect(names(impostor)).toEqual([]);
    });
});

test("the edge routes to as many entries as the listener has replicas, and to none of a service without one", () => {
    const listener = { service: "web", port: 80, protocol: "http", kind: "request" } as const;
    const routed = (replicas: number) =>
        ["web", "web-2", "worker"].filter((entry) => hasListener({ listeners: [{ ...listener, replicas }] }, entry));
    expect(routed(1)).toEqual(["web"]);
    expect(routed(2)).toEqual(["web", "web-2"]);
});
