/** The base image of all service images: pulled, or made from Debian's packages under the same name. */

import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { isDebianRoot, unpackPackage } from "../apt.ts";
import { onPath, run } from "../command.ts";
import { imageId } from "../engine-door.ts";
import type { Part } from "../part.ts";
import type { ToolPaths } from "../paths.ts";
import { versions } from "../versions.ts";

const makeMs = 15 * 60_000;
const answerMs = 4_000;

/** Authorities that this machine trusts beyond Debian's own; builds inside the image meet the same network. */
const localAuthorities = "/usr/local/share/ca-certificates";
const trustedBundle = "/etc/ssl/certs/ca-certificates.crt";

export function baseImage(paths: ToolPaths, reference: string = versions.baseImage): Part {
    return {
        name: "base-image",
        title: `Image ${reference}`,
        why: "the base of every service image",
        present: () => imageId(reference),
        sources: [
            {
                kind: "ordinary",
                from: "pulled from Docker Hub, about 30 MB",
                answers: () => registryAnswers(),
                install: () => pull(paths, reference),
            },
            {
                kind: "registries",
                from: "made from Debian's packages (mmdebstrap), 1 to 3 min",
                answers: async () => isDebianRoot(),
                install: () => makeFromPackages(paths, reference),
            },
        ],
        remedy:
            "Give this machine access to Docker Hub, or run this once as root on Debian; or load the image by hand: " +
            `docker load, docker tag … ${reference}`,
    };
}

async function pull(paths: ToolPaths, reference: string): Promise<void> {
    const options = { log: path.join(paths.logs, "base-image.log"), timeoutMs: makeMs };
    const stand = process.env.PLUMBLINE_MIRROR;
    if (stand === undefined) {
        await run("docker", ["pull", reference], options);
        return;
    }
    const there = `${new URL(stand).host}/library/${reference}`;
    await run("docker", ["pull", there], options);
    await run("docker", ["tag", there, reference], options);
    await run("docker", ["image", "rm", there], options);
}

/** A registry that wants a log-in first is there all the same. */
async function registryAnswers(): Promise<boolean> {
    const url = process.env.PLUMBLINE_MIRROR ?? "https://registry-1.docker.io";
    try {
        const response = await fetch(`${url}/v2/`, { signal: AbortSignal.timeout(answerMs) });
        return response.ok || response.status === 401;
    } catch {
        return false;
    }
}

async function makeFromPackages(paths: ToolPaths, reference: string): Promise<void> {
    const folder = path.join(paths.build, "base-image");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const log = path.join(paths.logs, "base-image.log");
    const archive = path.join(folder, "root.tar");
    const tool = await mmdebstrap(paths, folder);
    await run("perl", [tool, ...mmdebstrapArguments(tool), versions.debianSuite, archive], { log, timeoutMs: makeMs });
    await run("docker", ["import", "--change", 'CMD ["bash"]', archive, reference], {
        log,
        timeoutMs: makeMs,
    });
    rmSync(folder, { recursive: true, force: true });
}

/** The installed mmdebstrap, or the one of its package, which is a single Perl file. */
async function mmdebstrap(paths: ToolPaths, folder: string): Promise<string> {
    const installed = onPath("mmdebstrap");
    if (installed !== undefined) return installed;
    await unpackPackage(paths, "mmdebstrap", folder);
    return path.join(folder, "usr", "bin", "mmdebstrap");
}

/**
 * Small as the official image: no documentation, translations, package lists or logs. They are removed at the end and left out by
 * dpkg from then on; leaving them out while mmdebstrap unpacks takes a second program, and Python, that a machine may not have.
 */
function mmdebstrapArguments(tool: string): string[] {
    const left = ["doc", "info", "lintian", "linda", "locale", "man", "groff"];
    const rules = [
        ...left.map((folder) => `path-exclude=/usr/share/${folder}/*`),
        "path-include=/usr/share/doc/*/copyright",
    ];
    return [
        "--mode=root",
        "--variant=minbase",
        "--include=ca-certificates",
        // Without it a package that needs all of Perl merges /usr.
        `--hook-dir=${path.resolve(path.dirname(tool), "..", "share", "mmdebstrap", "hooks", "merged-usr")}`,
        '--aptopt=Apt::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        ...authorityHooks(),
        `--customize-hook=printf '%s\\n' ${rules.map((rule) => `'${rule}'`).join(" ")} > "$1"/etc/dpkg/dpkg.cfg.d/small`,
        `--customize-hook=cd "$1"/usr/share && find ${left.join(" ")} ! -type d ! -name copyright -delete 2>/dev/null || true`,
        '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/* "$1"/var/log/* "$1"/etc/machine-id',
    ];
}

/** The machine's own authorities, in the places where apt, pip, npm and OpenSSL look. */
function authorityHooks(): string[] {
    if (!existsSync(localAuthorities) || !readdirSync(localAuthorities).some((file) => file.endsWith(".crt")))
        return [];
    return [
        `--customize-hook=cp ${localAuthorities}/*.crt "$1"${localAuthorities}/`,
        '--customize-hook=chroot "$1" update-ca-certificates',
        `--customize-hook=printf '[global]\\ncert = ${trustedBundle}\\n' > "$1"/etc/pip.conf`,
        `--customize-hook=printf 'cafile=${trustedBundle}\\n' > "$1"/etc/npmrc`,
    ];
}
