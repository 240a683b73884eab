/** The engine's age, its disk and its memory: each check passes, fails by a seeded fault, and says when it cannot tell. */
import { describe, expect, test } from "@jest/globals";
import { edgeMemoryMiB } from "../../../../release/edge.ts";
import { parseSettings } from "../../../../release/settings.ts";
import { judgeEngine } from "../../../../validation/preflight/checks/engine.ts";
import { judgeDisk, judgeMemory, spaceNeed } from "../../../../validation/preflight/checks/space.ts";
import { isHere } from "../../../../validation/preflight/look.ts";
import { emptySpec, sampleService } from "../../rollout/sample-release.ts";
import { container, ownContainer, release, results } from "./facts.ts";

const address = "unix:///var/run/docker.sock";
const limits = parseSettings("local", {}).preflight;
const giga = 1e9;

describe("the engine's age [R10]", () => {
    const judge = (apiVersion: string, least = "1.41") =>
        judgeEngine(address, { apiVersion, serverVersion: "20.10.24" }, least);

    test("passes from the least version on, which is counted, not read as text", () => {
        for (const version of ["1.41", "1.43", "1.100", "2.0"]) expect(results(judge(version))).toEqual(["pass"]);
    });

    test("fails below it, with both versions and the cure", () => {
        for (const version of ["1.40", "1.9", "0.99"]) expect(results(judge(version))).toEqual(["fail"]);
        const [finding] = judge("1.41", "1.99");
        expect(finding?.message).toBe(
            `The Docker engine at ${address} (20.10.24) is too old: it has API 1.41, 1.99 or newer is needed`,
        );
        expect(finding?.remedy).toContain("Upgrade the Docker engine");
    });

    test("is not certain, and refuses an update, when the engine does not tell it [R96]", () => {
        expect(judge("")).toMatchObject([{ result: "inconclusive", refuses: true }]);
    });
});

describe("what a deploy needs", () => {
    const services = [
        sampleService("db", "stateful", [], { spec: { ...emptySpec, memoryBytes: 1000 } }),
        sampleService("web", "request", [], { spec: { ...emptySpec, memoryBytes: 300 } }),
    ];
    const wanted = { ...release(), services };
    const edge = edgeMemoryMiB * 1_048_576;
    const all = [ownContainer("db", "00000001"), ownContainer("web", "00000001"), ownContainer("edge", "0000000e")];

    test("is everything at first, and nothing when every revision has its container, running or not", () => {
        expect(spaceNeed(wanted, []).fresh).toEqual(["db", "web", "edge"]);
        expect(spaceNeed(wanted, all).fresh).toEqual([]);
        expect(
            spaceNeed(
                wanted,
                all.map((it) => ({ ...it, state: "exited" })),
            ).fresh,
        ).toEqual([]);
    });

    test("does not count containers of others", () => {
        const others = all.map(({ labels, ...it }) => ({ ...it, labels: { ...labels, "plumbline.project": "x" } }));
        expect(spaceNeed(wanted, others).fresh).toEqual(["db", "web", "edge"]);
    });

    test("holds a changed request service twice, as it will run, and any other once", () => {
        expect(spaceNeed(wanted, []).limits).toBe(1300 + edge);
        expect(spaceNeed(wanted, [ownContainer("web", "0000000f")]).limits).toBe(1600 + edge);
        expect(spaceNeed(wanted, [ownContainer("db", "0000000f")]).limits).toBe(1300 + edge);
    });
});

describe("the disk [R10]", () => {
    const need = { fresh: ["api"], limits: 0 };
    const judge = (diskFree: number | undefined, fresh = need) =>
        judgeDisk({ diskFree, memoryAvailable: undefined }, fresh, limits, "/var/lib/docker");

    test("passes with the least that the stack asks for, and fails with less", () => {
        expect(results(judge(limits.diskFreeGb * giga))).toEqual(["pass"]);
        const [finding] = judge(limits.diskFreeGb * giga - 1);
        expect(finding?.result).toBe("fail");
        expect(finding?.message).toContain("/var/lib/docker");
        expect(finding?.remedy).toContain("plumbline:preflight.diskFreeGb");
    });

    test("is not certain when nobody can tell, and an update goes on [R96]", () => {
        const [finding] = judge(undefined);
        expect([finding?.result, finding?.refuses]).toEqual(["inconclusive", undefined]);
    });

    test("does not keep a stack from being mended: nothing new is put on it", () => {
        expect(results(judge(0, { fresh: [], limits: 0 }))).toEqual(["pass"]);
    });
});

describe("the memory [R10]", () => {
    const total = 4 * giga;
    const judge = (memoryAvailable: number | undefined, promised: number, fresh = ["api"]) =>
        judgeMemory(total, { diskFree: undefined, memoryAvailable }, { fresh, limits: promised }, limits);

    test("passes when the limits fit into the machine, and something is left", () => {
        expect(results(judge(giga, total))).toEqual(["pass"]);
        // Limits are ceilings: more than is free right now is no refusal.
        expect(results(judge(giga, 3 * giga))).toEqual(["pass"]);
    });

    test("fails when the limits promise more than there is", () => {
        const [finding] = judge(giga, total + 1);
        expect([finding?.result, finding?.message]).toEqual(["fail", expect.stringContaining("the engine has 4.0 GB")]);
    });

    test("fails when next to nothing is left", () => {
        const [finding] = judge(limits.memoryFreeMb * 1e6 - 1, 0);
        expect([finding?.result, finding?.remedy]).toEqual([
            "fail",
            expect.stringContaining("plumbline:preflight.memoryFreeMb"),
        ]);
    });

    test("is not certain when nobody can tell, also where the limits fit [R96]", () => {
        expect(results(judge(undefined, 0))).toEqual(["inconclusive"]);
        expect(results(judge(undefined, total + 1))).toEqual(["fail", "inconclusive"]);
    });

    test("does not keep a stack from being mended", () => {
        expect(results(judge(0, 2 * total, []))).toEqual(["pass"]);
    });
});

describe("the place of the engine", () => {
    const at = (address: string, machine: string, operatingSystem = "Debian") =>
        isHere(address, { machine, operatingSystem }, "here");

    test("is this machine when its socket is here and it has this name", () => {
        expect(at("unix:///var/run/docker.sock", "here")).toBe(true);
        expect(at("unix:///tmp/desktop.sock", "docker-desktop", "Docker Desktop")).toBe(true);
    });

    test("is another one when the socket is forwarded, or the address leads away", () => {
        expect(at("unix:///tmp/forwarded.sock", "there")).toBe(false);
        expect(at("tcp://10.0.0.7:2375", "here")).toBe(false);
    });
});

test("a stranger's container is none of the stack's", () => {
    expect(spaceNeed(release(), [container("api-1")]).fresh).toContain("api");
});
