/** The modules of Pulumi's SDK that are loaded when they are needed: not before, and then they work. */
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import { inTemporaryFolder } from "./support/temporary.ts";

const deferred = path.resolve("toolchain/deferred-modules.cjs");
const dynamicHost = path.resolve("node_modules/@pulumi/pulumi/cmd/dynamic-provider/index.js");

const automation = "@pulumi/pulumi/automation";
const inspector = "@pulumi/pulumi/runtime/closure/v8Hooks";
const sourceMaps = "source-map-support";

/** Tells at the end which of the modules whose loading is deferred Node has read. */
const watched = [
    "typescript",
    "@npmcli/arborist",
    "@opentelemetry/sdk-trace-node",
    "ssh2",
    automation,
    inspector,
    sourceMaps,
];
const tellLoaded = `
    const { registerHooks } = require("node:module");
    const loaded = new Set();
    registerHooks({
        load(url, context, next) {
            const name = new RegExp("node_modules/(${watched.join("|")})[/.]").exec(url)?.[1];
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
    [
        "without the file, so that the next line tells something",
        [],
        ["@npmcli/arborist", automation, sourceMaps, "typescript"],
    ],
    ["with it", [deferred], []],
])("what the host of the dynamic resources loads at its start: %s", async (_, preloads, expected) => {
    await inTemporaryFolder((folder) => {
        expect(run(dynamicHost, folder, preloads).loaded).toEqual(expected);
    });
});

const startOfProgram = `
    require("source-map-support/register");
    require("${inspector}").isInitializedAsync().then(() => {
        for (const name of ["@pulumi/pulumi", "@pulumi/pulumi/cmd/run/tracing", "dockerode"]) require(name);
        console.log("ready");
    });
`;

test.each([
    [
        "without the file, so that the next line tells something",
        [],
        ["@npmcli/arborist", "@opentelemetry/sdk-trace-node", automation, inspector, sourceMaps, "ssh2", "typescript"],
    ],
    ["with it", [deferred], []],
])("what a program loads at its start: %s", async (_, preloads, expected) => {
    const { loaded, stdout } = await runAsProgram(startOfProgram, preloads);
    expect(loaded).toEqual(expected);
    expect(stdout).toBe("ready\n");
});

test("a program may use the Automation API", async () => {
    const { loaded, stdout } = await runAsProgram(
        `const { automation } = require("@pulumi/pulumi");
         automation.LocalWorkspace.create({ program: async () => {} }).catch((error) => console.log(error.message));
         console.log(automation.LocalWorkspace.name);`,
        [deferred],
    );
    expect(loaded).toContain(automation);
    expect(stdout).toMatch(/^LocalWorkspace$/m);
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
    expect(loaded).toEqual(["@npmcli/arborist", inspector, "typescript"]);
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
