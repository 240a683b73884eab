import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { ask, run } from "../../toolchain/command.ts";
import { inTemporaryFolder } from "./support/temporary.ts";

describe("a program that the set-up runs", () => {
    test("and that cannot be started keeps no process waiting for its time limit", async () => {
        await inTemporaryFolder(async (folder) => {
            const log = path.join(folder, "log");
            const program = `
                const { ask, run } = await import(${JSON.stringify(path.resolve("toolchain/command.ts"))});
                const asked = await ask("plumbline-no-such-program", [], 60_000);
                const failure = await run("plumbline-no-such-program", [], { log: ${JSON.stringify(log)}, timeoutMs: 60_000 })
                    .catch((error) => error.code);
                const timers = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout");
                process.stdout.write(JSON.stringify([asked ?? null, failure, timers]));
                process.exit();`;
            const env = { ...process.env, NODE_OPTIONS: "" };
            const child = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { env });
            expect(JSON.parse(child.stdout)).toEqual([null, "ENOENT", []]);
        });
    });

    test("is ended when it takes too long", async () => {
        await inTemporaryFolder(async (folder) => {
            expect(await ask("sleep", ["60"], 50)).toBeUndefined();
            const slow = run("sleep", ["60"], { log: path.join(folder, "log"), timeoutMs: 50 });
            await expect(slow).rejects.toThrow(/sleep 60 was ended by SIGKILL/);
        });
    });
});
