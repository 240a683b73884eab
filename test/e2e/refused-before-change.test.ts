// biome-ignore-all lint/suspicious/noTemplateCurlyInString: compose's own way to name a variable.
/**
 * What is wrong is refused before anything is changed, in the same words by `pulumi up`, by our command and by the function
 * that it calls: exit 30, and what stood before stands after. On a small baseline of one service that runs meanwhile.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { StackName } from "../../release/settings-schema.ts";
import { expectExit } from "../support/ended.ts";
import { filesBelow, Project, type Ran, type RunOptions } from "../support/project.ts";
import { onReadOnly, whyNoReadOnly } from "../support/read-only.ts";
import { type Door, doorsOf, standing, writeScript } from "../support/refusals.ts";

const composeFile = `x-plumbline:
  secrets:
    REDIS_PASSWORD: { generate: 32 }
services:
  cache:
    build: ./services/redis
    user: "10002:10002"
    restart: unless-stopped
    attach: false
    read_only: true
    init: true
    environment: { REDIS_PASSWORD: "\${REDIS_PASSWORD:?}", REDIS_MAXMEMORY: "\${MAXMEMORY:-64mb}" }
    ports: ["127.0.0.1:6379:6379"]
    volumes: ["data:/var/lib/redis"]
    tmpfs: ["/tmp:size=16m"]
    healthcheck: { test: [CMD, /usr/local/bin/healthcheck], interval: 1s, timeout: 5s, retries: 5, start_period: 30s }
    x-plumbline:
      probes: [{ redis: { port: 6379, password: "\${REDIS_PASSWORD:?}" } }]
volumes: { data: {} }
`;
const stacks = ["local", "staging", "production"] as const satisfies readonly StackName[];
const longPassphrase = "long enough to protect";

let project: Project;

beforeAll(async () => {
    project = await Project.create();
    for (const stack of stacks) {
        await project.claim(stack, {
            "plumbline:composeFile": "small.yml",
            "plumbline:rollout": { bakeSeconds: 0, gateLoadSeconds: 0 },
            "plumbline:variables": {},
            "plumbline:startTimeoutSeconds": {},
        });
    }
    await writeFile(path.join(project.folder, "small.yml"), composeFile);
    await project.ownImage("redis");
    const deployed = await project.command(["deploy"], { timeoutMs: 600_000 });
    if (deployed.code !== 0) throw new Error(deployed.output);
    // Stacks of the backend, as somebody has made them who has not set their secrets yet.
    for (const [stack, passphrase] of [
        ["staging", longPassphrase],
        ["production", "short"],
    ] as const) {
        const env = { PULUMI_CONFIG_PASSPHRASE: passphrase };
        const made = await project.pulumi(["stack", "init", stack, "--no-select"], { env });
        if (made.code !== 0) throw new Error(made.output);
    }
}, 660_000);

afterAll(() => project.dispose(), 120_000);

interface Case {
    readonly stack?: StackName;
    readonly env?: RunOptions["env"];
    /** Makes it wrong, and returns how it is made right again. */
    readonly arrange?: () => Promise<() => Promise<unknown>>;
    /** What every door must say. */
    readonly says: readonly (string | RegExp)[];
    /** What only our doors can say, since Pulumi refuses by itself before the program runs. */
    readonly oursSay?: readonly (string | RegExp)[];
    /** Pulumi had to run the program to find it out, and has kept that in its history. */
    readonly isFoundByProgram?: boolean;
}

/** Changes a file, and puts it back byte for byte. */
const changed = (file: string, change: (text: string) => string | undefined) => async () => {
    const full = path.join(project.folder, file);
    const before = await readFile(full, "utf8");
    const after = change(before);
    expect(after).not.toBe(before);
    await (after === undefined ? rm(full) : writeFile(full, after));
    return () => writeFile(full, before);
};

