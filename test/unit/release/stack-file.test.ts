/** A stack's settings file as it stands, read without Pulumi; and folders in which nothing can be written. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { stackConfiguration } from "../../../release/config.ts";
import { parseSettings } from "../../../release/settings.ts";
import { parseStackFile, readStackFile, requireSettings } from "../../../release/stack-file.ts";
import { requireWritable } from "../../../release/writable.ts";

let folder = "";
beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "plumbline-stack-file-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a settings file", () => {
    const parse = (text: string) => parseStackFile(text, "Pulumi.local.yaml");

    test("gives its keys as Pulumi would, with a text in the place of every encrypted value", () => {
        const { config, encryptedKeys } = parse(`
encryptionsalt: v1:abc
config:
  docker:host: unix:///x.sock
  plumbline:project: demo
  plumbline:drainSeconds: 5
  plumbline:ports: { offset: 100 }
  plumbline:secrets:
    A: { secure: v1:xyz }
  plumbline:variables: { secure: v1:xyz }
`);
        expect(encryptedKeys).toEqual(["plumbline:variables"]);
        expect(JSON.stringify(config)).not.toContain("xyz");
        const settings = parseSettings("local", stackConfiguration(config));
        expect(settings).toMatchObject({ project: "demo", drainSeconds: 5, ports: { offset: 100 } });
        expect(settings.secrets.A).toMatch(/^[A-Za-z0-9._~-]{32,}$/);
    });

    test("without any key is empty", () => {
        for (const text of ["", "encryptionsalt: v1:abc\n", "config:\n", "config: {}\n"]) {
            expect(parse(text)).toEqual({ config: {}, encryptedKeys: [] });
        }
    });

    test.each([
        ["config: [\n", "line 2"],
        ["config:\n  plumbline:project: a: b\n", "line 2"],
        ["just text\n", "expected a dictionary"],
        ["config: 5\n", "config must be a dictionary"],
    ])("%j is refused by the file's name", (text, reason) => {
        expect(() => parse(text)).toThrow(
            expect.objectContaining({
                category: "settings",
                message: expect.stringMatching(new RegExp(`^Pulumi\\.local\\.yaml is not valid:\n  - .*${reason}`)),
            }),
        );
    });

    test("without any setting of ours is refused: so Pulumi writes it where it is missing", () => {
        const { config } = parse("encryptionsalt: v1:abc\nconfig:\n  docker:host: unix:///x.sock\n");
        expect(() => requireSettings("local", stackConfiguration(config))).toThrow(
            expect.objectContaining({
                message: expect.stringContaining("Pulumi.local.yaml holds no settings"),
                remedy: expect.stringContaining("git checkout Pulumi.local.yaml"),
            }),
        );
        expect(() => requireSettings("local", { project: "demo" })).not.toThrow();
    });

    test("that is not there is refused by its name", async () => {
        await expect(readStackFile(folder, "local")).rejects.toThrow("Pulumi.local.yaml cannot be read.");
    });
});

describe("a folder", () => {
    test("that can be written passes, and so does one that can be made", async () => {
        await expect(requireWritable(folder, [folder, path.join(folder, "a/b/c")])).resolves.toBeUndefined();
    });

    test("that cannot be made is refused by name, with the reason and a next step", async () => {
        writeFileSync(path.join(folder, "file"), "");
        await expect(requireWritable(folder, [path.join(folder, "file/reports")])).rejects.toMatchObject({
            category: "settings",
            message: expect.stringMatching(/^The folder file\/reports cannot be written: ENOTDIR/),
            remedy: expect.stringContaining("Make it writable"),
        });
    });
});
