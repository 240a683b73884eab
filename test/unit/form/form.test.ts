/** The form of the project, which is not open to change: what stands at its top, and which packages do its work. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";

const root = path.resolve(import.meta.dirname, "../../..");

describe("the project", () => {
    test("[R00a] has the files and folders of the form at its top", () => {
        const form = [
            "Pulumi.yaml",
            "Pulumi.local.yaml",
            "Pulumi.staging.yaml",
            "Pulumi.production.yaml",
            "package.json",
            "tsconfig.json",
            "index.ts",
            "components",
            "validation",
            "test",
        ];
        expect(form.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
    });

    test("[R00b] depends on the packages of the form, at exact versions", () => {
        const { dependencies, devDependencies } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
            dependencies: Record<string, string>;
            devDependencies: Record<string, string>;
        };
        expect(Object.keys(dependencies)).toEqual(
            expect.arrayContaining([
                "@pulumi/pulumi",
                "@pulumi/docker",
                "@pulumi/command",
                "pg",
                "ioredis",
                "undici",
                "zod",
            ]),
        );
        expect(Object.keys(devDependencies)).toContain("jest");
        const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
            ([, version]) => !/^\d/.test(version),
        );
        expect(loose).toEqual([]);
    });

    test("[R00c] keeps the program on one screen", () => {
        const lines = readFileSync(path.join(root, "index.ts"), "utf8").split("\n");
        expect(lines.length).toBeLessThanOrEqual(100);
    });
});
