/** The script before a language host that does not get the options of `Pulumi.yaml`. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import { hostWithOptions } from "../../toolchain/parts/pulumi.ts";
import { versions } from "../../toolchain/versions.ts";
import { inTemporaryFolder } from "./support/temporary.ts";

const options = (line: string) => `name: x\nruntime:\n  name: nodejs\n  options:\n${line}`;

test.each([
    ["the option is off", options("    typescript: false # Node does it.\n"), "-typescript=false 127.0.0.1:1\n"],
    ["the option is on", options("    typescript: true\n"), "127.0.0.1:1\n"],
    ["the option is not there", "name: x\nruntime: nodejs\n", "127.0.0.1:1\n"],
    ["the option is in a comment", "name: x\n#   typescript: false\nruntime: nodejs\n", "127.0.0.1:1\n"],
    ["there is no project", undefined, "127.0.0.1:1\n"],
])("says what Pulumi.yaml says where %s", async (_, projectFile, told) => {
    await inTemporaryFolder(async (folder) => {
        const bin = path.join(folder, "bin");
        mkdirSync(bin);
        const host = path.join(bin, "pulumi-language-nodejs");
        writeFileSync(host, hostWithOptions, { mode: 0o755 });
        writeFileSync(`${host}-${versions.languageHostModule}`, '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
        if (projectFile !== undefined) writeFileSync(path.join(folder, "Pulumi.yaml"), projectFile);
        expect(execFileSync(host, ["127.0.0.1:1"], { cwd: folder, encoding: "utf8" })).toBe(told);
    });
});
