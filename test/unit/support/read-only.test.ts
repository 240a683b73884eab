/** Tests that need a read-only folder know where none can be made, and say why. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "@jest/globals";
import { onReadOnly, whyNoReadOnly } from "../../support/read-only.ts";

test("a machine that allows no namespaces is told by the words of unshare", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "plumbline-unshare-"));
    try {
        // As under AppArmor of Ubuntu 24.04.
        const refusal = "#!/bin/sh\necho 'unshare: write failed /proc/self/uid_map: not permitted' >&2\nexit 1\n";
        writeFileSync(path.join(folder, "unshare"), refusal, { mode: 0o755 });
        expect(whyNoReadOnly({ PATH: `${folder}:${process.env.PATH}` })).toMatch(
            /read-only here: unshare: write failed/,
        );
    } finally {
        rmSync(folder, { recursive: true });
    }
});

(whyNoReadOnly() === null ? test : test.skip)(
    "where it can be made, nobody can write to it, and everybody outside can",
    () => {
        const folder = mkdtempSync(path.join(tmpdir(), "plumbline-read-only-"));
        try {
            const file = path.join(folder, "file");
            const { status, stderr } = spawnSync(...onReadOnly(folder, "touch", [file]), { encoding: "utf8" });
            expect([status === 0, stderr]).toEqual([false, expect.stringContaining("Read-only file system")]);
            writeFileSync(file, "");
        } finally {
            rmSync(folder, { recursive: true });
        }
    },
);