/** Sets keys of a stack's settings. */
const configured = (stack: StackName, settings: Readonly<Record<string, unknown>>) => async () => {
    const file = path.join(project.folder, `Pulumi.${stack}.yaml`);
    const before = await readFile(file, "utf8");
    await project.configure(stack, settings);
    return () => writeFile(file, before);
};

const cases: readonly (readonly [what: string, it: Case])[] = [
    [
        "an unknown setting and a malformed one",
        {
            arrange: configured("local", { "plumbline:helth": { retries: 3 }, "plumbline:drainSeconds": "soon" }),
            says: [
                "Pulumi.local.yaml is not valid:",
                "plumbline:helth is not a setting (did you mean health?)",
                'plumbline:drainSeconds is "soon": expected number',
                "Correct Pulumi.local.yaml; docs/settings.md lists every key.",
            ],
        },
    ],
    [
        "settings that contradict each other",
        {
            arrange: configured("local", {
                "plumbline:rollout": { bakeSeconds: 1, bakeIntervalSeconds: 2 },
                "plumbline:variables": { REDIS_PASSWORD: "twice" },
                "plumbline:secrets": { REDIS_PASSWORD: "twice-or-more" },
                "plumbline:bindAddress": "0.0.0.0",
            }),
            says: [
                "plumbline:rollout.bakeSeconds is 1: it must hold 5 intervals of 2 s, or be 0",
                "plumbline:variables.REDIS_PASSWORD is also set as plumbline:secrets.REDIS_PASSWORD: remove one",
                'plumbline:bindAddress is "0.0.0.0": local is published on this machine only',
            ],
        },
    ],
    [
        "settings and a baseline that do not fit together",
        {
            arrange: configured("local", { "plumbline:images": { cahce: "redis:8" } }),
            says: [
                "Pulumi.local.yaml and small.yml do not fit together:",
                "plumbline:images.cahce: cahce is not a service of the baseline (did you mean cache?)",
            ],
        },
    ],
    [
        "a compose file that is no YAML",
        {
            arrange: changed("small.yml", (text) => text.replace("services:\n", "services:\n   :\n  - x\n")),
            says: ["small.yml is refused by compose:", /yaml: .*line \d+/],
        },
    ],
    [
        "a compose file with what is not deployed",
        {
            arrange: changed("small.yml", (text) => text.replace("init: true", "init: true\n    devices: [/dev/null]")),
            says: [
                "small.yml cannot be deployed as it stands:",
                /small\.yml:\d+: services\.cache\.devices: is not supported: /,
            ],
        },
    ],
    [
        "a required variable that has no value",
        {
            arrange: changed("small.yml", (text) => text.replace("${MAXMEMORY:-64mb}", "${MAXMEMORY:?say how much}")),
            says: ["small.yml is refused by compose:", "MAXMEMORY", "say how much"],
        },
    ],
    [
        "a variable without value and default",
        {
            arrange: changed("small.yml", (text) => text.replace("${MAXMEMORY:-64mb}", "${MAXMEMORY}")),
            says: ["small.yml uses variables that have no value: MAXMEMORY.", "Set them under plumbline:variables"],
        },
    ],
    [
        "a wrong passphrase",
        {
            env: { PULUMI_CONFIG_PASSPHRASE: "another one than it was" },
            says: ["incorrect passphrase"],
            oursSay: ["Set PULUMI_CONFIG_PASSPHRASE"],
        },
    ],
    [
        "an empty passphrase",
        {
            env: { PULUMI_CONFIG_PASSPHRASE: "" },
            says: ["passphrase"],
            oursSay: ["The passphrase of local is empty."],
        },
    ],
    [
        "a passphrase that is too short",
        {
            stack: "production",
            env: { PULUMI_CONFIG_PASSPHRASE: "short" },
            says: [
                "The passphrase of production is shorter than 12 characters.",
                "Set PULUMI_CONFIG_PASSPHRASE to a secret",
            ],
        },
    ],
    [
        "a secret that `staging` must have",
        {
            stack: "staging",
            env: { PULUMI_CONFIG_PASSPHRASE: longPassphrase },
            says: ["the secret REDIS_PASSWORD has no value", "npm run secrets -- --stack staging"],
        },
    ],
    [
        "a settings file that is no YAML",
        {
            arrange: changed("Pulumi.local.yaml", (text) => `${text}  - : [\n`),
            says: [/line \d+/],
            oursSay: ["Pulumi.local.yaml is not valid:", "Correct Pulumi.local.yaml"],
        },
    ],
    [
        "a variable that makes Pulumi go past a gate",
        {
            env: { PULUMI_CONTINUE_ON_ERROR: "true" },
            says: [
                "PULUMI_CONTINUE_ON_ERROR is refused: it goes past a gate that failed. A release goes out whole or not at all.",
            ],
        },
    ],
    [
        "a variable that names a target",
        {
            env: { PULUMI_OPTION_TARGET: "urn:pulumi:local::plumbline::pulumi:pulumi:Stack::plumbline-local" },
            says: ["PULUMI_OPTION_TARGET is refused: it deploys some resources without the others"],
        },
    ],
    [
        "an image that cannot be built",
        {
            arrange: changed("services/redis/Dockerfile", (text) => `${text}RUN echo no-such-package && exit 7\n`),
            says: ["the image could not be built", "echo no-such-package && exit 7"],
            isFoundByProgram: true,
        },
    ],
    [
        "a release whose file in the ledger is damaged",
        {
            arrange: damagedRelease,
            says: [/the ledger of \S+ is damaged: release-[0-9a-f]{12}\.json on volume \S+_ledger/, "look at the file"],
            isFoundByProgram: true,
        },
    ],
];

