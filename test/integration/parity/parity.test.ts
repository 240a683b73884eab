/** Parity on the real engine: every property of a container, each drift found and named, and nothing found where nothing is. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { connectEngine } from "../../../engine/docker.ts";
import { correctionsOf } from "../../../validation/parity/correction.ts";
import type { Finding } from "../../../validation/parity/finding.ts";
import { comparePlacement, type PlacementOptions } from "../../../validation/parity/placement.ts";
import { drifts } from "./drifts.ts";
import { Stage, secrets } from "./stage.ts";

const engine = connectEngine();
let stage: Stage;

beforeAll(async () => {
    stage = await Stage.open();
    await stage.deploy();
});

afterAll(async () => {
    await stage?.close();
});

const compare = (options: PlacementOptions = {}) =>
    comparePlacement(engine, stage.release, stage.containers, { secrets, ...options });

const notMatching = (findings: readonly Finding[]) =>
    findings.filter(({ result }) => result === "drift" || result === "inconclusive");

/** Digests are of one comparison alone. */
const withoutDigests = (findings: readonly Finding[]) =>
    JSON.parse(JSON.stringify(findings).replaceAll(/digest [0-9a-f]{8}/g, "digest …"));

describe("what runs as the baseline says", () => {
    test("matches to 100 %, with every difference declared by a rule [R30]", async () => {
        const { findings, summary } = await compare();
        expect(notMatching(findings)).toEqual([]);
        expect(summary).toMatchObject({ drift: 0, inconclusive: 0, percent: 100, match: true });
        expect(summary.intended).toBeGreaterThan(10);
        for (const { result, rule } of findings) expect(rule !== undefined).toBe(result === "intended");
        const properties = findings.filter(({ service }) => service === "app").map(({ property }) => property);
        expect(new Set(properties).size).toBe(properties.length);
        expect(properties).toEqual(expect.arrayContaining(["user (process)", "read_only (process)", "ports.8000"]));
    });

    test("gives nothing in ten comparisons of two identical deployments [R30]", async () => {
        const second = await Stage.open();
        try {
            await second.deploy();
            const said = new Set<string>();
            for (let round = 0; round < 5; round++) {
                for (const { release, containers, project, image } of [stage, second]) {
                    const { findings } = await comparePlacement(engine, release, containers, { secrets });
                    expect(notMatching(findings)).toEqual([]);
                    const text = JSON.stringify(withoutDigests(findings))
                        .replaceAll(image, "{image}")
                        .replaceAll(project, "{project}")
                        .replaceAll(project.slice(-6), "{suffix}")
                        .replaceAll(/sha256:[0-9a-f]{64}|\b[0-9a-f]{12}\b/g, "{id}");
                    said.add(text);
                }
            }
            expect([...said]).toHaveLength(1);
        } finally {
            await second.close();
        }
    });
});

describe("a property changed behind Pulumi's back", () => {
    afterAll(async () => {
        await stage.make(stage.planOf("app"));
    });

    test.each(drifts.map((one) => [one.name, one] as const))("is found and named: %s [R30]", async (_, drift) => {
        const plan = stage.planOf("app");
        drift.change(plan, stage);
        await stage.remove(stage.nameOf("app"));
        await stage.make(plan);
        try {
            const idOf = async (image: string) => (await engine.image(image))?.id ?? "";
            const committedImages = { app: await idOf(stage.image) };
            const { findings, summary } = await comparePlacement(
                engine,
                stage.release,
                { ...stage.containers, app: { name: plan.name } },
                { secrets, committedImages },
            );
            const texts: Record<string, string> = {
                project: stage.project,
                image: stage.image,
                imageId: committedImages.app,
                otherImageId: await idOf(stage.otherImage),
                suffix: stage.project.slice(-6),
            };
            const filled = (text: string) => text.replaceAll(/\{(\w+)\}/g, (_all, key: string) => texts[key] ?? "");
            const all = notMatching(findings);
            expect(all.filter(({ service }) => service !== "app")).toEqual([]);
            const inconclusive = all.filter(({ result }) => result === "inconclusive");
            expect(inconclusive.map(({ property }) => property)).toEqual(drift.open);
            const found = all.filter(({ result }) => result === "drift");
            const named = Object.fromEntries(
                found.map(({ property, expected, actual }) => [property, [expected, actual]]),
            );
            const wanted = Object.entries(drift.found);
            expect(Object.keys(named).sort()).toEqual(wanted.map(([property]) => property).sort());
            for (const [property, texts] of wanted) {
                texts.forEach((text, index) => {
                    const said = named[property]?.[index] ?? "";
                    // Where the text goes on with what is this engine's own, its beginning decides.
                    if (text.endsWith("…")) expect(said.startsWith(filled(text).slice(0, -1))).toBe(true);
                    else expect(said).toBe(filled(text));
                });
            }
            for (const { remedy, where, property } of found) {
                expect(remedy).not.toBe("");
                expect(where.keyPath).toBe(`services.app.${property.replace(" (process)", "")}`);
            }
            expect(summary.match).toBe(false);
            expect(JSON.stringify(findings)).not.toMatch(/hunter2|correct-horse/);
        } finally {
            await stage.remove(plan.name);
        }
    });
});

