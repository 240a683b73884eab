/** The stack files as they are committed. */
import { createDecipheriv, pbkdf2Sync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { stackConfiguration } from "../../../release/config.ts";
import { localPassphrase, parseSettings } from "../../../release/settings.ts";
import { stackNames } from "../../../release/settings-schema.ts";

const read = async (stack: string) => parse(await readFile(`Pulumi.${stack}.yaml`, "utf8"));

/** As Pulumi gives it: text as it is, everything else as JSON; encrypted values stand for themselves. */
async function settingsOf(stack: string) {
    const { config } = await read(stack);
    const texts = Object.entries(config ?? {}).map(([key, value]) => [
        key,
        typeof value === "string" ? value : JSON.stringify(value, (_, it) => it?.secure ?? it),
    ]);
    return parseSettings(stack, stackConfiguration(Object.fromEntries(texts)));
}

describe("the three stack files", () => {
    test.each(stackNames)("%s is valid", async (stack) => {
        expect((await settingsOf(stack)).stack).toBe(stack);
    });

    test("keep the stacks apart, and give local the names of the requirements [R02] [R06]", async () => {
        const all = await Promise.all(stackNames.map(settingsOf));
        expect(all.map(({ project }) => project)).toEqual([
            "insurance_navigator",
            "insurance_navigator_staging",
            "insurance_navigator_production",
        ]);
        expect(all.map(({ ports }) => ports.offset)).toEqual([0, 10_000, 0]);
    });

    test("publish on this machine only, until the edge speaks TLS [R65]", async () => {
        for (const stack of stackNames) expect((await settingsOf(stack)).bindAddress).toBe("127.0.0.1");
    });

    test("hold no secret in clear", async () => {
        for (const stack of stackNames) {
            const secrets: Record<string, unknown> = (await read(stack)).config["plumbline:secrets"] ?? {};
            for (const value of Object.values(secrets))
                expect(value).toEqual({ secure: expect.stringMatching(/^v1:/) });
        }
    });
});

test("the salt of local opens with the documented passphrase, and with no other", async () => {
    const [, salt = "", , nonce = "", message = ""] = String((await read("local")).encryptionsalt).split(":");
    const open = (passphrase: string) => {
        const key = pbkdf2Sync(passphrase, Buffer.from(salt, "base64"), 1_000_000, 32, "sha256");
        const sealed = Buffer.from(message, "base64");
        const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"));
        decipher.setAuthTag(sealed.subarray(-16));
        return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString();
    };
    expect(open(localPassphrase)).toBe("pulumi");
    expect(() => open("another passphrase")).toThrow();
});