/** Pins the release that runs, and damages its file, as a person or a full disk could. */
async function damagedRelease(): Promise<() => Promise<unknown>> {
    const { release } = await project.summary("local");
    const helper = `${project.place("local").project}-ledger`;
    const folder = path.join(project.folder, "ledger-copy");
    await mkdir(folder, { recursive: true });
    const file = `release-${release}.json`;
    const put = (from: string, name: string) =>
        project.docker(["cp", path.join(folder, from), `${helper}:/ledger/${name}`]);
    await project.docker(["cp", `${helper}:/ledger/${file}`, path.join(folder, "whole")]);
    await writeFile(path.join(folder, "half"), (await readFile(path.join(folder, "whole"), "utf8")).slice(0, 200));
    await writeFile(
        path.join(folder, "pin"),
        JSON.stringify({ release, by: "a person", at: "2026-01-01T00:00:00.000Z" }),
    );
    await writeFile(path.join(folder, "no-pin"), JSON.stringify({ release: null, by: "", at: "" }));
    await put("half", file);
    await put("pin", "pin.json");
    return async () => {
        await put("whole", file);
        await put("no-pin", "pin.json");
        await rm(folder, { recursive: true });
    };
}

/** Goes through a door that must be shut, and looks whether all stands as before. */
async function refusedAt(
    door: Door,
    { stack = "local", env = {}, says, oursSay = [], isFoundByProgram = false }: Case,
) {
    const before = await standing(project, stacks);
    const ran = await door.run(stack, { env });
    const after = await standing(project, stacks);
    expectExit(ran, door.isOurs ? 30 : "failing");
    for (const text of door.isOurs ? [...says, ...oursSay] : says) expect(ran.output).toMatch(text);
    // Of Pulumi's own run the book-keeping is left; what it knows of the stack is the same.
    const exactly = door.isOurs && !isFoundByProgram;
    expect({ ...after, stateFiles: exactly ? after.stateFiles : "" }).toEqual({
        ...before,
        stateFiles: exactly ? before.stateFiles : "",
    });
}

