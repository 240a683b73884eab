/** The edge while one release follows another: what only the old one had is served until the end. */
import { describe, expect, test } from "@jest/globals";
import type { EdgeRelease, Gateway, Listener } from "../../../release/types.ts";
import { mergeEdges, withoutOld } from "../../../rollout/steps/merge-edges.ts";
import { sampleRelease } from "./sample-release.ts";

const listener = (service: string, port: number): Listener => ({ service, port, protocol: "tcp", kind: "request" });
const gateway = (name: string, port: number): Gateway => ({
    name,
    port,
    published: { hostIp: "127.0.0.1", port },
    routes: [],
});
const edgeOf = (listeners: readonly Listener[], gateways: readonly Gateway[] = [], revision = "new"): EdgeRelease => ({
    ...sampleRelease().edge,
    revision,
    listeners,
    gateways,
});

describe("two edges as one", () => {
    test("are the new one where there is no old one", () => {
        const wanted = edgeOf([listener("api", 8000)]);
        expect(mergeEdges(wanted, undefined)).toBe(wanted);
    });

    test("are the new one, in everything, where the old one has nothing besides", () => {
        const wanted = edgeOf([listener("api", 8000)], [gateway("supabase", 54321)]);
        expect(mergeEdges(wanted, edgeOf([listener("api", 8000)], [], "old"))).toEqual(wanted);
    });

    test("have the listeners of a service that is to be removed, after the new ones", () => {
        const wanted = edgeOf([listener("api", 8000), listener("web", 8080)]);
        const old = edgeOf([listener("mailer", 2525), listener("api", 8000), listener("mailer", 2526)], [], "old");
        expect(mergeEdges(wanted, old)).toEqual({
            ...wanted,
            listeners: [...wanted.listeners, listener("mailer", 2525), listener("mailer", 2526)],
        });
    });

    test("leave out an old listener whose port a new service or a new gateway has taken", () => {
        const wanted = edgeOf([listener("api", 8000)], [gateway("supabase", 9000)]);
        const old = edgeOf([listener("legacy", 8000), listener("older", 9000), listener("mailer", 2525)], [], "old");
        expect(mergeEdges(wanted, old).listeners).toEqual([listener("api", 8000), listener("mailer", 2525)]);
    });

    test("have the replicas of either, so that those which leave are there until they have left", () => {
        const one = edgeOf([listener("api", 8000)]);
        const three = edgeOf([{ ...listener("api", 8000), replicas: 3 }]);
        expect(mergeEdges(one, three)).toEqual(three);
        expect(mergeEdges(three, one)).toEqual(three);
        expect(mergeEdges(one, one)).toEqual(one);
    });

    test("serve a service that is kept at its new ports only", () => {
        const wanted = edgeOf([listener("api", 8001)]);
        expect(mergeEdges(wanted, edgeOf([listener("api", 8000)], [], "old")).listeners).toEqual([
            listener("api", 8001),
        ]);
    });
});

describe("two edges on several networks", () => {
    const on = (edge: EdgeRelease, ...names: string[]): EdgeRelease => ({
        ...edge,
        networks: names.map((network) => ({ network, aliases: [network] })),
    });
    const of = (service: string, port: number, ...networks: string[]): Listener => ({
        ...listener(service, port),
        networks,
    });

    test("stay on the networks of the old one, where its services are reached as before", () => {
        const old = on(edgeOf([listener("api", 8000), listener("mailer", 2525)], [], "old"), "one");
        const merged = mergeEdges(on(edgeOf([listener("api", 8000)]), "two"), old);
        expect(merged.networks.map(({ network }) => network)).toEqual(["two", "one"]);
        expect(merged.listeners).toEqual([listener("api", 8000), of("mailer", 2525, "one")]);
    });

    test("let whoever called a service before the change call it until the end", () => {
        const old = on(edgeOf([of("api", 8000, "one"), listener("db", 5432)], [], "old"), "one", "two");
        const wanted = on(edgeOf([of("api", 8000, "two"), of("db", 5432, "two")]), "one", "two");
        expect(mergeEdges(wanted, old).listeners).toEqual([listener("api", 8000), listener("db", 5432)]);
        expect(withoutOld(wanted, old)).toEqual(wanted);
    });

    test("but not at a port that another service has there now, or speaks otherwise", () => {
        const old = on(edgeOf([of("api", 80, "one", "two"), of("gone", 81, "one", "two")], [], "old"), "one", "two");
        const web: Listener = { ...of("web", 81, "two"), protocol: "http" };
        const wanted = on(edgeOf([of("api", 80, "one"), of("db", 80, "two"), web]), "one", "two");
        expect(mergeEdges(wanted, old).listeners).toEqual(wanted.listeners);
    });

    test("nor at one that leads a published port into the new edge", () => {
        const old = on(edgeOf([listener("gone", 20_000)], [], "old"), "one");
        const published = { hostIp: "127.0.0.1", port: 1, inside: 20_000 };
        const wanted = on(edgeOf([{ ...listener("api", 80), published }]), "one");
        expect(mergeEdges(wanted, old).listeners).toEqual(wanted.listeners);
    });

    test("and without the old one nobody is served on a network that is only its", () => {
        const old = on(edgeOf([listener("api", 8000)], [], "old"), "one");
        const own = withoutOld(on(edgeOf([listener("api", 8000)]), "two"), old);
        expect(own.listeners).toEqual([of("api", 8000, "two")]);
    });
});
