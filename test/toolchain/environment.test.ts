import { execFileSync, spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { exportLines, toolEnvironment } from "../../toolchain/environment.ts";
import { toolPaths } from "../../toolchain/paths.ts";
import { writeStamp } from "../../toolchain/stamp.ts";
import { inTemporaryFolder } from "./support/temporary.ts";

describe("the environment of the tools", () => {
    test("has the project's tools first on PATH, once, and nothing of npm's own", () => {
        const base = { PATH: "/p/node_modules/.bin:/node_modules/.bin:/x/node-gyp-bin:/usr/bin:/bin" };
        expect(toolEnvironment("/p", base).PATH).toBe("/p/node_modules/.bin:/p/.plumbline/bin:/usr/bin:/bin");
        expect(toolEnvironment("/p", toolEnvironment("/p", base)).PATH).toBe(toolEnvironment("/p", base).PATH);
    });

    test("leaves what the user has set", () => {
        const own = {
            PULUMI_HOME: "/home/user/pulumi",
            PULUMI_BACKEND_URL: "file:///state",
            PULUMI_CONFIG_PASSPHRASE: "own",
            PULUMI_SKIP_UPDATE_CHECK: "false",
            NODE_COMPILE_CACHE: "/home/user/compiled",
        };
        expect(toolEnvironment("/p", own)).toMatchObject(own);
    });

    test("adds one file for Node to load first, once, behind what the user has set", () => {
        const preload = '--require="/p q/toolchain/deferred-modules.cjs"';
        expect(toolEnvironment("/p q", {}).NODE_OPTIONS).toBe(preload);
        const own = toolEnvironment("/p q", { NODE_OPTIONS: "--no-warnings" });
        expect(own.NODE_OPTIONS).toBe(`--no-warnings ${preload}`);
        expect(toolEnvironment("/p q", own).NODE_OPTIONS).toBe(own.NODE_OPTIONS);
    });

    test("lets Node start in a folder whatever its name holds", async () => {
        await inTemporaryFolder((folder) => {
            const odd = path.join(folder, `it's a "clone" \\ of it`);
            cpSync("toolchain/deferred-modules.cjs", path.join(odd, "toolchain/deferred-modules.cjs"), {
                recursive: true,
            });
            const { NODE_OPTIONS } = toolEnvironment(odd, {});
            const ran = execFileSync(process.execPath, ["-p", "6 * 7"], { encoding: "utf8", env: { NODE_OPTIONS } });
            expect(ran).toBe("42\n");
        });
    });

    test("does not invent a backend or a passphrase", () => {
        const env = toolEnvironment("/p", {});
        expect(env.PULUMI_HOME).toBe("/p/.plumbline/pulumi");
        expect(Object.keys(env)).not.toContain("PULUMI_BACKEND_URL");
        expect(Object.keys(env)).not.toContain("PULUMI_CONFIG_PASSPHRASE");
    });

    test("forbids downloads of plugins only where they had to be built", async () => {
        await inTemporaryFolder((folder) => {
            const variable = () => toolEnvironment(folder, {}).PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION;
            expect(variable()).toBeUndefined();
            writeStamp(toolPaths(folder, {}), "docker-plugin", { version: "1", source: "ordinary" });
            expect(variable()).toBeUndefined();
            writeStamp(toolPaths(folder, {}), "docker-plugin", { version: "1", source: "registries" });
            expect(variable()).toBe("true");
        });
    });

    test("can be shared by clones through PLUMBLINE_TOOLS", () => {
        expect(toolPaths("/p", { PLUMBLINE_TOOLS: "/shared" }).pulumi).toBe("/shared/bin/pulumi");
        expect(toolPaths("/p", { PLUMBLINE_TOOLS: "../shared" }).pulumiHome).toBe("/shared/pulumi");
    });

    test("goes into a shell whatever the values hold", () => {
        const value = `it's "$HOME" \\ and\na second line`;
        const script = `${exportLines({}, { ODD: value })}printf %s "$ODD"`;
        expect(execFileSync("sh", ["-c", script], { encoding: "utf8" })).toBe(value);
    });

    test("is not repeated where the shell has it, so that a passphrase is not printed", () => {
        const lines = exportLines({ SECRET: "s", PATH: "/a" }, { SECRET: "s", PATH: "/a", NEW: "n" });
        expect(lines).toBe("export PATH='/a'\nexport NEW='n'\n");
    });
});

describe("npm run env", () => {
    const run = (args: string[], env: NodeJS.ProcessEnv = process.env) =>
        spawnSync(process.execPath, ["toolchain/run.mjs", ...args], {
            encoding: "utf8",
            env: { ...env, NODE_OPTIONS: "" },
        });

    test("prints only export lines, with which a shell finds the project's Pulumi", () => {
        const { stdout, status } = run(["env"]);
        expect(status).toBe(0);
        expect(stdout.trimEnd().split("\n")).toEqual(
            stdout
                .trimEnd()
                .split("\n")
                .map(() => expect.stringMatching(/^export [A-Z_]+='/)),
        );
        const found = execFileSync("sh", ["-c", `${stdout}command -v pulumi && command -v node`], { encoding: "utf8" });
        expect(found).toBe(`${toolPaths(process.cwd()).pulumi}\n${path.resolve("node_modules/.bin/node")}\n`);
    });

    test("gives the documented passphrase of local only to a user without one", () => {
        const { PULUMI_CONFIG_PASSPHRASE: _, ...without } = process.env;
        expect(run(["env"], without).stdout).toContain("export PULUMI_CONFIG_PASSPHRASE='plumbline-local'");
        const own = { ...without, PULUMI_CONFIG_PASSPHRASE: "of the user" };
        expect(run(["env"], own).stdout).not.toContain("PASSPHRASE");
    });

    test("and every script passes an exit code on", () => {
        expect(run(["deploy", "--no-such-option", "--help-me-not"]).status).toBe(64);
    });
});
