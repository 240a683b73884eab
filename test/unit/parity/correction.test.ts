/** Which containers have to be made anew, and which drifts no new container mends. */
import { describe, expect, test } from "@jest/globals";
import { compareContainer, findingOf, type Wording } from "../../../validation/checks/parity.ts";
import { compareNetwork, compareVolume } from "../../../validation/checks/parity-infrastructure.ts";
import type { Subject } from "../../../validation/checks/parity-property.ts";
import { known, unknown } from "../../../validation/facts/fact.ts";
import { networkFact, volumeFact } from "../../../validation/facts/network-volume.ts";
import { correctionsOf } from "../../../validation/parity/correction.ts";
import { compareEdge } from "../../../validation/parity/edge.ts";
import { lineFinder } from "../../../validation/parity/lines.ts";
import { sampleRelease, sampleService } from "../rollout/sample-release.ts";
import { sampleContainer, sampleSubject } from "./sample-subject.ts";

const wording: Wording = { file: "docker-compose.yml", lineOf: () => undefined, redact: (it) => it };
const containers = { api: { name: "api-00000001-0abcdef" }, edge: { name: "edge-0000000e-0abcdef" } };

const correct = (change: Partial<Subject>) =>
    correctionsOf(compareContainer(sampleSubject(change), wording), containers);

const owner = { project: "sample", stack: "local" } as const;
const network = { name: "sample_network", driver: "bridge", internal: false, labels: {} };
const rawNetwork = {
    Name: "sample_network",
    Id: "1234",
    Created: "2026-11-24T12:00:00Z",
    Scope: "local",
    Driver: "bridge",
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: [{ Subnet: "172.18.0.0/16", Gateway: "172.18.0.1" }] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: { abc: {} },
    Options: {},
    Labels: {},
};
const volume = { name: "sample_data", labels: {} };
const rawVolume = {
    Name: "sample_data",
    CreatedAt: "2026-11-24T12:00:00Z",
    Driver: "local",
    Labels: null,
    Mountpoint: "/var/lib/docker/volumes/sample_data/_data",
    Options: null,
    Scope: "local",
};

/** What the engine would say, read as its answers are. */
async function ofNetwork(change: object = {}) {
    const fact = await networkFact({ networkDetails: async () => ({ ...rawNetwork, ...change }) as never }, "it");
    return compareNetwork(network, fact, owner).map((outcome) =>
        findingOf({ name: "networks.network" }, outcome, wording),
    );
}

async function ofVolume(change: object = {}) {
    const fact = await volumeFact({ volumeDetails: async () => ({ ...rawVolume, ...change }) as never }, "it");
    return compareVolume(volume, fact, owner).map((outcome) => findingOf({ name: "volumes.data" }, outcome, wording));
}

describe("a correction", () => {
    test("makes the container anew whose properties drift, and names each change [R31]", () => {
        const container = sampleContainer({ host: { Memory: 1_048_576, PidsLimit: 77 } });
        expect(correct({ container })).toEqual({
            corrections: [
                {
                    service: "api",
                    container: "api-00000001-0abcdef",
                    restores: expect.arrayContaining(["api: mem_limit: 1048576 (1 MiB) → none"]),
                },
            ],
            notFixable: [],
        });
    });

    test("is none where nothing drifts, nor for what could not be asked [R31]", () => {
        expect(correct({})).toEqual({ corrections: [], notFixable: [] });
        expect(correct({ process: unknown("no shell") })).toEqual({ corrections: [], notFixable: [] });
    });

    test("of a port or a name is one of the edge, which carries them [R31]", () => {
        const ports = [{ target: 8000, published: 8000, hostIp: "127.0.0.1" }];
        const edge = sampleContainer();
        edge.NetworkSettings.Networks = { sample_network: { Aliases: [] } };
        const { corrections } = correct({ service: sampleService("api", "request", [], { ports }), edge: known(edge) });
        expect(corrections.map(({ service, restores }) => [service, restores])).toEqual([
            [
                "edge",
                [
                    "api: ports.8000: not published → 127.0.0.1:8000",
                    'api: networks.network.aliases: the edge does not answer to api → ["api"]',
                ],
            ],
        ]);
    });

    test("of the edge itself makes the edge anew, also where it is gone [R31]", () => {
        const evidence = {
            container: known(undefined),
            expectedImage: unknown<never>("gone"),
            actualImage: unknown<never>("gone"),
            process: unknown<never>("gone"),
            files: {},
        };
        const findings = compareEdge(sampleRelease(), evidence).map((outcome) =>
            findingOf({ name: "edge" }, outcome, wording),
        );
        expect(correctionsOf(findings, containers).corrections).toEqual([
            {
                service: "edge",
                container: "edge-0000000e-0abcdef",
                restores: ["edge: (container): missing → a container"],
            },
        ]);
    });

    test("is not offered for what the comparison does not know: a new container may have it again [R31]", () => {
        const { corrections, notFixable } = correct({ container: sampleContainer({ host: { NewPower: true } }) });
        expect(corrections).toEqual([]);
        expect(notFixable.map(({ property }) => property)).toEqual(["HostConfig.NewPower"]);
    });
});

