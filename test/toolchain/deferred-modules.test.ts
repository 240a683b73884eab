/** The modules of Pulumi's SDK that are loaded when they are needed: not before, and then they work. */
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import { inTemporaryFolder } from "./support/temporary.ts";

const deferred = path.resolve("toolchain/deferred-modules.cjs");
const dynamicHost = path.resolve("node_modules/@pulumi/pulumi/cmd/dynamic-provider/index.js");

/** Tells at the end which of the two modules Node has read. */
const tellLoaded = `
    const { registerHooks } = require("node:module");
    const loaded = [];
    registerHooks({
        load(url, context, next) {
            const name = /node_modules\\/(typescript|@npmcli\\/arborist)\\/lib\\/(typescript|index)\\.js$/.exec(url)?.[1];
            if (name !== undefined) loaded.push(name);
            return next(url, context);
        },
    });
    process.on("exit", () => console.error("loaded " + JSON.stringify(loaded.sort())));
`;

function run(script: string, folder: string, preloads: readonly string[]): { loaded: unknown; stdout: string } {
    const tell = path.join(folder, "tell.cjs");
    writeFileSync(tell, tellLoaded);
    const required = [tell, ...preloads].flatMap((file) => ["--require", file]);
    const { stdout, stderr } = spawnSync(process.execPath, ["--preserve-symlinks-main", ...required, script], {
        encoding: "utf8",
        env: { ...process.env, NODE_OPTIONS: "" },
    });
    const told = /^loaded (.*)$/m.exec(stderr)?.[1];
    if (told === undefined) throw new Error(stdout + stderr);
    return { loaded: JSON.parse(told), stdout };
}

test.each([
    ["without the file, so that the next line tells something", [], ["@npmcli/arborist", "typescript"]],
    ["with it", [deferred], []],
])("what the host of the dynamic resources loads at its start: %s", async (_, preloads, expected) => {
    await inTemporaryFolder((folder) => {
        expect(run(dynamicHost, folder, preloads).loaded).toEqual(expected);
    });
});

test("a function is still serialised, and the packages that go with it are found", async () => {
    await inTemporaryFolder((folder) => {
        symlinkSync(path.resolve("node_modules"), path.join(folder, "node_modules"));
        const script = path.join(folder, "@pulumi", "pulumi", "cmd", "run", "index.cjs");
        mkdirSync(path.dirname(script), { recursive: true });
        writeFileSync(
            script,
            `const { runtime } = require("@pulumi/pulumi");
             runtime.serializeFunction(() => ["serialised", 42])
                 .then(({ text }) => console.log(text))
                 .then(() => runtime.computeCodePaths())
                 .then((paths) => console.log([...paths.keys()].join("\\n")));`,
        );
        const { loaded, stdout } = run(script, folder, [deferred]);
        expect(loaded).toEqual(["@npmcli/arborist", "typescript"]);
        expect(stdout).toContain('return () => ["serialised", 42];');
        expect(stdout).toMatch(/^node_modules\/zod$/m);
    });
});
