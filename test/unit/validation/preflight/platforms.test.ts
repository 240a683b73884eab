/** A platform that the file asks for must be the engine's. */
import { describe, expect, test } from "@jest/globals";
import { judgePlatforms } from "../../../../validation/preflight/checks/platforms.ts";

const engineOf = (architecture: string) => ({ os: "linux", architecture });

describe("a platform", () => {
    test.each([
        ["linux/amd64", "amd64"],
        ["linux/x86_64", "amd64"],
        ["linux/arm64", "aarch64"],
        ["linux/arm64/v8", "arm64"],
    ])("%s is that of an engine on %s", (platform, architecture) => {
        expect(judgePlatforms({ api: platform }, engineOf(architecture))).toMatchObject([{ result: "pass" }]);
    });

    test("of another machine is refused, with the service and the next step [R10]", () => {
        expect(judgePlatforms({ api: "linux/arm64" }, engineOf("amd64"))).toMatchObject([
            {
                result: "fail",
                category: "image",
                service: "api",
                message: "api is for linux/arm64, and the engine is linux/amd64",
                remedy: expect.stringContaining("Take `platform` out"),
            },
        ]);
    });

    test("that nobody asks for is not judged", () => {
        expect(judgePlatforms({}, engineOf("amd64"))).toEqual([]);
    });
});