describe("a network and a volume", () => {
    test("as the baseline says give no drift, whichever range the engine chose [R30]", async () => {
        for (const found of [await ofNetwork(), await ofVolume()]) {
            expect(found.length).toBeGreaterThan(2);
            expect(found.filter(({ result }) => result !== "same")).toEqual([]);
        }
    });

    test.each([
        ["driver", { Driver: "macvlan" }, ["bridge", "macvlan"]],
        ["internal", { Internal: true }, ["false", "true"]],
        ["attachable", { Attachable: true }, ["false", "true"]],
        ["enable_ipv6", { EnableIPv6: true }, ["false", "true"]],
        ["labels.team", { Labels: { team: "x" } }, ["none", "x"]],
        ["labels.plumbline.stack", { Labels: { "plumbline.stack": "staging" } }, ["local", "staging"]],
        ["name", { Name: "other" }, ["sample_network", "other"]],
        ["driver_opts.mtu", { Options: { mtu: "1400" } }, ["none", "1400"]],
        ["ipam.driver", { IPAM: { ...rawNetwork.IPAM, Driver: "null" } }, ["default", "null"]],
        ["ipam.options.o", { IPAM: { ...rawNetwork.IPAM, Options: { o: "1" } } }, ["none", "1"]],
        [
            "ipam.config",
            { IPAM: { ...rawNetwork.IPAM, Config: [{ Subnet: "10.9.0.0/24", IPRange: "10.9.0.0/28" }] } },
            ["one range that the engine chose", '[{"Subnet":"10.9.0.0/24","IPRange":"10.9.0.0/28"}]'],
        ],
        ["Ingress", { Ingress: true }, ["not known to the comparison", "true"]],
    ])("network: another %s is a drift that no new container mends [R30] [R31]", async (property, change, texts) => {
        const found = (await ofNetwork(change)).filter(({ result }) => result !== "same");
        expect(found.map((one) => [one.property, one.expected, one.actual])).toEqual([[property, ...texts]]);
        const { corrections, notFixable } = correctionsOf(found, containers);
        expect([corrections, notFixable]).toEqual([[], found]);
        expect(found[0]?.where.keyPath).toBe(`networks.network.${property}`);
    });

    test.each([
        ["driver", { Driver: "nfs" }, ["local", "nfs"]],
        ["labels.team", { Labels: { team: "x" } }, ["none", "x"]],
        ["driver_opts.device", { Options: { device: "/srv" } }, ["none", "/srv"]],
        ["name", { Name: "other" }, ["sample_data", "other"]],
        ["ClusterVolume", { ClusterVolume: { ID: "1" } }, ["not known to the comparison", '{"ID":"1"}']],
    ])("volume: another %s is a drift that no new container mends [R30] [R31]", async (property, change, texts) => {
        const found = (await ofVolume(change)).filter(({ result }) => result !== "same");
        expect(found.map((one) => [one.property, one.expected, one.actual])).toEqual([[property, ...texts]]);
        expect(correctionsOf(found, containers)).toEqual({ corrections: [], notFixable: found });
        expect(found[0]?.where.keyPath).toBe(`volumes.data.${property}`);
    });

    test("with the labels of their owner, or with compose's where a volume was adopted, are so by a rule [R30]", async () => {
        const marks = { "plumbline.project": "sample", "plumbline.stack": "local" };
        const rules = (found: Awaited<ReturnType<typeof ofVolume>>) =>
            found.flatMap(({ property, result, rule }) => (result === "same" ? [] : [[property, result, rule?.name]]));
        const marked = ["labels.plumbline.project", "labels.plumbline.stack"].map((name) => [
            name,
            "intended",
            "plumbline-labels",
        ]);
        expect(rules(await ofNetwork({ Labels: marks }))).toEqual(marked);
        expect(rules(await ofVolume({ Labels: { ...marks, "com.docker.compose.volume": "data" } }))).toEqual([
            ...marked,
            ["labels.com.docker.compose.volume", "intended", "adopted-volume"],
        ]);
    });

    test("that is missing is a drift, and one that cannot be asked or read is inconclusive [R96]", async () => {
        const missing = compareNetwork(network, known(undefined), owner);
        expect(missing).toMatchObject([{ path: ["(network)"], result: "drift", actual: "missing" }]);
        const away = await volumeFact({ volumeDetails: async () => Promise.reject(new Error("away")) }, "it");
        expect(compareVolume(volume, away, owner)).toMatchObject([{ path: ["(volume)"], result: "inconclusive" }]);
        expect(await ofNetwork({ IPAM: 3 })).toMatchObject([{ property: "(network)", result: "inconclusive" }]);
    });

    test("point to their own lines of the compose file", () => {
        const text = "networks:\n  network:\n    driver: bridge\nvolumes:\n  data: {}\n";
        const lineOf = lineFinder(text);
        expect(lineOf(["networks", "network", "driver"])).toBe(3);
        expect(lineOf(["volumes", "data"])).toBe(5);
        expect(lineOf(["volumes", "data", "driver"])).toBeUndefined();
    });
});
