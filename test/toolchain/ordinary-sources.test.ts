import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Part } from "../../toolchain/part.ts";
import { compose } from "../../toolchain/parts/compose.ts";
import { commandPlugin } from "../../toolchain/parts/plugins.ts";
import { dynamicProviderHost, languageHost, pulumiCli } from "../../toolchain/parts/pulumi.ts";
import { type ToolPaths, toolPaths } from "../../toolchain/paths.ts";
import { installMissing } from "../../toolchain/setup.ts";
import { readStamp, writeStamp } from "../../toolchain/stamp.ts";
import { versions } from "../../toolchain/versions.ts";
import { type Served, type StandIn, sha256, standIn, tarball } from "./support/stand-in.ts";
import { inTemporaryFolder, withVariables } from "./support/temporary.ts";

const system = process.platform === "darwin" ? "darwin" : "linux";
const arch = process.arch === "arm64" ? "arm64" : "x64";
const archiveName = `pulumi-v${versions.pulumi}-${system}-${arch}.tar.gz`;
const archivePath = `/get.pulumi.com/releases/sdk/${archiveName}`;
const checksumsPath = `/github.com/pulumi/pulumi/releases/download/v${versions.pulumi}/pulumi-${versions.pulumi}-checksums.txt`;
const composeName = `docker-compose-${system}-${process.arch === "arm64" ? "aarch64" : "x86_64"}`;
const composePath = `/github.com/docker/compose/releases/download/v${versions.compose}/${composeName}`;

const release = await tarball({
    "pulumi/pulumi": "#!/bin/sh\necho the cli\n",
    "pulumi/pulumi-language-nodejs": "#!/bin/sh\necho the host\n",
    "pulumi/pulumi-resource-pulumi-nodejs": "#!/bin/sh\necho dynamic\n",
    "pulumi/pulumi-language-python": "not wanted",
});
const checksums = { file: Buffer.from(`${sha256(release)}  ${archiveName}\n`) };

/** Calls `work` with tools in an empty folder, and the official servers replaced by a stand-in. */
async function withStandIn(
    files: Record<string, Served>,
    work: (paths: ToolPaths, server: StandIn) => Promise<void>,
    extra: Record<string, string> = { PLUMBLINE_SOURCE: "ordinary" },
): Promise<void> {
    await inTemporaryFolder(async (folder) => {
        const server = await standIn(files);
        try {
            const paths = toolPaths(folder, {});
            await withVariables({ PLUMBLINE_MIRROR: server.url, ...extra }, () => work(paths, server));
        } finally {
            await server.close();
        }
    });
}

/** The part with a stand-in for its source from the registries, which takes minutes in earnest. */
function withQuickRegistries(part: Part, install: () => void): Part {
    const quick = {
        kind: "registries",
        from: "quick",
        answers: async () => true,
        install: async () => install(),
    } as const;
    return { ...part, sources: [...part.sources.filter((source) => source.kind !== "registries"), quick] };
}