describe("what is around the services", () => {
    test("a port or a name that the edge does not carry is a drift of its service [R30]", async () => {
        const plan = stage.edgePlan();
        const bindings: Record<string, unknown> = plan.request.HostConfig.PortBindings;
        delete bindings["8000/tcp"];
        bindings["9999/tcp"] = [{ HostIp: "0.0.0.0", HostPort: "18997" }];
        plan.networks[1]?.aliases.pop();
        plan.request.HostConfig.CapDrop = [];
        await stage.make(plan, false);
        try {
            const found = notMatching((await compare()).findings);
            const said = found.map(({ service, property, expected, actual }) => [service, property, expected, actual]);
            expect(said).toEqual([
                ["app", "ports.8000", "127.0.0.1:18999", "not published"],
                ["app", "networks.second.aliases", '["app","app-alias"]', "the edge does not answer to app-alias"],
                ["edge", "ports.9999", "none", "0.0.0.0:18997"],
                ["edge", `networks.${stage.project}_second.aliases`, '["app","app-alias"]', '["app"]'],
                ["edge", "cap_drop", '["ALL"]', "none"],
            ]);
        } finally {
            await stage.make(stage.edgePlan(), false);
        }
    });

    test("a container that is missing, and one that nobody declared, are drifts [R30]", async () => {
        const plan = { ...stage.planOf("plain"), name: `plain-0000000f-${stage.project.slice(-6)}` };
        await stage.remove(stage.nameOf("plain"));
        await stage.make(plan);
        try {
            const found = notMatching((await compare()).findings);
            expect(found.map(({ service, property, actual }) => [service, property, actual])).toEqual([
                ["plain", "(container)", "missing"],
                ["plain", "(other containers)", `${plan.name} runs`],
            ]);
        } finally {
            await stage.remove(plan.name);
            await stage.make(stage.planOf("plain"));
        }
    });

    test("a network and a volume that were made otherwise are drifts, which no new container mends [R30] [R31]", async () => {
        const name = `${stage.project}_odd`;
        const network = await stage.docker.createNetwork({
            Name: name,
            Internal: true,
            Attachable: true,
            Labels: { team: "x" },
            IPAM: { Driver: "default", Config: [{ Subnet: "10.213.77.0/24", IPRange: "10.213.77.0/28" }] },
            Options: { "com.docker.network.bridge.enable_icc": "false" },
        });
        await stage.docker.createVolume({
            Name: name,
            Labels: { team: "x" },
            DriverOpts: { type: "tmpfs", device: "tmpfs", o: "size=1m" },
        });
        try {
            const release = {
                ...stage.release,
                networks: [...stage.release.networks, { name, driver: "bridge", internal: false, labels: {} }],
                volumes: [
                    ...stage.release.volumes,
                    { key: "odd", name, labels: {} },
                    { key: "gone", name: `${name}_gone`, labels: {} },
                ],
            };
            const { findings } = await comparePlacement(engine, release, stage.containers, { secrets });
            const found = notMatching(findings);
            expect(found.map(({ service, property, actual }) => `${service} ${property} ${actual}`)).toEqual([
                "networks.odd internal true",
                "networks.odd attachable true",
                "networks.odd labels.team x",
                "networks.odd driver_opts.com.docker.network.bridge.enable_icc false",
                expect.stringMatching(/^networks\.odd ipam\.config .*10\.213\.77\.0\/28/),
                "volumes.odd labels.team x",
                "volumes.odd driver_opts.device tmpfs",
                "volumes.odd driver_opts.o size=1m",
                "volumes.odd driver_opts.type tmpfs",
                "volumes.gone (volume) missing",
            ]);
            expect(correctionsOf(findings, stage.containers)).toEqual({ corrections: [], notFixable: found });
        } finally {
            await network.remove();
            await stage.docker.getVolume(name).remove();
        }
    });

    test("a process that cannot be asked is inconclusive, never a match [R96]", async () => {
        const failing = {
            inspect: engine.inspect.bind(engine),
            imageDetails: engine.imageDetails.bind(engine),
            networkDetails: engine.networkDetails.bind(engine),
            volumeDetails: engine.volumeDetails.bind(engine),
            defaults: engine.defaults.bind(engine),
            list: engine.list.bind(engine),
            getFile: engine.getFile.bind(engine),
            // A command that the container does not have: the engine's own failure of an exec.
            exec: (id: string) => engine.exec(id, ["/no/such/command"]),
        };
        const { findings, summary } = await comparePlacement(failing, stage.release, stage.containers, { secrets });
        const found = notMatching(findings);
        expect(new Set(found.map(({ result }) => result))).toEqual(new Set(["inconclusive"]));
        expect(found.map(({ property }) => property)).toEqual(
            expect.arrayContaining(["user (process)", "read_only (process)", "cap_drop (process)"]),
        );
        expect(summary.match).toBe(false);
    });

    test("a container that does not run, and an engine that is away, are inconclusive [R96]", async () => {
        await stage.docker.getContainer(stage.nameOf("plain")).stop({ t: 1 });
        try {
            const found = notMatching((await compare()).findings);
            expect(new Set(found.map(({ service, result }) => `${service} ${result}`))).toEqual(
                new Set(["plain inconclusive"]),
            );
        } finally {
            await stage.docker.getContainer(stage.nameOf("plain")).start();
        }
        const away = connectEngine("unix:///nonexistent.sock", {
            retry: { attempts: 1, firstDelayMs: 1, factor: 1, maxDelayMs: 1, jitter: 0 },
        });
        const { findings, summary } = await comparePlacement(away, stage.release, stage.containers);
        expect(new Set(findings.map(({ result }) => result))).toEqual(new Set(["inconclusive"]));
        expect(summary).toMatchObject({ percent: 0, match: false });
    });

    test("without a secret's value its variable is inconclusive, and no other is", async () => {
        const { findings } = await comparePlacement(engine, stage.release, stage.containers, {});
        expect(notMatching(findings).map(({ property, result }) => [property, result])).toEqual([
            ["environment.PASSWORD", "inconclusive"],
        ]);
    });
});
