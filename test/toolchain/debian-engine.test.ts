import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { dockerCommand } from "../../toolchain/parts/engine.ts";
import { toolPaths } from "../../toolchain/paths.ts";
import { setUpProcess, until } from "./support/set-up.ts";
import { inTemporaryFolder, withVariables } from "./support/temporary.ts";

/** The real engine part for a root of Debian, with an engine that answers once it was started. */
const engine = `
    process.getuid = () => 0;
    const { existsSync } = await import("node:fs");
    const inFolder = (name) => (existsSync(process.env.FAKES + "/" + name) ? process.env.FAKES + "/" + name : undefined);
    const here = {
        ping: async () => (inFolder("started") === undefined ? undefined : "1.41"),
        daemon: () => inFolder("dockerd"),
    };
    const parts = [(await load("parts/engine.ts")).dockerEngine(paths, here)];`;

/** Unpacks the engine's program, as a package that is not configured yet leaves it. */
const unpack = `printf '#!/bin/sh\ntouch "$FAKES/started"\n' > "$FAKES/dockerd"; chmod +x "$FAKES/dockerd"`;
const become = (status: string) => `printf "${status}" > "$FAKES/status.new"; mv "$FAKES/status.new" "$FAKES/status"`;

/** Debian's programs: the first `apt-get install` unpacks and then hangs, `dpkg --configure -a` goes on and starts the engine. */
function fakePrograms(folder: string): Record<string, string> {
    const programs = {
        "dpkg-query": '[ -f "$FAKES/status" ] && cat "$FAKES/status"',
        dpkg: `[ ! -f "$FAKES/status" ] || { ${become("ii ")}; touch "$FAKES/started"; }`,
        "apt-get": `[ "$1" != install ] || [ -f "$FAKES/status" ] || { ${unpack}; ${become("iU ")}; sleep 60; }`,
        systemctl: 'touch "$FAKES/started"',
    };
    for (const [name, script] of Object.entries(programs)) {
        const text = `#!/bin/sh\necho "${name} $*" >> "$FAKES/calls"\n${script}\n`;
        writeFileSync(path.join(folder, name), text, { mode: 0o755 });
    }
    return { PATH: `${folder}:/usr/bin:/bin`, FAKES: folder, DOCKER_HOST: "", DOCKER_CONTEXT: "default" };
}

const calls = (folder: string) => readFileSync(path.join(folder, "calls"), "utf8");

const onDebian = existsSync("/etc/debian_version");
if (!onDebian) process.stderr.write("test/toolchain/debian-engine.test.ts is skipped: it needs Debian\n");

(onDebian ? describe : describe.skip)("Debian's engine package", () => {
    test("whose installation was killed between unpacking and configuring is brought to its end at the next set-up", async () => {
        await inTemporaryFolder(async (folder) => {
            const env = fakePrograms(folder);
            const first = setUpProcess(folder, engine, env, true);
            await until(() => existsSync(path.join(folder, "status")));
            // The whole group, as when a machine goes down: what apt runs ends with it.
            process.kill(-(first.child.pid ?? Number.NaN), "SIGKILL");
            expect(await first.ended).toBeNull();

            const second = setUpProcess(folder, engine, env);
            expect([await second.ended, second.told()]).toEqual([0, expect.stringContaining("Everything is there")]);
            expect(second.told()).toContain("runs the services; Debian packages docker.io and iptables");
            expect(readFileSync(path.join(folder, "status"), "utf8")).toBe("ii ");
        });
    });

    test("that is whole and whose engine stands still is only started", async () => {
        await inTemporaryFolder(async (folder) => {
            const env = fakePrograms(folder);
            execFileSync("sh", ["-c", `${unpack}; ${become("ii ")}`], { env: { ...process.env, ...env } });
            const run = setUpProcess(folder, engine, env);
            expect([await run.ended, run.told()]).toEqual([0, expect.stringContaining("Everything is there")]);
            expect(run.told()).toContain("Docker engine is installed but not running: starting it.");
            expect(run.told()).not.toContain("Missing on this machine");
            expect(calls(folder)).not.toContain("apt-get");
        });
    });
});

describe("the docker command", () => {
    test.each([
        ["has a package of its own in one Debian", "docker-cli docker.io", "docker-cli"],
        ["comes with the engine's package in another", "docker.io", "docker.io"],
    ])("%s (of %s), and %s is installed", async (_, known, name) => {
        await inTemporaryFolder(async (folder) => {
            const env = fakePrograms(folder);
            const show = `#!/bin/sh\ncase " ${known} " in *" $2 "*) echo "Package: $2" ;; *) exit 100 ;; esac\n`;
            writeFileSync(path.join(folder, "status"), "ii ");
            writeFileSync(path.join(folder, "apt-cache"), show, { mode: 0o755 });
            await withVariables(env, async () => await dockerCommand(toolPaths(folder, {})).sources[0]?.install());
            const installs = calls(folder).match(/^apt-get install .*/gm) ?? [];
            expect(installs.map((line) => line.split(" ").at(-1))).toEqual([name]);
        });
    });
});
