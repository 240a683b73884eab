import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { toolPaths } from "../../toolchain/paths.ts";
import { versions } from "../../toolchain/versions.ts";
import { type Served, sha256, standIn, tarball } from "./support/stand-in.ts";
import { inTemporaryFolder } from "./support/temporary.ts";

const system = process.platform === "darwin" ? "darwin" : "linux";
const archiveName = `pulumi-v${versions.pulumi}-${system}-${process.arch === "arm64" ? "arm64" : "x64"}.tar.gz`;
const archivePath = `/get.pulumi.com/releases/sdk/${archiveName}`;
const checksumsPath = `/github.com/pulumi/pulumi/releases/download/v${versions.pulumi}/pulumi-${versions.pulumi}-checksums.txt`;

/** A set-up of the Pulumi CLI alone, in a process of its own. */
function setUpProcess(folder: string, mirror: string) {
    const program = `
        const { toolPaths } = await import(${JSON.stringify(path.resolve("toolchain/paths.ts"))});
        const { pulumiCli } = await import(${JSON.stringify(path.resolve("toolchain/parts/pulumi.ts"))});
        const { installMissing } = await import(${JSON.stringify(path.resolve("toolchain/setup.ts"))});
        const paths = toolPaths(${JSON.stringify(folder)}, {});
        await installMissing(paths, [pulumiCli(paths)]);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
        env: { ...process.env, NODE_OPTIONS: "", PLUMBLINE_MIRROR: mirror, PLUMBLINE_SOURCE: "ordinary" },
        stdio: ["ignore", "ignore", "pipe"],
    });
    let told = "";
    child.stderr.on("data", (data: Buffer) => {
        told += data;
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    return { child, ended, told: () => told };
}

async function until(condition: () => boolean): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!condition()) {
        if (Date.now() > deadline) throw new Error("it did not happen within 30 s");
        await sleep(20);
    }
}

describe("a set-up that is interrupted", () => {
    test("goes on at the next run after kill -9 in the middle of a download", async () => {
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
                const first = setUpProcess(folder, server.url);
                await until(
                    () => existsSync(paths.build) && readdirSync(paths.build).some((name) => name.endsWith(".part")),
                );
                first.child.kill("SIGKILL");
                expect(await first.ended).toBeNull();
                expect(existsSync(paths.pulumi)).toBe(false);
                expect(readdirSync(paths.locks)).toHaveLength(1);

                files[archivePath] = { file: release };
                const second = setUpProcess(folder, server.url);
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
                const both = [setUpProcess(folder, server.url), setUpProcess(folder, server.url)];
                expect(await Promise.all(both.map((each) => each.ended))).toEqual([0, 0]);
                expect(server.requests.filter((request) => request === `GET ${archivePath}`)).toHaveLength(1);
            } finally {
                await server.close();
            }
        });
    });
});
