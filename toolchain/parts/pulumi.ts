/** The Pulumi CLI, and what it calls to run a program on Node: the language host and the host of dynamic providers. */

import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { extractExecutables } from "../archive.ts";
import { answers, download, fetchText, publishedDigest, releaseUrl } from "../download.ts";
import { goSource } from "../go-build.ts";
import type { Part, Source } from "../part.ts";
import type { ToolPaths } from "../paths.ts";
import { readStamp, writeStamp } from "../stamp.ts";
import { versions } from "../versions.ts";

const remedy =
    "Give this machine access to get.pulumi.com and github.com, or install Go " +
    `${versions.goAtLeast} or newer with access to a Go module proxy; then run: npm run setup`;

export function pulumiCli(paths: ToolPaths): Part {
    const name = "pulumi";
    const placed = () => writeStamp(paths, name, { version: versions.pulumi, source: "registries" });
    return {
        name,
        title: `Pulumi CLI ${versions.pulumi}`,
        why: "declares what is deployed and keeps its state",
        present: async () => stamped(paths, name, paths.pulumi, [versions.pulumi]),
        sources: [
            release(paths, name, ["pulumi", "pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs"], () => {
                for (const part of [name, "language-host", "dynamic-provider-host"]) {
                    writeStamp(paths, part, { version: versions.pulumi, source: "ordinary" });
                }
            }),
            goSource(
                paths,
                {
                    module: "pulumi",
                    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
                    stampVersion: ["github.com/pulumi/pulumi/sdk/v3/go/common/version.Version", `v${versions.pulumi}`],
                },
                7,
                (executable) => {
                    moveTo(executable, paths.pulumi);
                    placed();
                },
            ),
        ],
        remedy,
    };
}

/**
 * The host that a registry has is older than the CLI: it wants the options of `Pulumi.yaml` as flags, where the CLI hands
 * them over in a call that it does not know. This script stands before it, and says the one that the program needs: without
 * it every run would load a TypeScript compiler that nothing is compiled with.
 */
export const hostWithOptions = `#!/bin/sh
# Plumbline: this host does not get the options of Pulumi.yaml from the CLI.
if grep -Eqs '^ +typescript: *false' Pulumi.yaml; then set -- -typescript=false "$@"; fi
exec "$0-${versions.languageHostModule}" "$@"
`;
const hostStamp = `${versions.languageHostModule} with options`;

export function languageHost(paths: ToolPaths): Part {
    const name = "language-host";
    return {
        name,
        title: "Pulumi's Node language host",
        why: "runs the program for the CLI",
        present: async () => stamped(paths, name, paths.languageHost, [versions.pulumi, hostStamp]),
        sources: [
            release(paths, name, ["pulumi-language-nodejs"], () =>
                writeStamp(paths, name, { version: versions.pulumi, source: "ordinary" }),
            ),
            goSource(
                paths,
                {
                    module: "language-nodejs",
                    package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
                },
                1,
                (executable) => {
                    moveTo(executable, `${paths.languageHost}-${versions.languageHostModule}`);
                    writeExecutable(paths.languageHost, hostWithOptions);
                    writeStamp(paths, name, { version: hostStamp, source: "registries" });
                },
            ),
        ],
        remedy,
    };
}

/** The official release brings this script; it is written here where the CLI was built. */
export function dynamicProviderHost(paths: ToolPaths): Part {
    const name = "dynamic-provider-host";
    const script = '#!/bin/sh\nexec node node_modules/@pulumi/pulumi/cmd/dynamic-provider "$@"\n';
    return {
        name,
        title: "Pulumi's host of dynamic providers",
        why: "runs backup, rollout and validation for the CLI",
        present: async () => stamped(paths, name, paths.dynamicProviderHost, [versions.pulumi]),
        sources: [
            {
                kind: "any",
                from: "written by the set-up",
                answers: async () => true,
                install: async () => {
                    writeExecutable(paths.dynamicProviderHost, script);
                    writeStamp(paths, name, { version: versions.pulumi, source: "registries" });
                },
            },
        ],
        remedy: "Make the project folder writable.",
    };
}

/** The version on the stamp, when it is one of the wanted ones and the file is there too. */
export function stamped(paths: ToolPaths, part: string, file: string, wanted: readonly string[]): string | undefined {
    const version = readStamp(paths, part)?.version;
    return version !== undefined && wanted.includes(version) && existsSync(file) ? version : undefined;
}

/** Moves a finished executable to its place in one step. */
export function moveTo(executable: string, target: string): void {
    mkdirSync(path.dirname(target), { recursive: true });
    chmodSync(executable, 0o755);
    renameSync(executable, target);
}

/** Writes a script whole or not at all. */
export function writeExecutable(target: string, text: string): void {
    mkdirSync(path.dirname(target), { recursive: true });
    const draft = `${target}.${process.pid}.part`;
    writeFileSync(draft, text, { mode: 0o755 });
    renameSync(draft, target);
}

/** The official release archive, whose digest is in the checksums that are published beside it. */
function release(paths: ToolPaths, part: string, files: readonly string[], placed: () => void): Source {
    const system = process.platform === "darwin" ? "darwin" : "linux";
    const file = `pulumi-v${versions.pulumi}-${system}-${process.arch === "arm64" ? "arm64" : "x64"}.tar.gz`;
    const archiveUrl = releaseUrl(`https://get.pulumi.com/releases/sdk/${file}`);
    const checksumsUrl = releaseUrl(
        `https://github.com/pulumi/pulumi/releases/download/v${versions.pulumi}/pulumi-${versions.pulumi}-checksums.txt`,
    );
    return {
        kind: "ordinary",
        from: "official release from get.pulumi.com, about 150 MB",
        answers: async () => (await Promise.all([answers(archiveUrl), answers(checksumsUrl)])).every(Boolean),
        install: async () => {
            const archive = path.join(paths.build, `${part}.tar.gz`);
            await download(archiveUrl, archive, publishedDigest(await fetchText(checksumsUrl), file));
            mkdirSync(paths.bin, { recursive: true });
            await extractExecutables(
                archive,
                files.map((name) => `pulumi/${name}`),
                paths.bin,
            );
            rmSync(archive, { force: true });
            placed();
        },
    };
}