describe("the official Pulumi release", () => {
    test("brings the CLI and both hosts in one download", async () => {
        await withStandIn({ [archivePath]: { file: release }, [checksumsPath]: checksums }, async (paths, server) => {
            await installMissing(paths, [pulumiCli(paths), languageHost(paths), dynamicProviderHost(paths)]);
            expect(execFileSync(paths.pulumi, { encoding: "utf8" })).toBe("the cli\n");
            expect(execFileSync(paths.languageHost, { encoding: "utf8" })).toBe("the host\n");
            expect(execFileSync(paths.dynamicProviderHost, { encoding: "utf8" })).toBe("dynamic\n");
            expect(existsSync(path.join(paths.bin, "pulumi-language-python"))).toBe(false);
            expect(readStamp(paths, "pulumi")).toEqual({ version: versions.pulumi, source: "ordinary" });
            expect(server.requests.filter((request) => request === `GET ${archivePath}`)).toHaveLength(1);
            expect(existsSync(paths.build)).toBe(false);
        });
    });

    test("is not asked for again when it is there", async () => {
        await withStandIn({ [archivePath]: { file: release }, [checksumsPath]: checksums }, async (paths, server) => {
            await installMissing(paths, [pulumiCli(paths)]);
            const before = server.requests.length;
            await installMissing(paths, [pulumiCli(paths)]);
            expect(server.requests).toHaveLength(before);
        });
    });

    test.each<[string, Record<string, Served>, RegExp]>([
        [
            "with a wrong checksum",
            { [archivePath]: { file: Buffer.from("forged") }, [checksumsPath]: checksums },
            /SHA-256/,
        ],
        ["that is cut", { [archivePath]: { cut: release }, [checksumsPath]: checksums }, /cut off/],
        [
            "whose checksums are for other files",
            {
                [archivePath]: { file: release },
                [checksumsPath]: { file: Buffer.from(`${sha256(release)}  other.tar.gz\n`) },
            },
            /name no pulumi-v/,
        ],
    ])("%s is refused by name, and nothing of it stays", async (_, files, why) => {
        await withStandIn(files, async (paths) => {
            const refused = installMissing(paths, [pulumiCli(paths)]);
            await expect(refused).rejects.toMatchObject({
                category: "dependency",
                message: expect.stringContaining("Pulumi CLI"),
                cause: expect.objectContaining({ message: expect.stringMatching(why) }),
            });
            expect(existsSync(paths.pulumi)).toBe(false);
            expect(readStamp(paths, "pulumi")).toBeUndefined();
        });
    });

    test.each<[string, Record<string, Served>]>([
        ["is not found", {}],
        ["hangs", { [archivePath]: { silent: true }, [checksumsPath]: { silent: true } }],
        ["has a wrong checksum", { [archivePath]: { file: Buffer.from("forged") }, [checksumsPath]: checksums }],
    ])("gives way to the next source when it %s", async (_, files) => {
        await withStandIn(
            files,
            async (paths) => {
                let used = false;
                const part = withQuickRegistries(pulumiCli(paths), () => {
                    used = true;
                });
                await installMissing(paths, [{ ...part, present: async () => (used ? "1" : undefined) }]);
                expect(used).toBe(true);
            },
            {},
        );
    });

    test("that hangs is refused by name where nothing else is allowed", async () => {
        await withStandIn({ [archivePath]: { silent: true } }, async (paths) => {
            const refused = installMissing(paths, [pulumiCli(paths)]);
            await expect(refused).rejects.toThrow(/Pulumi CLI .*get\.pulumi\.com/);
        });
    });
});

