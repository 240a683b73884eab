import { describe, expect, test } from "@jest/globals";
import { clientOptions, engineAddress } from "../../../engine/docker-address.ts";
import { engineError, mayPass, registryRefusal, wasCutOff, wasNotReached } from "../../../engine/docker-errors.ts";
import { PlumblineError } from "../../../release/errors.ts";

const withCode = (code: string) => Object.assign(new Error(`connect ${code}`), { code });
const withStatus = (statusCode: number, message: string) =>
    Object.assign(new Error(`(HTTP code ${statusCode}) some reason - ${message} `), { statusCode });

describe("what may pass by itself", () => {
    test.each(["ECONNRESET", "ECONNREFUSED", "EPIPE", "ETIMEDOUT", "ENOENT"])("%s may [R21]", (code) => {
        expect(mayPass(withCode(code))).toBe(true);
    });

    test("a hang-up and a proxy's error may, the engine's refusals may not", () => {
        expect(mayPass(new Error("socket hang up"))).toBe(true);
        expect([502, 503, 504].map((status) => mayPass(withStatus(status, "x")))).toEqual([true, true, true]);
        expect([400, 404, 409, 500].map((status) => mayPass(withStatus(status, "x")))).not.toContain(true);
        expect(mayPass(withCode("EACCES"))).toBe(false);
    });

    test("what must not be done twice is repeated only when it did not reach the engine", () => {
        expect([withCode("ECONNREFUSED"), withCode("ENOENT")].map(wasNotReached)).toEqual([true, true]);
        expect([withCode("ECONNRESET"), withStatus(502, "x"), "text", null].map(wasNotReached)).not.toContain(true);
    });
});

test("what a crash cuts off is told from what the engine refuses [R90]", () => {
    expect(wasCutOff(withStatus(404, "No such exec instance: e754f8bb"))).toBe(true);
    expect(wasCutOff(withStatus(409, "Container 5d3becb8 is not running"))).toBe(true);
    expect(wasCutOff(withStatus(404, "No such container: 5d3becb8"))).toBe(false);
    expect(wasCutOff(withStatus(409, "Conflict. The container name is already in use"))).toBe(false);
});

describe("what an engine says of a registry [R11]", () => {
    test.each([
        [404, "manifest for redis:nope not found: manifest unknown: manifest unknown", "missing"],
        [404, "manifest unknown", "missing"],
        [401, "unauthorized: authentication required", "denied"],
        [403, "errors: denied: requested access to the resource is denied", "denied"],
        [500, "Get https://registry/v2/: dial tcp: lookup registry: no such host", undefined],
        [500, "Get https://registry/v2/: unauthorized: incorrect username or password", "denied"],
        [503, "x", undefined],
    ])("%s %s: %s", (status, message, expected) => {
        expect(registryRefusal(withStatus(status, message))).toBe(expected);
    });

    test("nothing, when it does not answer itself", () => {
        expect(registryRefusal(withCode("ECONNRESET"))).toBeUndefined();
    });
});

describe("what a person reads", () => {
    const text = (error: unknown) => engineError("unix:///x.sock", "start container 3f9c", error).format();

    test.each([
        [withCode("ENOENT"), /does not answer[\s\S]*Start the engine/],
        [withCode("EACCES"), /No permission[\s\S]*group docker/],
        [withStatus(404, "No such container: 3f9c"), /No such container: 3f9c[\s\S]*deploy again/],
        [withStatus(400, "client version 1.41 is too new. Maximum supported API version is 1.38"), /20\.10 or newer/],
        [withStatus(500, "port is already allocated"), /could not start container 3f9c: port is already allocated/],
    ])("%s names the next step", (error, expected) => {
        expect(text(error)).toMatch(expected);
        expect(text(error)).not.toContain("HTTP code");
    });

    test("an error that is told already stays as it is", () => {
        const told = new PlumblineError("engine", "told", { remedy: "Act." });
        expect(engineError("x", "y", told)).toBe(told);
    });
});

describe("the address", () => {
    test("is the given one, then DOCKER_HOST, then the usual socket", () => {
        expect(engineAddress("tcp://a:1", { DOCKER_HOST: "tcp://b:2" })).toBe("tcp://a:1");
        expect(engineAddress(undefined, { DOCKER_HOST: "tcp://b:2" })).toBe("tcp://b:2");
        expect(engineAddress("", {})).toMatch(/docker\.sock$|docker_engine$/);
    });

    test("becomes the client's options", () => {
        expect(clientOptions("unix:///a/b.sock", {})).toEqual({ socketPath: "/a/b.sock" });
        expect(clientOptions("npipe:////./pipe/docker_engine", {})).toEqual({ socketPath: "//./pipe/docker_engine" });
        expect(clientOptions("tcp://h:2375", {})).toEqual({ host: "h", port: 2375, protocol: "http" });
        expect(clientOptions("tcp://h:2376", {})).toEqual({ host: "h", port: 2376, protocol: "https" });
        expect(clientOptions("tcp://h", { DOCKER_TLS_VERIFY: "1" })).toMatchObject({ port: 2376, protocol: "https" });
    });

    test.each(["ssh://me@host", "nonsense", "unix://"])("%s is refused with what to use instead", (address) => {
        expect(() => clientOptions(address, {})).toThrow(
            expect.objectContaining({ category: "engine", remedy: expect.stringContaining("unix:///") }),
        );
    });
});
