import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { packagesMatch } from "../../toolchain/node-modules.mjs";
import { inTemporaryFolder } from "./support/temporary.ts";

type Packages = Record<string, { version?: string; optional?: boolean }>;

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
