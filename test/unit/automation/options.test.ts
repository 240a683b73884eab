/** What is refused before a command begins. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { conclude } from "../../../automation/context.ts";
import { knownStacks, requireStackFile } from "../../../automation/options.ts";
import { pulumiEnvironment } from "../../../automation/workspace.ts";
import {
    refuseGateSkipping,
    refuseGateSkippingKeys,
    refuseGateSkippingVariables,
} from "../../../release/gate-skipping.ts";

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
        expect(() => refuseGateSkippingKeys({ stack: "local", refresh: true, target: undefined })).not.toThrow();
        expect(() =>
            refuseGateSkippingVariables({ PULUMI_CONTINUE_ON_ERROR: "false", PULUMI_HOME: "/x" }),
        ).not.toThrow();
    });

    test.each([
        ["PULUMI_CONTINUE_ON_ERROR", "true", "it goes past a gate"],
        ["PULUMI_OPTION_CONTINUE_ON_ERROR", "1", "it goes past a gate"],
        ["PULUMI_OPTION_TARGET", "urn:x", "without the others"],
        ["PULUMI_OPTION_EXCLUDE_DEPENDENTS", "true", "leaves resources out"],
    ])("the variable %s is refused as the option is that it stands for", (name, value, reason) => {
        expect(() => refuseGateSkippingVariables({ [name]: value })).toThrow(
            expect.objectContaining({
                message: expect.stringMatching(new RegExp(`^${name} is refused: .*${reason}.*whole or not at all`)),
                remedy: `Leave ${name} out.`,
            }),
        );
    });

    test.each([{ target: ["urn:x"] }, { continueOnError: true }, { targetDependents: true }])(
        "the key of %j is refused in a script's options too",
        async (more) => {
            const [key] = Object.keys(more);
            const result = await conclude("deploy", { projectDir: folder, env: {}, ...more }, {}, () => {
                throw new Error("the command began");
            });
            expect(result).toMatchObject({ outcome: "refused", exitCode: 30 });
            expect(result.failure?.message).toMatch(new RegExp(`^${key} is refused: .*whole or not at all`));
        },
    );
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

    test("of local may be anything but nothing", () => {
        expect(() => of("local", { PULUMI_CONFIG_PASSPHRASE: "" })).toThrow(
            expect.objectContaining({
                message: "The passphrase of local is empty.",
                remedy: expect.stringContaining("plumbline-local"),
            }),
        );
    });

    test("in a file that cannot be read is said, not taken for none", () => {
        const env = { PULUMI_CONFIG_PASSPHRASE_FILE: path.join(folder, "nowhere") };
        for (const stack of ["local", "staging"]) {
            expect(() => of(stack, env)).toThrow(/The passphrase file .*nowhere cannot be read/);
        }
    });

    test("of staging must be its own, and long enough", () => {
        for (const passphrase of ["", "plumbline-local", "short"]) {
            expect(() => of("staging", { PULUMI_CONFIG_PASSPHRASE: passphrase })).toThrow("The passphrase of staging");
        }
        expect(() => of("staging", { PULUMI_CONFIG_PASSPHRASE: "long enough to hold" })).not.toThrow();
    });
});
