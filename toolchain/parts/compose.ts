/** Docker compose, which reads the baseline. It stands in the tools' folder as `docker-compose` in any case. */

import path from "node:path";
import { ask } from "../command.ts";
import { answers, download, fetchText, publishedDigest, releaseUrl } from "../download.ts";
import { goSource } from "../go-build.ts";
import type { Part, Source } from "../part.ts";
import type { ToolPaths } from "../paths.ts";
import { writeStamp } from "../stamp.ts";
import { isAtLeast, versions } from "../versions.ts";
import { moveTo, stamped, writeExecutable } from "./pulumi.ts";

const part = "compose";

/** Stands on the stamp for the `docker compose` of the machine, whose version is its own. */
const asInstalled = "as installed";

export function compose(paths: ToolPaths): Part {
    return {
        name: part,
        title: "Docker compose",
        why: "reads docker-compose.yml",
        present: async () => stamped(paths, part, paths.compose, [asInstalled, versions.compose]),
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

/** Where `docker compose` works, ours is a script that calls it. */
function installedPlugin(paths: ToolPaths): Source {
    return {
        kind: "ordinary",
        from: "the installed `docker compose`",
        answers: async () => {
            const version = await ask("docker", ["compose", "version", "--short"], 5_000);
            return version !== undefined && isAtLeast(version.replace(/^v/, ""), versions.composeAtLeast);
        },
        install: async () => {
            writeExecutable(paths.compose, '#!/bin/sh\nexec docker compose "$@"\n');
            writeStamp(paths, part, { version: asInstalled, source: "ordinary" });
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
