/** The script that builds an image, with a client in the place of docker's that writes down what it is asked. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

let folder: string;

beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "plumbline-build-"));
});

afterEach(() => {
    rmSync(folder, { recursive: true });
});

/** What the stand-in of the client knows and does. */
interface Client {
    /** Token of the image that is there; undefined where there is none. */
    readonly token?: string;
    readonly hasBuildx?: boolean;
    readonly failsIn?: "build";
}

function build(client: Client, token: string | undefined, args: readonly string[]) {
    const calls = path.join(folder, "calls");
    writeFileSync(calls, "");
    const docker = `#!/bin/sh
echo "$*" >>"${calls}"
case "$1 $2" in
"image inspect") ${client.token === undefined ? "exit 1" : `echo "${client.token}"`} ;;
"buildx version") exit ${client.hasBuildx ? 0 : 1} ;;
*) echo "step 1 of the build"; echo "cannot copy it" >&2; exit ${client.failsIn === "build" ? 7 : 0} ;;
esac
`;
    writeFileSync(path.join(folder, "docker"), docker);
    chmodSync(path.join(folder, "docker"), 0o755);
    const { PLUMBLINE_BUILD: _, ...rest } = process.env;
    const result = spawnSync("sh", ["components/build-image.sh", ...args], {
        encoding: "utf8",
        env: {
            ...rest,
            PATH: `${folder}:${process.env.PATH}`,
            ...(token === undefined ? {} : { PLUMBLINE_BUILD: token }),
        },
    });
    const asked = readFileSync(calls, "utf8").split("\n");
    const builds = asked.filter((line) => /^(buildx )?build /.test(line));
    return { code: result.status, said: result.stdout + result.stderr, builds };
}

const args = ["plumbline/api:1", "--file", "a/Dockerfile", "a"];

describe("the script that builds an image", () => {
    test("leaves one alone that carries the token already: a release that is put back keeps its image [R95]", () => {
        expect(build({ token: "t1" }, "t1", args)).toEqual({ code: 0, said: "", builds: [] });
    });

    test.each<[string, Client, string | undefined]>([
        ["is missing", {}, "t1"],
        ["carries another token", { token: "t0" }, "t1"],
        ["carries none, and none is asked for", { token: "" }, undefined],
        ["carries none, and an empty one is asked for", { token: "" }, ""],
    ])("builds one that %s, with its name, token and everything that was asked for", (_, client, token) => {
        const label = `--label plumbline.build=${token ?? ""}`;
        const words = "--tag plumbline/api:1 --file a/Dockerfile a";
        expect(build(client, token, args)).toEqual({
            code: 0,
            said: "",
            builds: [`build --force-rm ${label} ${words}`],
        });
        expect(build({ ...client, hasBuildx: true }, token, args).builds).toEqual([
            `buildx build --load --progress plain ${label} ${words}`,
        ]);
    });

    test("says nothing when all is well, and the last lines of a build that failed, with its code", () => {
        const { code, said } = build({ failsIn: "build" }, "t1", args);
        expect(code).toBe(7);
        expect(said).toBe(
            "the image could not be built; the last lines of the build:\nstep 1 of the build\ncannot copy it\n",
        );
    });
});
