/** Whether every image is there, or can be had. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { RegistryAnswer } from "../../../../engine/docker.ts";
import { type ImageSource, judgeImages } from "../../../../validation/preflight/checks/images.ts";
import { hasDockerCommand, heldImages, imageFacts } from "../../../../validation/preflight/images.ts";
import { sampleRelease, sampleService } from "../../rollout/sample-release.ts";
import { messages, results } from "./facts.ts";

const silent: RegistryAnswer = { answer: "silent", said: "no route to host" };

describe("images [R11]", () => {
    const pulled = (source: ImageSource) =>
        judgeImages([{ reference: "redis:7", user: "cache", state: "pull", source }], true);
    const built = (source: ImageSource, change = {}) =>
        judgeImages(
            [
                {
                    reference: "plumbline/api:1",
                    user: "api",
                    state: "build",
                    dockerfile: "services/api/Dockerfile",
                    bases: { "debian:12": source },
                    unclear: [],
                    ...change,
                },
            ],
            true,
        );

    test("that the engine holds are enough, without a builder or a registry", () => {
        expect(results(judgeImages([{ reference: "a", user: "a", state: "held" }], false))).toEqual(["pass"]);
    });

    test("that a registry has can be pulled; a build upon them can be made", () => {
        for (const answer of ["held", "there"] as const) {
            expect(results(pulled({ answer }))).toEqual(["pass"]);
            expect(results(built({ answer }))).toEqual(["pass"]);
        }
    });

    test("that no registry has are refused by name, and so is a registry that does not answer", () => {
        expect(pulled({ answer: "missing" })).toMatchObject([{ result: "fail", category: "image", service: "cache" }]);
        expect(messages(pulled(silent))).toEqual([
            "redis:7, the image of cache, is not on the engine, and its registry does not answer: no route to host",
        ]);
        expect(messages(built({ answer: "missing" }))).toEqual([
            "debian:12, the base image of services/api/Dockerfile, is not on the engine, and its registry does not have it",
        ]);
    });

    test("that want a log-in are not certain: the engine may know one [R96]", () => {
        expect(results(pulled({ answer: "denied" }))).toEqual(["inconclusive"]);
    });

    test("that have to be built are refused without their sources, or without a builder", () => {
        expect(results(built({ answer: "held" }, { bases: undefined }))).toEqual(["fail"]);
        const image = { reference: "a", user: "a", state: "build", dockerfile: "D", bases: {}, unclear: [] } as const;
        expect(judgeImages([image], false)).toMatchObject([{ result: "fail", category: "dependency" }]);
    });

    test("whose base nobody can name are not certain [R96]", () => {
        expect(results(built({ answer: "held" }, { unclear: ["$BASE"] }))).toEqual(["inconclusive"]);
    });
});

describe("the facts of images [R11]", () => {
    let folder: string;
    beforeAll(async () => {
        folder = await mkdtemp(path.join(tmpdir(), "plumbline-images-"));
        await mkdir(path.join(folder, "services/api"), { recursive: true });
        await writeFile(path.join(folder, "services/api/Dockerfile"), "FROM debian:12\n");
    });
    afterAll(() => rm(folder, { recursive: true }));

    /** An engine that holds these, and counts what it is asked. */
    function engineWith(...held: string[]) {
        const asked: string[] = [];
        return {
            asked,
            image: async (reference: string) => {
                asked.push(reference);
                return held.includes(reference) ? { id: "sha256:1", labels: {}, created: 0 } : undefined;
            },
            registryAnswer: async (reference: string): Promise<RegistryAnswer> => {
                asked.push(`registry ${reference}`);
                return { answer: "missing" };
            },
        };
    }
    const release = sampleRelease([
        sampleService("api", "request"),
        sampleService("other", "request", [], { image: sampleService("api", "request").image }),
        sampleService("cache", "stateful", [], { image: { kind: "pulled", reference: "redis:7" } }),
    ]);

    test("ask nobody but the engine where it holds everything, and for each image once", async () => {
        const engine = engineWith("plumbline/api:000000000001", "plumbline/edge:000000000001", "redis:7");
        const held = await heldImages(engine, release);
        expect(await imageFacts(engine, release, held, folder, 10)).toEqual(
            expect.arrayContaining([{ reference: "redis:7", user: "cache", state: "held" }]),
        );
        expect(engine.asked.sort()).toEqual(["plumbline/api:000000000001", "plumbline/edge:000000000001", "redis:7"]);
    });

    test("ask for the bases of what has to be built, and for what has to be pulled", async () => {
        const engine = engineWith("debian:12");
        const facts = await imageFacts(engine, release, await heldImages(engine, release), folder, 10);
        const of = (user: string) => facts.find((it) => it.user === user);
        expect(of("cache")).toMatchObject({ state: "pull", source: { answer: "missing" } });
        expect(of("other") ?? of("api")).toMatchObject({ state: "build", bases: { "debian:12": { answer: "held" } } });
        // The edge's Dockerfile is not there.
        expect(of("edge")).toMatchObject({ state: "build", bases: undefined });
    });

    test("find the docker command on PATH, or not", async () => {
        await writeFile(path.join(folder, "docker"), "#!/bin/sh\n", { mode: 0o755 });
        expect(await hasDockerCommand(`/nowhere:${folder}`)).toBe(true);
        expect(await hasDockerCommand("/nowhere")).toBe(false);
        expect(await hasDockerCommand("")).toBe(false);
    });
});
