/** The two resource plugins that the program uses, installed into Pulumi's home by the CLI. */

import { existsSync } from "node:fs";
import path from "node:path";
import { run } from "../command.ts";
import { answers, releaseUrl } from "../download.ts";
import { type GoTool, goSource } from "../go-build.ts";
import type { Part, SourceKind } from "../part.ts";
import type { ToolPaths } from "../paths.ts";
import { writeStamp } from "../stamp.ts";
import { versions } from "../versions.ts";

const installMs = 10 * 60_000;

export function dockerPlugin(paths: ToolPaths): Part {
    const tool = { module: "docker-plugin", package: ".", tags: "no_compose" };
    return plugin(paths, "docker", versions.dockerPlugin, "creates containers, networks and volumes", tool, 5);
}

export function commandPlugin(paths: ToolPaths): Part {
    const tool = { module: "command-plugin", package: "." };
    return plugin(paths, "command", versions.commandPlugin, "builds the images", tool, 2);
}

function plugin(paths: ToolPaths, name: string, version: string, why: string, tool: GoTool, minutes: number): Part {
    const part = `${name}-plugin`;
    const installed = path.join(paths.pulumiHome, "plugins", `resource-${name}-v${version}`);
    const install = async (kind: SourceKind, from: readonly string[]) => {
        await run(paths.pulumi, ["plugin", "install", "resource", name, version, "--reinstall", ...from], {
            env: { ...process.env, PULUMI_HOME: paths.pulumiHome, PULUMI_SKIP_UPDATE_CHECK: "true" },
            log: path.join(paths.logs, `${part}.log`),
            timeoutMs: installMs,
        });
        writeStamp(paths, part, { version, source: kind });
    };
    return {
        name: part,
        title: `Pulumi plugin ${name} ${version}`,
        why,
        // The CLI marks a plugin that it has not installed to the end.
        present: async () =>
            existsSync(path.join(installed, `pulumi-resource-${name}`)) && !existsSync(`${installed}.partial`)
                ? version
                : undefined,
        sources: [
            {
                kind: "ordinary",
                from: "downloaded by the Pulumi CLI",
                answers: () => answers(releaseUrl(`https://github.com/pulumi/pulumi-${name}/releases/tag/v${version}`)),
                install: () => install("ordinary", serverFlag(name, version)),
            },
            goSource(paths, tool, minutes, (executable) => install("registries", ["--file", executable])),
        ],
        remedy:
            "Give this machine access to github.com, or install Go " +
            `${versions.goAtLeast} or newer with access to a Go module proxy; then run: npm run setup`,
    };
}

/** The CLI knows where plugins are; only a stand-in has to be named. */
function serverFlag(name: string, version: string): readonly string[] {
    const address = `https://github.com/pulumi/pulumi-${name}/releases/download/v${version}`;
    const stand = releaseUrl(address);
    return stand === address ? [] : ["--server", stand];
}
