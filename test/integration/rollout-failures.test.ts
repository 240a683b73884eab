/** How rollback fails elsewhere (F1 to F18), each with real containers behind the real edge: here it does not. */
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { chooseRelease, forceVariable, releaseVariable } from "../../rollout/choose.ts";
import { exitCodes, type RolloutOutcome } from "../../rollout/outcome.ts";
import type { RolloutRequest } from "../../rollout/session.ts";
import { EngineDoor } from "../support/engine-door.ts";
import { failingSmoke, Toy, type ToyService, type ToyVersion, toyImages } from "../support/toy.ts";
import { askToy, dataDeviations, deviationsFrom, untilClosed, Writer } from "../support/toy-judge.ts";

type Recorded = RolloutOutcome & { readonly error: string | null };

let toy: Toy;
let base: RolloutRequest;
let count = 0;

/** A version that nobody has deployed yet, with these changes of all three services. */
const changed = (
    version: ToyVersion = {},
    services: readonly ToyService[] = ["store", "consumer", "web"],
): ToyVersion => {
    count += 1;
    return { ...version, settings: Object.fromEntries(services.map((name) => [name, `v${count}`])) };
};

beforeAll(async () => {
    toy = await Toy.open();
    base = await toy.deploy(changed());
}, 300_000);

afterAll(async () => {
    await toy?.close();
}, 120_000);

const factsOf = async (request: RolloutRequest, service: ToyService) =>
    toy.engine.inspect(request.containers[service]?.name ?? "");
const startedAt = async (request: RolloutRequest, service: ToyService) => (await factsOf(request, service))?.startedAt;
const recorded = () => toy.report<Recorded>("outcome.json");

/** Rolls out what must fail. @returns the recorded outcome */
async function failing(version: ToyVersion): Promise<Recorded & { readonly request: RolloutRequest }> {
    const request = await toy.declare(version);
    const run = toy.run(request);
    expect({ code: await run.ended(), output: run.output() }).toMatchObject({ code: 1 });
    await untilClosed(toy);
    return { ...recorded(), request };
}

/** Rolls out what must fail, with an act of somebody else while the smoke test stands at its beginning. */
async function failingWhile(act: (request: RolloutRequest) => Promise<void>): Promise<Recorded> {
    const request = await toy.declare(changed({ smoke: failingSmoke }));
    // The third question for the time is the beginning of the timeline: nothing was touched by then.
    const run = toy.run(request, { freezeAt: 3 });
    expect(await run.frozen()).toBe(true);
    await act(request);
    run.thaw();
    expect({ code: await run.ended(), output: run.output() }).toMatchObject({ code: 1 });
    return recorded();
}

async function anew(): Promise<void> {
    await untilClosed(toy);
    base = await toy.deploy(changed());
}

const all = ["store", "consumer", "web"] as const;

describe("a bad image of one service", () => {
    let bad: Awaited<ReturnType<typeof failing>>;
    let before: readonly (number | undefined)[];
    let writer: Writer;

    beforeAll(async () => {
        before = await Promise.all(all.map((service) => startedAt(base, service)));
        writer = new Writer(toy);
        bad = await failing({
            ...changed({ faults: { web: "exit-at-boot" }, startDeadlineMs: 100_000 }, ["store", "web"]),
        });
        await writer.end();
    }, 300_000);

    test("F1 the old one serves all the time, and is there until the new one is known good [R50, R98]", async () => {
        expect(await startedAt(base, "web")).toBe(before[2]);
        expect(writer.acknowledged.length).toBeGreaterThan(5);
        expect(writer.failed).toEqual([]);
        expect(await dataDeviations(toy, writer)).toEqual([]);
    });

    test("F3 what was rolled back is never reported as committed [R95]", async () => {
        expect(bad.outcome).toBe("rolled-back");
        expect(bad.error).toContain("web");
        expect((await toy.ledger.lastCommit())?.release).toBe(base.release.id);
        expect(exitCodes).toMatchObject({ committed: 0, rolledBack: 10, rollbackFailed: 20 });
    });

    test("F4 the other service, which was good, goes back as well [R90]", async () => {
        expect(await deviationsFrom(toy, base)).toEqual([]);
        // It had been handed over: its own timeline says so.
        const timeline = readFileSync(path.join(toy.reports, bad.transaction, "timeline.jsonl"), "utf8");
        expect(timeline).toContain("store was handed over");
    });

    test("F8 what was not touched is not restarted by the undo [R98]", async () => {
        expect(await startedAt(base, "consumer")).toBe(before[1]);
        expect(await startedAt(base, "web")).toBe(before[2]);
    });

    test("F13 the same release is refused until it is forced, with the transaction that undid it [R99]", async () => {
        const choose = (env: Record<string, string>, isPreview = false) =>
            chooseRelease(bad.request.release, { engine: toy.engine, ledger: toy.ledger, env, isPreview });
        await expect(choose({})).rejects.toThrow(bad.transaction);
        expect((await choose({}, true)).release.id).toBe(base.release.id);
        expect((await choose({ [forceVariable]: bad.request.release.id })).release.id).toBe(bad.request.release.id);
    });

    test("F18 what failed can be looked at after it was removed [R52]", async () => {
        await toy.sweep(base);
        const evidence = path.join(toy.folder, bad.evidence);
        expect(await factsOf(bad.request, "web")).toBeUndefined();
        expect(readFileSync(path.join(evidence, "web.last.log"), "utf8")).toContain("broken on purpose");
        expect(readFileSync(path.join(evidence, "web.inspect.json"), "utf8")).toContain('"RestartCount"');
        expect(existsSync(path.join(evidence, "store.last.log"))).toBe(true);
        expect(readFileSync(path.join(evidence, "timeline.jsonl"), "utf8")).toContain("step-failed");
    });
});

