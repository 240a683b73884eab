/** The modules of Pulumi's SDK that are loaded when they are needed: not before, and then they work. */
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import { inTemporaryFolder } from "./support/temporary.ts";

const deferred = path.resolve("toolchain/deferred-modules.cjs");
const dynamicHost = path.resolve("node_modules/@pulumi/pulumi/cmd/dynamic-provider/index.js");

/** Tells at the end which of the packages whose loading is deferred Node has read. */
const tellLoaded = `
    const { registerHooks } = require("node:module");
    const loaded = new Set();
    registerHooks({
        load(url, context, next) {
            const name = /node_modules\\/(typescript|@npmcli\\/arborist|@opentelemetry\\/sdk-trace-node|ssh2)\\//.exec(url)?.[1];
            if (name !== undefined) loaded.add(name);
            return next(url, context);
        },
    });
    process.on("exit", () => console.error("loaded " + JSON.stringify([...loaded].sort())));
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

/** As the SDK's process of the program: a script under its name, with the project's packages. */
async function runAsProgram(text: string, preloads: readonly string[]): Promise<{ loaded: unknown; stdout: string }> {
    return await inTemporaryFolder((folder) => {
        symlinkSync(path.resolve("node_modules"), path.join(folder, "node_modules"));
        const script = path.join(folder, "@pulumi", "pulumi", "cmd", "run", "index.cjs");
        mkdirSync(path.dirname(script), { recursive: true });
        writeFileSync(script, text);
        return run(script, folder, preloads);
    });
}

test.each([
    ["without the file, so that the next line tells something", [], ["@npmcli/arborist", "typescript"]],
    ["with it", [deferred], []],
])("what the host of the dynamic resources loads at its start: %s", async (_, preloads, expected) => {
    await inTemporaryFolder((folder) => {
        expect(run(dynamicHost, folder, preloads).loaded).toEqual(expected);
    });
});

const startOfProgram = `require("@pulumi/pulumi"); require("@pulumi/pulumi/cmd/run/tracing"); require("dockerode");`;

test.each([
    [
        "without the file, so that the next line tells something",
        [],
        ["@npmcli/arborist", "@opentelemetry/sdk-trace-node", "ssh2", "typescript"],
    ],
    ["with it", [deferred], []],
])("what a program loads at its start: %s", async (_, preloads, expected) => {
    expect((await runAsProgram(startOfProgram, preloads)).loaded).toEqual(expected);
});

test("a function is still serialised, and the packages that go with it are found", async () => {
    const { loaded, stdout } = await runAsProgram(
        `const { runtime } = require("@pulumi/pulumi");
         runtime.serializeFunction(() => ["serialised", 42])
             .then(({ text }) => console.log(text))
             .then(() => runtime.computeCodePaths())
             .then((paths) => console.log([...paths.keys()].join("\\n")));`,
        [deferred],
    );
    expect(loaded).toEqual(["@npmcli/arborist", "typescript"]);
    expect(stdout).toContain('return () => ["serialised", 42];');
    expect(stdout).toMatch(/^node_modules\/zod$/m);
});

test("a run is still traced where it is asked for", async () => {
    const { loaded, stdout } = await runAsProgram(
        `const tracing = require("@pulumi/pulumi/cmd/run/tracing");
         const traceOf = (name) => tracing.newSpan(name).spanContext().traceId;
         console.log(traceOf("before"));
         tracing.start("http://127.0.0.1:9/api/v2/spans");
         console.log(traceOf("after"));
         process.exit();`,
        [deferred],
    );
    expect(loaded).toEqual(["@opentelemetry/sdk-trace-node"]);
    expect(stdout).toMatch(/^0{32}\n(?!0{32})[0-9a-f]{32}\n$/);
});

test("an engine is still asked through SSH", async () => {
    const { loaded, stdout } = await runAsProgram(
        `const Docker = require("dockerode");
         new Docker({ protocol: "ssh", host: "127.0.0.1", port: 9, username: "nobody" }).ping()
             .catch((error) => { console.log(error.code); process.exit(); });`,
        [deferred],
    );
    expect(loaded).toEqual(["ssh2"]);
    expect(stdout).toBe("ECONNREFUSED\n");
});
