import { existsSync, readdirSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { toolPaths } from "../../toolchain/paths.ts";
import { versions } from "../../toolchain/versions.ts";
import { setUpProcess, until } from "./support/set-up.ts";
import { type Served, sha256, standIn, tarball } from "./support/stand-in.ts";
import { inTemporaryFolder } from "./support/temporary.ts";

const system = process.platform === "darwin" ? "darwin" : "linux";
const archiveName = `pulumi-v${versions.pulumi}-${system}-${process.arch === "arm64" ? "arm64" : "x64"}.tar.gz`;
const archivePath = `/get.pulumi.com/releases/sdk/${archiveName}`;
const checksumsPath = `/github.com/pulumi/pulumi/releases/download/v${versions.pulumi}/pulumi-${versions.pulumi}-checksums.txt`;

/** A set-up of the Pulumi CLI alone. */
const pulumiSetUp = (folder: string, mirror: string) =>
    setUpProcess(folder, 'const parts = [(await load("parts/pulumi.ts")).pulumiCli(paths)];', {
        PLUMBLINE_MIRROR: mirror,
        PLUMBLINE_SOURCE: "ordinary",
    });

describe("a set-up that is interrupted", () => {
    test("has said what, why and from where, and goes on at the next run after kill -9 in the middle of a download", async () => {
        const release = await tarball({
            "pulumi/pulumi": `#!/bin/sh\n#${"x".repeat(500_000)}\n`,
            "pulumi/pulumi-language-nodejs": "#!/bin/sh\n",
            "pulumi/pulumi-resource-pulumi-nodejs": "#!/bin/sh\n",
        });
        await inTemporaryFolder(async (folder) => {
            const files: Record<string, Served> = {
                [archivePath]: { stalled: release },
                [checksumsPath]: { file: Buffer.from(`${sha256(release)}  ${archiveName}\n`) },
            };
            const server = await standIn(files);
            const paths = toolPaths(folder, {});
            try {
                const first = pulumiSetUp(folder, server.url);
                await until(
                    () => existsSync(paths.build) && readdirSync(paths.build).some((name) => name.endsWith(".part")),
                );
                first.child.kill("SIGKILL");
                expect(await first.ended).toBeNull();
                expect(existsSync(paths.pulumi)).toBe(false);
                expect(readdirSync(paths.locks)).toHaveLength(1);
                // What it was about to do stood there before the download that it was killed in.
                const title = `Pulumi CLI ${versions.pulumi}`;
                expect(first.told().split("\n")).toEqual([
                    `[set-up] Missing on this machine, and now put into ${paths.root} (Debian packages and images: where they belong):`,
                    `[set-up]   ${title}: declares what is deployed and keeps its state; official release from get.pulumi.com, about 150 MB`,
                    `[set-up] ${title} …`,
                    "",
                ]);

                files[archivePath] = { file: release };
                const second = pulumiSetUp(folder, server.url);
                expect([await second.ended, second.told()]).toEqual([
                    0,
                    expect.stringContaining("Everything is there"),
                ]);
                expect(existsSync(paths.pulumi)).toBe(true);
                expect(readdirSync(paths.locks)).toEqual([]);
                expect(existsSync(paths.build)).toBe(false);
            } finally {
                await server.close();
            }
        });
    });

    test("and two at the same time install once", async () => {
        const release = await tarball({
            "pulumi/pulumi": "#!/bin/sh\n",
            "pulumi/pulumi-language-nodejs": "#!/bin/sh\n",
            "pulumi/pulumi-resource-pulumi-nodejs": "#!/bin/sh\n",
        });
        await inTemporaryFolder(async (folder) => {
            const server = await standIn({
                [archivePath]: { file: release },
                [checksumsPath]: { file: Buffer.from(`${sha256(release)}  ${archiveName}\n`) },
            });
            try {
                const both = [pulumiSetUp(folder, server.url), pulumiSetUp(folder, server.url)];
                expect(await Promise.all(both.map((each) => each.ended))).toEqual([0, 0]);
                expect(server.requests.filter((request) => request === `GET ${archivePath}`)).toHaveLength(1);
            } finally {
                await server.close();
            }
        });
    });
});