describe("a failure at the last gate", () => {
    test("F5, F6 the consumer goes back too, and the old code has its old setting and secret [R51, R80, R90]", async () => {
        const secret = (value: string, version: ToyVersion): ToyVersion => ({
            ...version,
            settings: { store: "<secret:TOKEN>", consumer: `as before ${count}`, web: "<secret:TOKEN>" },
            secrets: { TOKEN: value },
        });
        base = await toy.deploy(secret("old secret", {}));
        const request = await toy.declare(
            secret("new secret", { smoke: failingSmoke, faults: { consumer: "none:0" } }),
        );
        const run = toy.run({ ...request, previousSecrets: base.secrets });
        expect(await run.ended()).toBe(1);
        expect(recorded().outcome).toBe("rolled-back");
        const timeline = readFileSync(path.join(toy.reports, recorded().transaction, "timeline.jsonl"), "utf8");
        expect(timeline).toContain("consumer was handed over");
        expect(await deviationsFrom(toy, base)).toEqual([]);
        for (const service of ["store", "web"] as const)
            expect((await askToy(`${toy.address(service)}/health`)).json).toMatchObject({ setting: "old secret" });
        expect(run.output()).not.toContain("new secret");
    }, 300_000);
});

describe("a consumer that fails its gate has done no job, though jobs are waiting, and the old one does them all", () => {
    test.each<[string, ToyVersion]>([
        ["answers of its own that are wrong", { faults: { consumer: "wrong:0" }, startDeadlineMs: 3_000 }],
        // It answers as it should: nothing but the hold on its name keeps it from the jobs.
        ["the engine's healthcheck", { healthcheck: { consumer: "exit 1" } }],
    ])(
        "%s [R50, R91]",
        async (_, version) => {
            const writer = new Writer(toy);
            const { outcome, error, request } = await failing({ ...changed({}, ["consumer"]), ...version });
            await writer.end();
            expect([outcome, error]).toEqual(["rolled-back", expect.stringContaining("consumer")]);
            expect(writer.jobs).toBeGreaterThan(5);
            expect(await dataDeviations(toy, writer)).toEqual([]);
            const { did } = (await askToy(`${toy.address("consumer")}/state`)).json as { did: string[] };
            const instanceOf = ({ containers }: RolloutRequest) => containers.consumer?.id.slice(0, 12) ?? "";
            const doneBy = (by: RolloutRequest) => did.filter((line) => line.endsWith(` ${instanceOf(by)}`)).length;
            expect([doneBy(request), doneBy(base) > 0]).toEqual([0, true]);
            expect(await deviationsFrom(toy, base)).toEqual([]);
        },
        120_000,
    );
});

