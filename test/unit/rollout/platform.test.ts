/** A platform that the file asks for must be the engine's. */
import { describe, expect, test } from "@jest/globals";
import { refuseOtherPlatforms } from "../../../rollout/platform.ts";

const engineOf = (architecture: string) => ({
    info: async () => ({
        serverVersion: "20.10.24",
        apiVersion: "1.41",
        os: "linux",
        architecture,
        memoryBytes: 1,
        cpus: 1,
        storageDriver: "overlay2",
    }),
});

describe("a platform", () => {
    test.each([
        ["linux/amd64", "amd64"],
        ["linux/x86_64", "amd64"],
        ["linux/arm64", "aarch64"],
        ["linux/arm64/v8", "arm64"],
    ])("%s is that of an engine on %s", async (platform, architecture) => {
        await expect(refuseOtherPlatforms({ api: platform }, engineOf(architecture))).resolves.toBeUndefined();
    });

    test("of another machine is refused, with the service and the next step", async () => {
        await expect(refuseOtherPlatforms({ api: "linux/arm64" }, engineOf("amd64"))).rejects.toMatchObject({
            category: "image",
            service: "api",
            message: "api is for linux/arm64, and the engine is linux/amd64",
            remedy: expect.stringContaining("Take `platform` out"),
        });
    });

    test("that nobody asks for needs no engine", async () => {
        const engine = { info: () => Promise.reject(new Error("nobody is there")) };
        await expect(refuseOtherPlatforms({}, engine)).resolves.toBeUndefined();
    });
});
