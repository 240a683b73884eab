/** Docker compose, which reads the baseline. It stands in the tools' folder as `docker-compose` in any case. */

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { ask } from "../command.ts";
import { answers, download, fetchText, publishedDigest, releaseUrl } from "../download.ts";
import { goSource } from "../go-build.ts";
import type { Part, Source } from "../part.ts";
import type { ToolPaths } from "../paths.ts";
import { readStamp, writeStamp } from "../stamp.ts";
import { isAtLeast, versions } from "../versions.ts";
import { moveTo, stamped, writeExecutable } from "./pulumi.ts";

const part = "compose";

/** Stands on the stamp for the `docker compose` of the machine, whose version is its own; the plugin's file may follow. */
const asInstalled = "as installed";

export function compose(paths: ToolPaths): Part {
    return {
        name: part,
        title: "Docker compose",
        why: "reads docker-compose.yml",
        present: () => present(paths),
        sources: [
            installedPlugin(paths),
            release(paths),
            goSource(
                paths,
                {
                    module: "compose",
                    package: "github.com/docker/compose/v2/cmd",
                    stampVersion: ["github.com/docker/compose/v2/internal.Version", `v${versions.compose}`],
                },
                3,
                (executable) => {
                    moveTo(executable, paths.compose);
                    writeStamp(paths, part, { version: versions.compose, source: "registries" });
                },
            ),
        ],
        remedy:
            "Install Docker's compose plugin, or give this machine access to github.com, or install Go " +
            `${versions.goAtLeast} or newer with access to a Go module proxy; then run: npm run setup`,
    };
}

async function present(paths: ToolPaths): Promise<string | undefined> {
    const version = readStamp(paths, part)?.version ?? "";
    if (!version.startsWith(asInstalled)) return stamped(paths, part, paths.compose, [versions.compose]);
    if (!existsSync(paths.compose)) return undefined;
    // Ours only calls the machine's, which may be gone. A look at its file costs nothing; the command is asked where that is not known.
    const plugin = version.slice(`${asInstalled}: `.length);
    return (plugin === "" ? await isInstalled() : existsSync(plugin)) ? version : undefined;
}

/** Whether the docker command has a compose, and one that is new enough. */
async function isInstalled(): Promise<boolean> {
    const version = await ask("docker", ["compose", "version", "--short"], 5_000);
    return version !== undefined && isAtLeast(version.replace(/^v/, ""), versions.composeAtLeast);
}

/** The plugin in the first of the folders where the docker command usually finds its own, or undefined. */
function pluginFile(): string | undefined {
    const own = process.env.DOCKER_CONFIG || path.join(homedir(), ".docker");
    const shared = ["local/lib", "local/libexec", "lib", "libexec"].map((folder) => `/usr/${folder}/docker`);
    return [own, ...shared].map((folder) => path.join(folder, "cli-plugins", "docker-compose")).find(existsSync);
}

/** Where `docker compose` works, ours is a script that calls it. */
function installedPlugin(paths: ToolPaths): Source {
    return {
        kind: "ordinary",
        from: "the installed `docker compose`",
        answers: () => isInstalled(),
        install: async () => {
            writeExecutable(paths.compose, '#!/bin/sh\nexec docker compose "$@"\n');
            const plugin = pluginFile();
            const version = plugin === undefined ? asInstalled : `${asInstalled}: ${plugin}`;
            writeStamp(paths, part, { version, source: "ordinary" });
        },
    };
}

function release(paths: ToolPaths): Source {
    const system = process.platform === "darwin" ? "darwin" : "linux";
    const file = `docker-compose-${system}-${process.arch === "arm64" ? "aarch64" : "x86_64"}`;
    const url = releaseUrl(`https://github.com/docker/compose/releases/download/v${versions.compose}/${file}`);
    return {
        kind: "ordinary",
        from: `release ${versions.compose} from github.com, about 65 MB`,
        answers: () => answers(`${url}.sha256`),
        install: async () => {
            const draft = path.join(paths.build, file);
            await download(url, draft, publishedDigest(await fetchText(`${url}.sha256`), file));
            moveTo(draft, paths.compose);
            writeStamp(paths, part, { version: versions.compose, source: "ordinary" });
        },
    };
}