describe("F2 a rollback that would be none ends as failed, never as rolled back [R95]", () => {
    test("the previous container was removed behind our back", async () => {
        const { outcome, error } = await failingWhile(async () => {
            await toy.engine.remove(base.containers.consumer?.name ?? "");
        });
        expect(outcome).toBe("rollback-failed");
        expect(error).toContain("consumer");
        await anew();
    }, 300_000);

    test("F11 the previous container was replaced by one of another image: its name and label are no proof", async () => {
        const { outcome, error } = await failingWhile(async () => {
            const old = await factsOf(base, "web");
            await toy.engine.remove(old?.id ?? "");
            const { raw } = old ?? {};
            const other = await toy.docker.createContainer({
                ...raw?.Config,
                HostConfig: raw?.HostConfig,
                Image: toyImages[1],
                name: old?.name ?? "",
            });
            await other.start();
        });
        expect(error).toContain("not what was committed");
        expect(outcome).toBe("rollback-failed");
        await anew();
    }, 300_000);

    test("the ledger's entry of the previous release is damaged", async () => {
        const damage = (text: string) =>
            toy.engine.putFiles(`${toy.project}-ledger`, "/ledger", [
                { name: `release-${base.release.id}.json`, content: text },
            ]);
        // The planning reads the entry too: it is damaged before the rollout looks.
        const { outcome } = await failingWhile(() => damage("{ cut off"));
        expect(outcome).toBe("rollback-failed");
        await damage(base.releaseText);
        await anew();
    }, 300_000);

    test("the image of a release is gone, or its tag leads elsewhere: it is refused before anything is touched", async () => {
        const tag = `plumbline-test/toy:${toy.project}`;
        const [repo, name] = tag.split(":");
        const point = (image: string) => toy.docker.getImage(image).tag({ repo: repo ?? "", tag: name ?? "" });
        await point(toyImages[0]);
        const old = await toy.deploy({ ...changed(), images: { web: tag } });
        base = await toy.deploy(changed());
        const choose = () =>
            chooseRelease(base.release, {
                engine: toy.engine,
                ledger: toy.ledger,
                env: { [releaseVariable]: old.release.id },
                isPreview: false,
            });
        expect((await choose()).release.id).toBe(old.release.id);
        await point(toyImages[1]);
        await expect(choose()).rejects.toThrow("is another one now");
        await toy.engine.removeImage(tag);
        await expect(choose()).rejects.toThrow("is gone");
    }, 300_000);
});

describe("what proves a service", () => {
    test("F11 an old service that comes back broken is no rollback: it is asked as strictly as the new one [R95]", async () => {
        base = await toy.deploy({ ...changed(), faults: { store: "wrong-again" }, startDeadlineMs: 4_000 });
        const { outcome, error } = await failing(changed({ smoke: failingSmoke }));
        expect(outcome).toBe("rollback-failed");
        expect(error).toContain("store");
        await anew();
    }, 300_000);

    test("F9 a slow start just inside its deadline is committed, one that never ends is not [R32]", async () => {
        base = await toy.deploy({ ...changed(), faults: { web: "slow-start:6" }, startDeadlineMs: 12_000 });
        expect(await deviationsFrom(toy, base)).toEqual([]);
        const { outcome } = await failing({ ...changed(), faults: { web: "slow-start:600" }, startDeadlineMs: 3_000 });
        expect(outcome).toBe("rolled-back");
    }, 300_000);

    test("F10 a probe that cannot be put is no pass [R32, R95]", async () => {
        // Nobody listens on port 1.
        const { outcome, error } = await failing({ ...changed(), probePort: 1, startDeadlineMs: 2_000 });
        expect(outcome).toBe("rolled-back");
        expect(error).toMatch(/did not answer as it should|inconclusive|reach/);
        expect(await deviationsFrom(toy, base)).toEqual([]);
    }, 300_000);

    test("F10 a load without an answer is no pass [R33]", async () => {
        const { outcome, error } = await failing({
            ...changed({}, ["web"]),
            faults: { web: "errors:1" },
            policy: { gateLoadMs: 1_000 },
        });
        expect(outcome).toBe("rolled-back");
        expect(error).toMatch(/none of \d+ requests was answered|error rate/);
    }, 300_000);
});

describe("around the commit", () => {
    test("F16 what fails after the commit leaves it committed [R95]", async () => {
        // The last outcome cannot be written: nobody needs it to know what runs.
        const inTheWay = path.join(toy.reports, "outcome.json.tmp");
        mkdirSync(inTheWay);
        try {
            const request = await toy.declare(changed());
            const run = toy.run(request);
            expect({ code: await run.ended(), output: run.output() }).toMatchObject({ code: 0 });
            expect(run.output()).toContain("warning");
            await toy.sweep(request);
            base = request;
            expect((await toy.ledger.lastCommit())?.release).toBe(request.release.id);
            expect(await deviationsFrom(toy, request)).toEqual([]);
        } finally {
            rmdirSync(inTheWay);
        }
    }, 300_000);

    test("F17 after two broken releases in a row the previous one is the one that served [R50, R99]", async () => {
        for (const fault of ["exit-at-boot", "wrong:0"]) {
            const { outcome, previous } = await failing({
                ...changed({}, ["web"]),
                faults: { web: fault },
                startDeadlineMs: 3_000,
            });
            expect({ outcome, previous }).toEqual({ outcome: "rolled-back", previous: base.release.id });
        }
        const good = await toy.deploy(changed());
        expect((await toy.ledger.lastCommit())?.previous).toBe(base.release.id);
        base = good;
        const { previous } = await failing({ ...changed({}, ["web"]), faults: { web: "exit-at-boot" } });
        expect(previous).toBe(good.release.id);
        expect(await deviationsFrom(toy, good)).toEqual([]);
    }, 300_000);

    test("a port that somebody has taken brings the old edge back, and the release may come again as it is [R91, R99]", async () => {
        const version: ToyVersion = { ...changed(), hostIp: "127.0.0.2" };
        const port = Number(new URL(toy.address("web")).port);
        const somebody = createServer().listen(port, "127.0.0.2");
        await once(somebody, "listening");
        const { outcome, error, request } = await failing(version).finally(() => somebody.close());
        expect({ outcome, error }).toEqual({
            outcome: "rolled-back",
            error: expect.stringContaining(`the edge cannot publish its ports: somebody listens on 127.0.0.2:${port}`),
        });
        expect(await deviationsFrom(toy, base)).toEqual([]);
        expect(Object.keys((await toy.ledger.state()).quarantine)).not.toContain(request.release.id);
        const again = toy.run(await toy.declare(version));
        expect({ code: await again.ended(), output: again.output() }).toMatchObject({ code: 0 });
        base = await toy.deploy(changed());
    }, 300_000);

    test("F13 a forced release that is good after all is committed as forced, and no longer quarantined [R99]", async () => {
        const flaky: ToyVersion = {
            ...changed({}, ["consumer"]),
            faults: { consumer: "wrong-first" },
            startDeadlineMs: 3_000,
        };
        const { request } = await failing(flaky);
        expect(Object.keys((await toy.ledger.state()).quarantine)).toContain(request.release.id);
        const run = toy.run({ ...request, forced: true });
        expect({ code: await run.ended(), output: run.output() }).toMatchObject({ code: 0 });
        expect(await toy.ledger.lastCommit()).toMatchObject({ release: request.release.id, forced: true });
        expect(Object.keys((await toy.ledger.state()).quarantine)).not.toContain(request.release.id);
    }, 300_000);
});

