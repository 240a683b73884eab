import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";

/** A process that lets another stand in its place: one that says `ready`, and ends as the script tells. */
function wrapper(script: string) {
    const program = `
        import { runInOurPlace } from ${JSON.stringify(path.resolve("toolchain/child.mjs"))};
        process.exitCode = await runInOurPlace(process.execPath, ["-e", ${JSON.stringify(script)}]);`;
    return spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
}

describe("a command that runs in another's place", () => {
    test.each([0, 10, 20, 30, 64])("passes the exit code %i on", async (code) => {
        expect((await once(wrapper(`process.exit(${code})`), "close"))[0]).toBe(code);
    });

    test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("passes %s on, and waits for the end", async (signal) => {
        const child = wrapper(`
            process.on("${signal}", () => setTimeout(() => { console.log("cleaned up"); process.exit(10); }, 100));
            setInterval(() => {}, 1000); console.log("ready");`);
        let told = "";
        child.stdout.on("data", (data: Buffer) => {
            if (told === "") child.kill(signal);
            told += data;
        });
        expect((await once(child, "close"))[0]).toBe(10);
        expect(told).toBe("ready\ncleaned up\n");
    });

    test("that is killed ends with 128 and the signal's number", async () => {
        expect((await once(wrapper(`process.kill(process.pid, "SIGKILL")`), "close"))[0]).toBe(137);
    });
});
