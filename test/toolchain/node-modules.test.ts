import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { ensureNodeModules, packagesMatch } from "../../toolchain/node-modules.mjs";
import { standIn } from "./support/stand-in.ts";
import { inTemporaryFolder, withVariables } from "./support/temporary.ts";

interface Entry {
    version?: string;
    optional?: boolean;
    os?: string | string[];
    cpu?: string[];
    libc?: string[];
    hasInstallScript?: boolean;
    dependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
}
type Packages = Record<string, Entry>;

function write(folder: string, wanted: Packages, installed: Packages | undefined): void {
    mkdirSync(path.join(folder, "node_modules"), { recursive: true });
    writeFileSync(path.join(folder, "package-lock.json"), JSON.stringify({ packages: wanted }));
    const record = path.join(folder, "node_modules", ".package-lock.json");
    if (installed === undefined) rmSync(record, { force: true });
    else writeFileSync(record, JSON.stringify({ packages: installed }));
}

const wanted: Packages = {
    "": {},
    "node_modules/a": { version: "1.0.0" },
    "node_modules/other-system": { version: "1.0.0", optional: true },
};

describe("the npm packages", () => {
    test.each<[string, Packages | undefined, boolean]>([
        ["match when all that are needed are there", { "node_modules/a": { version: "1.0.0" } }, true],
        ["do not match in another version", { "node_modules/a": { version: "1.0.1" } }, false],
        ["do not match when one is missing", {}, false],
        ["do not match when an installation was killed before its end", undefined, false],
    ])("%s", async (_, installed, matches) => {
        await inTemporaryFolder((folder) => {
            write(folder, wanted, installed);
            expect(packagesMatch(folder)).toBe(matches);
        });
    });

    test("that matched are compared anew when the lock file changes", async () => {
        await inTemporaryFolder((folder) => {
            const installed = { "node_modules/a": { version: "1.0.0" } };
            write(folder, wanted, installed);
            expect(packagesMatch(folder)).toBe(true);
            expect(packagesMatch(folder)).toBe(true);
            write(folder, { ...wanted, "node_modules/a": { version: "2.0.0" } }, installed);
            expect(packagesMatch(folder)).toBe(false);
        });
    });
});

describe("an optional package that is not there", () => {
    const other = process.platform === "linux" ? "darwin" : "linux";
    const here = { os: [process.platform], cpu: [process.arch] };

    /** Whether the packages match when `a` is all that was installed of a lock file with further entries. */
    const matches = async (entry: Entry, further: Packages = {}, dependents: Entry = {}) =>
        await inTemporaryFolder((folder) => {
            const a = { version: "1.0.0" };
            const wanted: Packages = {
                "": { optionalDependencies: { extra: "1.0.0" } },
                "node_modules/a": { ...a, ...dependents },
                "node_modules/extra": { version: "1.0.0", optional: true, ...entry },
                ...further,
            };
            write(folder, wanted, { "node_modules/a": a });
            return packagesMatch(folder);
        });

    test.each<[string, Entry, boolean]>([
        ["is needed where it is for every machine", {}, false],
        ["is needed where it is for this one", here, false],
        ["is needed where its system is a word and not a list", { ...here, os: process.platform }, false],
        ["is needed where only other systems are excluded", { os: [`!${other}`] }, false],
        ["is not needed where it is for another system", { ...here, os: [other] }, true],
        ["is not needed where it is for another processor", { ...here, cpu: ["pdp11"] }, true],
        ["is not needed where this system is excluded", { os: [`!${process.platform}`] }, true],
        ["is not needed where it is for another C library", { ...here, libc: ["bionic"] }, true],
        ["is not needed where it is compiled when it is installed", { ...here, hasInstallScript: true }, true],
    ])("%s", async (_, entry, fine) => {
        expect(await matches(entry)).toBe(fine);
    });

    test("is needed for this Linux's own C library, and for one of the two only", async () => {
        const both = await Promise.all(["glibc", "musl"].map((libc) => matches({ ...here, libc: [libc] })));
        expect(both.filter(Boolean)).toHaveLength(process.platform === "linux" ? 1 : 2);
    });

    test("is not needed where only a package asks for it that is not there either", async () => {
        const compiled = { hasInstallScript: true, dependencies: { helper: "1.0.0" } };
        const helper = { "node_modules/helper": { version: "1.0.0", optional: true } };
        expect(await matches(compiled, helper)).toBe(true);
        expect(await matches(compiled, helper, { optionalDependencies: { helper: "1.0.0" } })).toBe(false);
    });

    test("is looked for where the package that asks for it would find it", async () => {
        const inside = { "node_modules/a/node_modules/extra": { version: "2.0.0", optional: true, os: [other] } };
        const asks = { optionalDependencies: { extra: "2.0.0" } };
        expect(await matches({ os: [other] }, inside, asks)).toBe(true);
        const needed = { "node_modules/a/node_modules/extra": { version: "2.0.0", optional: true } };
        expect(await matches({ os: [other] }, needed, asks)).toBe(false);
    });
});

test("npm ends well without an optional package that it could not download, and that is refused by name", async () => {
    await inTemporaryFolder(async (folder) => {
        const server = await standIn({});
        const entry = { version: "1.0.0", optional: true, resolved: `${server.url}/far-away-1.0.0.tgz` };
        const project = { name: "p", version: "1.0.0", optionalDependencies: { "far-away": "1.0.0" } };
        const lock = { name: "p", version: "1.0.0", lockfileVersion: 3, requires: true };
        const packages = { "": project, "node_modules/far-away": entry };
        writeFileSync(path.join(folder, "package.json"), JSON.stringify(project));
        writeFileSync(path.join(folder, "package-lock.json"), JSON.stringify({ ...lock, packages }));
        const npm = { npm_config_cache: path.join(folder, "cache"), npm_config_noproxy: "127.0.0.1" };
        try {
            await withVariables(npm, async () => {
                const left = /left out node_modules\/far-away: .* Next: run the command again/s;
                await expect(ensureNodeModules(folder, () => {})).rejects.toThrow(left);
            });
            expect(server.requests).toContain("GET /far-away-1.0.0.tgz");
        } finally {
            await server.close();
        }
    });
});

test("the project's own lock file asks for a Node, a compiler of tests and a linter on this machine", async () => {
    const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Packages };
    const installed = JSON.parse(readFileSync("node_modules/.package-lock.json", "utf8")) as { packages: Packages };
    const ownNames = Object.keys(installed.packages).filter((where) =>
        /node_modules\/(node-|@swc\/core-|@biomejs\/cli-)/.test(where),
    );
    expect(ownNames.length).toBeGreaterThanOrEqual(process.platform === "linux" ? 3 : 2);
    for (const left of [undefined, ...ownNames]) {
        await inTemporaryFolder((folder) => {
            const rest = Object.entries(installed.packages).filter(([where]) => where !== left);
            write(folder, lock.packages, Object.fromEntries(rest));
            expect([left, packagesMatch(folder)]).toEqual([left, left === undefined]);
        });
    }
});