describe("while the previous release is put back", () => {
    test("an engine that goes away is waited for, and the rest is done when it is back [R90, R95]", async () => {
        await anew();
        const next = await toy.declare(changed());
        const dead = toy.run(next, { freezeAt: 12 });
        expect(await dead.frozen()).toBe(true);
        dead.kill("guard and both");

        const socket = path.join(toy.folder, "door.sock");
        const door = await EngineDoor.open(socket);
        const request = { ...next, engineHost: `unix://${socket}` };
        const run = toy.run(request, { act: "recover", freezeAfter: "put store back" });
        expect(await run.frozen()).toBe(true);
        await door.close();
        run.thaw();
        // Longer than a call is repeated.
        await run.said("does not answer");
        const again = await EngineDoor.open(socket);
        expect({ code: await run.ended(), output: run.output() }).toMatchObject({ code: 0 });
        await again.close();
        expect(run.output()).toContain("rolled-back");
        await untilClosed(toy);
        expect(await deviationsFrom(toy, base)).toEqual([]);
    }, 120_000);
});

describe("a ledger that cannot be written any more, as on a full disk of the engine", () => {
    test("does not keep the previous release from being put back, and says what was not recorded [R90, R95]", async () => {
        await anew();
        const socket = path.join(toy.folder, "ledger-door.sock");
        const door = await EngineDoor.open(socket);
        try {
            const run = toy.run(
                { ...(await toy.declare(changed())), engineHost: `unix://${socket}` },
                { freezeAt: 12 },
            );
            expect(await run.frozen()).toBe(true);
            const refusal = door.refuse({ method: "PUT", path: /-ledger\/archive/ });
            run.thaw();
            expect({ code: await run.ended(), output: run.output() }).toMatchObject({ code: 1 });
            refusal.stop();
            expect(recorded()).toMatchObject({ outcome: "rolled-back", error: expect.stringContaining("-ledger") });
            expect(run.output()).toMatch(/warning: .*-ledger/);
        } finally {
            await door.close();
        }
        await untilClosed(toy);
        expect(await deviationsFrom(toy, base)).toEqual([]);
    }, 120_000);
});

describe("between the last proof and the end of a transaction", () => {
    test("what falls is put back once more by whoever ends it for a dead deployer [R90, R94]", async () => {
        await anew();
        const next = await toy.declare(changed());
        // In the middle: the store is in the hands of neither.
        const dead = toy.run(next, { freezeAt: 12 });
        expect(await dead.frozen()).toBe(true);
        dead.kill("guard and both");

        const run = toy.run(next, { act: "recover", freezeAfter: `release ${base.release.id} runs, proven` });
        expect(await run.frozen()).toBe(true);
        expect(await deviationsFrom(toy, base)).toEqual([]);
        // As a crash of the engine takes it down.
        await toy.engine.stop(base.containers.store?.name ?? "", 1);
        run.thaw();
        expect({ code: await run.ended(), output: run.output() }).toMatchObject({ code: 0 });
        expect(run.output()).toContain("rolled-back");
        await untilClosed(toy);
        expect(await deviationsFrom(toy, base)).toEqual([]);
    }, 120_000);
});