describe("compose", () => {
    const digest = (content: Buffer) => ({ file: Buffer.from(`${sha256(content)} *${composeName}\n`) });
    const binary = Buffer.from("#!/bin/sh\necho compose $1\n");
    /** A machine whose docker command, if any, is the given script. */
    const withDocker = async (script: string | undefined, work: () => Promise<void>) =>
        await inTemporaryFolder(async (folder) => {
            if (script !== undefined) writeFileSync(path.join(folder, "docker"), script, { mode: 0o755 });
            await withVariables({ PATH: `${folder}:/bin` }, work);
        });

    test("is downloaded where the docker command has none", async () => {
        await withDocker("#!/bin/sh\nexit 1\n", () =>
            withStandIn(
                { [composePath]: { file: binary }, [`${composePath}.sha256`]: digest(binary) },
                async (paths) => {
                    await installMissing(paths, [compose(paths)]);
                    expect(execFileSync(paths.compose, ["config"], { encoding: "utf8" })).toBe("compose config\n");
                    expect(statSync(paths.compose).mode & 0o777).toBe(0o755);
                },
            ),
        );
    });

    test("is the installed one where the docker command has a new enough one", async () => {
        const script = '#!/bin/sh\n[ "$2" = version ] && echo v2.30.1 || echo "called with $*"\n';
        await withDocker(script, () =>
            withStandIn({}, async (paths, server) => {
                await installMissing(paths, [compose(paths)]);
                expect(execFileSync(paths.compose, ["config", "-q"], { encoding: "utf8", env: process.env })).toBe(
                    "called with compose config -q\n",
                );
                expect(server.requests.filter((request) => request.startsWith("GET"))).toEqual([]);
            }),
        );
    });

    test("that was the installed one is missing when its plugin is removed", async () => {
        await inTemporaryFolder(async (config) => {
            const plugin = path.join(config, "cli-plugins", "docker-compose");
            mkdirSync(path.dirname(plugin));
            writeFileSync(plugin, "#!/bin/sh\n");
            // As docker does it: there is a `docker compose` as long as the plugin lies there.
            const script = '#!/bin/sh\n[ -f "$DOCKER_CONFIG/cli-plugins/docker-compose" ] && echo v2.30.1\n';
            const files = { [composePath]: { file: binary }, [`${composePath}.sha256`]: digest(binary) };
            await withDocker(script, () =>
                withStandIn(
                    files,
                    async (paths) => {
                        await installMissing(paths, [compose(paths)]);
                        expect(await compose(paths).present()).toContain(plugin);
                        rmSync(plugin);
                        expect(await compose(paths).present()).toBeUndefined();
                        await installMissing(paths, [compose(paths)]);
                        expect(readFileSync(paths.compose).equals(binary)).toBe(true);
                    },
                    { PLUMBLINE_SOURCE: "ordinary", DOCKER_CONFIG: config },
                ),
            );
        });
    });

    test("that was the installed one, at a place of its own, is asked for each time", async () => {
        await inTemporaryFolder(async (folder) => {
            const paths = toolPaths(folder, {});
            mkdirSync(paths.bin, { recursive: true });
            writeFileSync(paths.compose, "");
            writeStamp(paths, "compose", { version: "as installed", source: "ordinary" });
            const present = async () => await compose(paths).present();
            await withDocker("#!/bin/sh\necho v2.30.1\n", async () => expect(await present()).toBe("as installed"));
            await withDocker("#!/bin/sh\nexit 1\n", async () => expect(await present()).toBeUndefined());
        });
    });

    test("that is too old is not used", async () => {
        await withDocker("#!/bin/sh\necho 2.12.0\n", () =>
            withStandIn(
                { [composePath]: { file: binary }, [`${composePath}.sha256`]: digest(binary) },
                async (paths) => {
                    await installMissing(paths, [compose(paths)]);
                    expect(readFileSync(paths.compose).equals(binary)).toBe(true);
                },
            ),
        );
    });

    test("with a wrong checksum is refused by name", async () => {
        await withDocker(undefined, () =>
            withStandIn(
                { [composePath]: { file: Buffer.from("forged") }, [`${composePath}.sha256`]: digest(binary) },
                async (paths) => {
                    await expect(installMissing(paths, [compose(paths)])).rejects.toThrow(/compose cannot be had/);
                    expect(existsSync(paths.compose)).toBe(false);
                },
            ),
        );
    });
});

describe("a plugin", () => {
    const file = `pulumi-resource-command-v${versions.commandPlugin}-${system}-${process.arch === "arm64" ? "arm64" : "amd64"}.tar.gz`;
    const base = `/github.com/pulumi/pulumi-command/releases`;
    const page = { [`${base}/tag/v${versions.commandPlugin}`]: { file: Buffer.from("page") } };
    const archive = `${base}/download/v${versions.commandPlugin}/${file}`;
    /** The real CLI, with an empty home. */
    const realCli = (paths: ToolPaths): ToolPaths => ({ ...paths, pulumi: toolPaths(process.cwd()).pulumi });

    test("is downloaded by the real CLI into the project's own Pulumi home", async () => {
        const content = await tarball({ "pulumi-resource-command": "#!/bin/sh\necho plugin\n" });
        await withStandIn({ ...page, [archive]: { file: content } }, async (paths) => {
            await installMissing(paths, [commandPlugin(realCli(paths))]);
            const installed = path.join(paths.pulumiHome, "plugins", `resource-command-v${versions.commandPlugin}`);
            expect(execFileSync(path.join(installed, "pulumi-resource-command"), { encoding: "utf8" })).toBe(
                "plugin\n",
            );
            expect(readStamp(paths, "command-plugin")?.source).toBe("ordinary");
        });
    });

    test("that is missing or cut is refused by name, and does not count as present", async () => {
        const content = await tarball({ "pulumi-resource-command": "#!/bin/sh\necho plugin\n" });
        for (const served of [{}, { [archive]: { cut: content } }]) {
            await withStandIn({ ...page, ...served }, async (paths) => {
                const part = commandPlugin(realCli(paths));
                await expect(installMissing(paths, [part])).rejects.toThrow(/plugin command/);
                expect(await part.present()).toBeUndefined();
            });
        }
    });
});
