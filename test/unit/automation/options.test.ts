/** What is refused before a command begins. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { knownStacks, refuseGateSkipping, requireStackFile } from "../../../automation/options.ts";
import { pulumiEnvironment } from "../../../automation/workspace.ts";

let folder = "";
beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "plumbline-options-"));
    for (const name of ["Pulumi.yaml", "Pulumi.local.yaml", "Pulumi.staging.yaml"]) {
        writeFileSync(path.join(folder, name), "");
    }
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a stack", () => {
    test("is known by its settings file", () => {
        expect(knownStacks(folder)).toEqual(["local", "staging"]);
        expect(() => requireStackFile(folder, "staging")).not.toThrow();
    });

    test("without a settings file is refused, with the known ones and the nearest [R06]", () => {
        expect(() => requireStackFile(folder, "stagign")).toThrow(
            expect.objectContaining({
                message: expect.stringContaining("Known stacks: local, staging."),
                remedy: "Did you mean --stack staging?",
            }),
        );
    });

    test("whose name would leave the folder is refused", () => {
        expect(() => requireStackFile(folder, "../x")).toThrow("There is no stack");
    });
});

describe("options that skip gates", () => {
    test.each(["--target", "--target=urn", "--target-dependents", "--exclude", "--continue-on-error"])(
        "%s is refused by name, with the reason",
        (option) => {
            const name = option.replace(/=.*/, "");
            expect(() => refuseGateSkipping(["deploy", option])).toThrow(`${name} is refused: it`);
        },
    );

    test("others are let through", () => {
        expect(() => refuseGateSkipping(["deploy", "--stack", "local", "--targeting"])).not.toThrow();
    });
});

describe("the passphrase", () => {
    const of = (stack: string, env: NodeJS.ProcessEnv) => pulumiEnvironment({ stack, env, projectDir: folder });

    test("of local is the documented one unless another is given", () => {
        expect(of("local", {}).PULUMI_CONFIG_PASSPHRASE).toBe("plumbline-local");
        expect(of("local", { PULUMI_CONFIG_PASSPHRASE: "mine" }).PULUMI_CONFIG_PASSPHRASE).toBe("mine");
        const file = path.join(folder, "passphrase");
        writeFileSync(file, "mine");
        expect(of("local", { PULUMI_CONFIG_PASSPHRASE_FILE: file }).PULUMI_CONFIG_PASSPHRASE).toBeUndefined();
    });

    test("of staging must be its own, and long enough", () => {
        for (const passphrase of ["", "plumbline-local", "short"]) {
            expect(() => of("staging", { PULUMI_CONFIG_PASSPHRASE: passphrase })).toThrow("The passphrase of staging");
        }
        expect(() => of("staging", { PULUMI_CONFIG_PASSPHRASE: "long enough to hold" })).not.toThrow();
    });
});