describe.each(cases)("%s", (_, it) => {
    test("is refused by every door, in the same words, and nothing is changed or lost [R95]", async () => {
        const restore = await it.arrange?.();
        try {
            for (const door of doorsOf(project)) await refusedAt(door, it);
        } finally {
            await restore?.();
        }
    }, 300_000);
});

describe("a settings file that is not there", () => {
    test("is not made, and no other is written to, for a stack that is or is not in the backend [R06]", async () => {
        const restore = await changed("Pulumi.local.yaml", () => undefined)();
        try {
            for (const stack of ["local", "stagging"]) {
                const says = [`There is no stack "${stack}": Pulumi.${stack}.yaml does not exist.`];
                for (const door of doorsOf(project).filter(({ isOurs }) => isOurs)) {
                    const before = await standing(project, stacks);
                    const ran = await door.run(stack);
                    expect([ran.code, ran.output]).toEqual([30, expect.stringContaining(says[0] ?? "")]);
                    expect(await standing(project, stacks)).toEqual(before);
                }
            }
            const plain = (stack: string) => project.pulumi(["up", "--yes", "--skip-preview", "--stack", stack]);
            const unknown = await plain("stagging");
            expect([unknown.code === 0, unknown.output]).toEqual([false, expect.stringContaining("stagging")]);
            // Pulumi itself writes an empty file with a fresh salt; the program does not take that for the stack's own.
            const { engine, state } = await standing(project, stacks);
            const emptied = await plain("local");
            expect([emptied.code === 0, emptied.output]).toEqual([
                false,
                expect.stringContaining(
                    "Pulumi.local.yaml holds no settings: so Pulumi writes it where it is missing.",
                ),
            ]);
            expect(await standing(project, stacks)).toMatchObject({ engine, state });
        } finally {
            await restore();
        }
    }, 120_000);
});

describe("a stack that was never made", () => {
    test("is not made for settings, a baseline or secrets that are refused; its file stays as it is", async () => {
        const untouched = await Project.create();
        try {
            await untouched.claim("staging", { "plumbline:drainSeconds": "soon" });
            const env = { PULUMI_CONFIG_PASSPHRASE: longPassphrase };
            // Pulumi marks the folder as its own when it is asked which stacks there are.
            const files = async () =>
                (await filesBelow(path.join(untouched.folder, ".plumbline/state"))).filter(
                    (file) => !/\/meta\.yaml(\.attrs)?$/.test(file),
                );
            const look = async () => [
                await untouched.read("Pulumi.staging.yaml"),
                await untouched.read("Pulumi.production.yaml"),
                await files(),
            ];
            const missing = "the secret POSTGRES_PASSWORD has no value";
            const valid = () => untouched.configure("staging", { "plumbline:drainSeconds": undefined });
            const refusals: [stack: StackName, prepare: () => Promise<unknown>, says: string][] = [
                ["staging", async () => {}, "plumbline:drainSeconds"],
                ["staging", valid, missing],
                ["production", () => untouched.claim("production"), missing],
                ["staging", () => untouched.edit("docker-compose.yml", "  init: true\n", "  innit: true\n"), "innit"],
            ];
            for (const [stack, prepare, says] of refusals) {
                await prepare();
                const before = await look();
                const ran = await untouched.command(["deploy", "--stack", stack], { env });
                expect([ran.code, ran.output]).toEqual([30, expect.stringContaining(says)]);
                expect(await look()).toEqual(before);
            }
        } finally {
            await untouched.dispose();
        }
    }, 120_000);
});

