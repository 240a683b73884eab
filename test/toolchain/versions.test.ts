import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { hasGo } from "../../toolchain/go-build.ts";
import { isAtLeast, versions } from "../../toolchain/versions.ts";
import { inTemporaryFolder, withVariables } from "./support/temporary.ts";

test.each([
    ["1.26.6", "1.26.6", true],
    ["1.26.10", "1.26.6", true],
    ["1.27", "1.26.6", true],
    ["2.0.0", "1.26.6", true],
    ["1.26.6.1", "1.26.6", true],
    ["1.26", "1.26.0", true],
    ["2.20.0-desktop.1", "2.20.0", true],
    ["2.20.3+ds1-0ubuntu1", "2.20.0", true],
    ["1.26.5", "1.26.6", false],
    ["1.3.9", "1.26.6", false],
    ["1.26", "1.26.6", false],
    ["0.99.99", "1.0.0", false],
    ["2.19.9-desktop.30", "2.20.0", false],
    ["devel", "1.21.0", false],
    ["", "1.21.0", false],
])("version %j is at least %s: %s", (version, least, expected) => {
    expect(isAtLeast(version, least)).toBe(expected);
});

describe("Go counts as there", () => {
    const newest = `go${versions.goAtLeast}`;
    /** A machine whose `go env GOVERSION GOTOOLCHAIN` says this; without words it has no Go. */
    const onMachine = async (words: readonly string[] | undefined) =>
        await inTemporaryFolder(async (folder) => {
            const lines = words?.map((word) => `echo "${word}"`).join("\n");
            const script = `#!/bin/sh\n[ "$*" = "env GOVERSION GOTOOLCHAIN" ] || exit 2\n${lines}\n`;
            if (words !== undefined) writeFileSync(path.join(folder, "go"), script, { mode: 0o755 });
            return await withVariables({ PATH: folder }, hasGo);
        });

    test.each<[string, readonly string[] | undefined, boolean]>([
        ["that is new enough and may fetch nothing", [newest, "local"], true],
        ["that is older and may fetch a newer one", ["go1.21.0", "auto"], true],
        ["that is older and may fetch a newer one than its own", ["go1.22.1", "go1.22.1+auto"], true],
        ["that is older and may fetch nothing", ["go1.26.5", "local"], false],
        ["that is older and may only look on PATH for a newer one", ["go1.22.1", "path"], false],
        ["that is too old to fetch a newer one", ["go1.20.14", ""], false],
        ["that says nothing", [], false],
        ["which is not installed", undefined, false],
    ])("%s (%j): %s", async (_, words, expected) => {
        expect(await onMachine(words)).toBe(expected);
    });
});
