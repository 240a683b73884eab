import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { pack } from "tar-stream";
import { engineAddress, imageId, pingEngine } from "../../toolchain/engine-door.ts";
import { baseImage } from "../../toolchain/parts/base-image.ts";
import { dockerEngine } from "../../toolchain/parts/engine.ts";
import { toolPaths } from "../../toolchain/paths.ts";
import { installMissing } from "../../toolchain/setup.ts";
import { sha256 } from "./support/stand-in.ts";
import { inTemporaryFolder, withVariables } from "./support/temporary.ts";

describe("the engine's address", () => {
    test("is DOCKER_HOST before the chosen context before the usual socket", async () => {
        await inTemporaryFolder((folder) => {
            const id = createHash("sha256").update("desktop").digest("hex");
            mkdirSync(path.join(folder, "contexts", "meta", id), { recursive: true });
            writeFileSync(
                path.join(folder, "contexts", "meta", id, "meta.json"),
                JSON.stringify({ Endpoints: { docker: { Host: "unix:///desktop.sock" } } }),
            );
            expect(engineAddress({ DOCKER_CONFIG: folder })).toBe("unix:///var/run/docker.sock");
            writeFileSync(path.join(folder, "config.json"), JSON.stringify({ currentContext: "desktop" }));
            expect(engineAddress({ DOCKER_CONFIG: folder })).toBe("unix:///desktop.sock");
            expect(engineAddress({ DOCKER_CONFIG: folder, DOCKER_CONTEXT: "default" })).toBe(
                "unix:///var/run/docker.sock",
            );
            expect(engineAddress({ DOCKER_CONFIG: folder, DOCKER_HOST: "tcp://other:2375" })).toBe("tcp://other:2375");
        });
    });
});

describe("an engine", () => {
    test("that answers is found, with its images", async () => {
        expect(await pingEngine()).toMatch(/^1\.\d+$/);
        expect(await imageId("debian:bookworm-slim")).toMatch(/^sha256:/);
        expect(await imageId("plumbline-no-such-image:1")).toBeUndefined();
    });

    test("that accepts a connection and says nothing does not count, nor one that is not there", async () => {
        await inTemporaryFolder(async (folder) => {
            const socket = path.join(folder, "engine.sock");
            const silent = createServer(() => {});
            await new Promise<void>((resolve) => silent.listen(socket, resolve));
            expect(await pingEngine({ DOCKER_HOST: `unix://${socket}` })).toBeUndefined();
            silent.closeAllConnections();
            silent.close();
            expect(await pingEngine({ DOCKER_HOST: `unix://${folder}/other.sock` })).toBeUndefined();
        });
    });

    test("that DOCKER_HOST names and that does not answer is refused by name, and no other is started", async () => {
        await inTemporaryFolder(async (folder) => {
            await withVariables({ DOCKER_HOST: `unix://${folder}/nobody.sock` }, async () => {
                const paths = toolPaths(folder, {});
                await expect(installMissing(paths, [dockerEngine(paths)])).rejects.toMatchObject({
                    category: "dependency",
                    message: expect.stringContaining("Docker engine"),
                    remedy: expect.stringContaining("nobody.sock"),
                });
            });
        });
    });
});

/** A registry with one image, `library/plumbline-base-test:1`. */
async function registry(damaged: boolean) {
    const archive = pack();
    archive.entry({ name: "hello" }, "from the registry");
    archive.finalize();
    const pieces: Buffer[] = [];
    for await (const piece of archive) pieces.push(Buffer.from(piece as Uint8Array));
    const plain = Buffer.concat(pieces);
    const layer = gzipSync(plain);
    const digest = (content: Buffer) => `sha256:${sha256(content)}`;
    const arch = process.arch === "x64" ? "amd64" : process.arch;
    const image = {
        architecture: arch,
        os: "linux",
        config: { Cmd: ["bash"] },
        rootfs: { type: "layers", diff_ids: [digest(plain)] },
    };
    const config = Buffer.from(JSON.stringify(image));
    const docker = "application/vnd.docker";
    const manifest = Buffer.from(
        JSON.stringify({
            schemaVersion: 2,
            mediaType: `${docker}.distribution.manifest.v2+json`,
            config: { mediaType: `${docker}.container.image.v1+json`, size: config.length, digest: digest(config) },
            layers: [{ mediaType: `${docker}.image.rootfs.diff.tar.gzip`, size: layer.length, digest: digest(layer) }],
        }),
    );
    const served: Record<string, Buffer> = {
        "/v2/": Buffer.from("{}"),
        "/v2/library/plumbline-base-test/manifests/1": manifest,
        [`/v2/library/plumbline-base-test/manifests/${digest(manifest)}`]: manifest,
        [`/v2/library/plumbline-base-test/blobs/${digest(config)}`]: config,
        [`/v2/library/plumbline-base-test/blobs/${digest(layer)}`]: damaged ? Buffer.alloc(layer.length) : layer,
    };
    const server = createServer((request, response) => {
        const content = served[request.url ?? ""];
        if (content === undefined) return response.writeHead(404).end();
        const type = content === manifest ? `${docker}.distribution.manifest.v2+json` : "application/octet-stream";
        const headers = {
            "content-type": type,
            "content-length": content.length,
            "docker-content-digest": digest(content),
        };
        return response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : content);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const close = () => {
        server.closeAllConnections();
        server.close();
    };
    return { url: `http://127.0.0.1:${port}`, close };
}

describe("the base image", () => {
    const reference = "plumbline-base-test:1";
    const remove = () => {
        if (execFileSync("docker", ["images", "-q", reference], { encoding: "utf8" }) !== "") {
            execFileSync("docker", ["image", "rm", "-f", reference]);
        }
    };
    const pullFrom = async (damaged: boolean, work: (pulling: Promise<void>) => Promise<void>) =>
        await inTemporaryFolder(async (folder) => {
            const server = await registry(damaged);
            try {
                const paths = toolPaths(folder, {});
                await withVariables({ PLUMBLINE_MIRROR: server.url, PLUMBLINE_SOURCE: "ordinary" }, () =>
                    work(installMissing(paths, [baseImage(paths, reference)])),
                );
            } finally {
                server.close();
                remove();
            }
        });

    test("is pulled from a registry that answers, under the name that the Dockerfiles use", async () => {
        await pullFrom(false, async (pulling) => {
            await pulling;
            expect(await imageId(reference)).toMatch(/^sha256:/);
        });
    });

    test("that arrives damaged is refused by name", async () => {
        await pullFrom(true, async (pulling) => {
            await expect(pulling).rejects.toThrow(/Image plumbline-base-test:1 cannot be had/);
            expect(await imageId(reference)).toBeUndefined();
        });
    });
});