describe("a folder in which nothing can be written", () => {
    const readOnly = (folder: string) => (command: string, args: readonly string[]) =>
        onReadOnly(folder, command, args);
    const why = whyNoReadOnly();
    if (why !== null) process.stderr.write(`test/e2e/refused-before-change.test.ts is skipped in part: ${why}\n`);
    const whereItCan = why === null ? test : test.skip;

    whereItCan.each([
        ["of the reports", "infrastructure/reports", "The folder infrastructure/reports/local cannot be written"],
        ["of the whole project", ".", "cannot be written"],
    ])(
        "%s is refused before anything is begun",
        async (_, folder, says) => {
            const full = path.join(project.folder, folder);
            for (const door of doorsOf(project, readOnly(full))) {
                const before = await standing(project, stacks);
                const ran: Ran = await door.run("local");
                const after = await standing(project, stacks);
                expectExit(ran, "failing");
                // In a project that is read-only as a whole, Pulumi cannot take its lock, and says so itself.
                if (door.isOurs || folder !== ".") expect(ran.output).toContain(says);
                if (door.isOurs)
                    expect([ran.code, ran.output]).toEqual([30, expect.stringContaining("Make it writable")]);
                expect({ ...after, stateFiles: "" }).toEqual({ ...before, stateFiles: "" });
            }
        },
        180_000,
    );
});

describe("options that go past gates", () => {
    test.each([["--target", "urn:x"], ["--target-dependents"], ["--exclude=urn:x"], ["--continue-on-error"]])(
        "%s is refused by each of our commands that change something, and by the function [R90]",
        async (...options) => {
            const before = await standing(project, stacks);
            const name = (options[0] ?? "").replace(/=.*/, "");
            for (const command of ["deploy", "rollback", "recover", "destroy"]) {
                const ran = await project.command([command, ...options]);
                expect([ran.code, ran.output]).toEqual([30, expect.stringContaining(`${name} is refused: it`)]);
            }
            const key = name.slice(2).replace(/-./g, (pair) => pair.slice(1).toUpperCase());
            const node = path.join(project.folder, "node_modules/.bin/node");
            await writeScript(project);
            const called = await project.exec(node, ["script.ts", "local", JSON.stringify({ [key]: ["urn:x"] })]);
            expect([called.code, called.output]).toEqual([30, expect.stringContaining(`${key} is refused: it`)]);
            expect(await standing(project, stacks)).toEqual(before);
        },
        60_000,
    );
});

test("every function of the API refuses in the same words, and throws nothing", async () => {
    const restore = await configured("local", { "plumbline:drainSeconds": "soon" })();
    try {
        const before = await standing(project, stacks);
        const names = [
            "deploy",
            "preview",
            "status",
            "releases",
            "validate",
            "rollback",
            "recover",
            "destroy",
            "secrets",
        ];
        const script = [
            ...names.map((name) => `import { ${name} } from "./automation/${name}.ts";`),
            `for (const [name, command] of Object.entries({ ${names.join(", ")} })) {`,
            '    const { outcome, exitCode, failure } = await command({ stack: "local" });',
            "    console.log(JSON.stringify([name, outcome, exitCode, failure?.category, failure?.message]));",
            "}",
        ];
        await writeFile(path.join(project.folder, "every.ts"), script.join("\n"));
        const ran = await project.exec(path.join(project.folder, "node_modules/.bin/node"), ["every.ts"]);
        const says = expect.stringContaining('plumbline:drainSeconds is "soon": expected number');
        expect([
            ran.output,
            ...ran.stdout
                .trim()
                .split("\n")
                .map((line) => JSON.parse(line)),
        ]).toEqual([ran.output, ...names.map((name) => [name, "refused", 30, "settings", says])]);
        expect(await standing(project, stacks)).toEqual(before);
    } finally {
        await restore();
    }
}, 120_000);

test("after all of it the stack is as it was: a deploy has nothing to do, and lists what is harmless", async () => {
    const harmless = /small\.yml:\d+: services\.cache\.attach: not used: it says whose log/;
    const ran = await project.command(["deploy"], { timeoutMs: 300_000 });
    expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("local: nothing to do")]);
    expect(ran.output).toMatch(harmless);
    const planned = await project.pulumi(["preview", "--stack", "local"]);
    expect([planned.code, planned.output]).toEqual([0, expect.stringMatching(harmless)]);
}, 300_000);
