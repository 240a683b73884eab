// biome-ignore-all lint/suspicious/noTemplateCurlyInString: compose's own way to name a variable.
/** The real compose file through the real compose: the same release everywhere, and what a change of each kind does. */
import { execFile } from "node:child_process";
import { chmod, cp, mkdtemp, readFile, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { PlumblineError } from "../../release/errors.ts";
import { findCompose, loadRelease } from "../../release/load.ts";
import type { Release } from "../../release/types.ts";

const root = process.cwd();
const parts = ["docker-compose.yml", "services"];
let base = "";
let clone = "";
let composeCommand: readonly string[] = [];

/** A copy of what a release is made of. */
async function makeClone(name: string): Promise<string> {
    const folder = join(base, name);
    const junk = /\/(__pycache__|node_modules|\.pytest_cache)(\/|$)/;
    for (const part of parts) {
        await cp(join(root, part), join(folder, part), { recursive: true, filter: (path) => !junk.test(path) });
    }
    return folder;
}

async function load(raw: Readonly<Record<string, string>> = {}, folder = clone, stack = "local"): Promise<Release> {
    return (await loadRelease(folder, stack, raw, { composeCommand })).release;
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
    const path = join(clone, file);
    const before = await readFile(path, "utf8");
    const after = change(before);
    expect(after).not.toBe(before);
    await writeFile(path, after);
}

/** Inserts lines at the start of a service of the compose file. */
const inService = (service: string, lines: string) => (text: string) =>
    text.replace(new RegExp(`^  ${service}:\n    <<: \\*service\n`, "m"), (found) => `${found}    ${lines}\n`);

/** Changes the first match after the start of a service. */
const ofService = (service: string, from: string, to: string) => (text: string) => {
    const start = text.indexOf(`\n  ${service}:\n`);
    return text.slice(0, start) + text.slice(start).replace(from, () => to);
};

beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), "plumbline-release-"));
    composeCommand = await findCompose(root);
});
afterAll(() => rm(base, { recursive: true }));
beforeEach(async () => {
    await rm(join(base, "clone"), { recursive: true, force: true });
    clone = await makeClone("clone");
});

describe("the baseline", () => {
    test("becomes the five services with their names, ports and volumes, in start order [R01] [R02] [R03]", async () => {
        const release = await load();
        expect(release.services.map(({ name, kind }) => [name, kind])).toEqual([
            ["postgres", "stateful"],
            ["redis", "stateful"],
            ["storage", "stateful"],
            ["api", "request"],
            ["worker", "consumer"],
        ]);
        const ports = release.services.map(({ name, ports }) => [name, ports.map(({ published }) => published)]);
        expect(Object.fromEntries(ports)).toEqual({
            postgres: [54322],
            redis: [6379],
            storage: [5000],
            api: [8000],
            worker: [8001],
        });
        expect(release.networks.map(({ name }) => name)).toEqual(["insurance_navigator_network"]);
        expect(release.volumes.map(({ name }) => name)).toEqual([
            "insurance_navigator_postgres_data",
            "insurance_navigator_redis_data",
            "insurance_navigator_storage_data",
        ]);
        expect(release.supabase).toMatchObject({ projectId: "insurance-navigator", apiUrl: "http://localhost:54321" });
        expect(release.services.find(({ name }) => name === "storage")?.buckets?.list).toEqual([
            { name: "documents", public: false, fileSizeLimit: 52_428_800, allowedMimeTypes: null },
        ]);
    });

    test("is published on localhost only, for every port and gateway of local [R65]", async () => {
        const { edge, services } = await load();
        const addresses = [
            ...services.flatMap(({ ports }) => ports.map(({ hostIp }) => hostIp)),
            ...edge.listeners.flatMap(({ published }) => (published === undefined ? [] : [published.hostIp])),
            ...edge.gateways.map(({ published }) => published.hostIp),
            edge.probeHostIp,
        ];
        expect(addresses.length).toBeGreaterThan(10);
        expect(new Set(addresses)).toEqual(new Set(["127.0.0.1"]));
    });

    test("gives every stack names and ports of its own, and holds only placeholders of secrets [R06]", async () => {
        const secrets = Object.fromEntries(
            Object.keys((await load()).secretSources).map((name) => [
                name,
                `value-of-${name.replaceAll("_", "-")}-${"x".repeat(32)}`,
            ]),
        );
        const raw = { secrets: JSON.stringify(secrets) };
        const [local, staging, production] = [
            await load(),
            await load(raw, clone, "staging"),
            await load(raw, clone, "production"),
        ];
        const names = (release: Release) => [...release.networks, ...release.volumes].map(({ name }) => name);
        expect(new Set([local, staging, production].flatMap(names)).size).toBe(3 * names(local).length);
        const hostPorts = (release: Release) =>
            release.services.flatMap(({ ports }) => ports.map(({ published }) => published));
        expect(hostPorts(staging)).toEqual(hostPorts(local).map((port) => port + 10_000));
        expect(JSON.stringify([staging, production])).not.toContain("value-of-");
        expect(JSON.stringify(local)).toContain("<secret:POSTGRES_PASSWORD>");
    });
});

describe("the same release", () => {
    test("comes out of two clones in two folders, written at other times with another umask, also through a link", async () => {
        const before = await load();
        const other = await makeClone("a folder/of another name");
        await utimes(join(other, "docker-compose.yml"), 1, 1);
        await utimes(join(other, "services/redis/Dockerfile"), 1, 1);
        await chmod(join(other, "services/redis/Dockerfile"), 0o600);
        await symlink(other, join(base, "link"));
        expect(await load({}, other)).toEqual(before);
        expect(await load({}, join(base, "link"))).toEqual(before);
        expect(JSON.stringify(before)).not.toContain(base);
    });

    test("comes out of another shell, with another home and variables of the same names", async () => {
        const before = await load();
        await writeFile(join(clone, ".env"), "LOG_LEVEL=debug\nREDIS_MAXMEMORY=1mb\n");
        const script = join(clone, "print.ts");
        const loader = JSON.stringify(join(root, "release/load.ts"));
        await writeFile(
            script,
            `import { loadRelease } from ${loader};
            const { release } = await loadRelease(".", "local", {}, { composeCommand: ${JSON.stringify(composeCommand)} });
            console.log(release.id);`,
        );
        const env = {
            PATH: process.env.PATH,
            HOME: clone,
            DOCKER_CONFIG: process.env.DOCKER_CONFIG ?? join(process.env.HOME ?? "", ".docker"),
            LANG: "tr_TR.UTF-8",
            TZ: "Asia/Kolkata",
            LOG_LEVEL: "debug",
            POSTGRES_PASSWORD: "other",
            COMPOSE_PROJECT_NAME: "other",
            COMPOSE_PROFILES: "other",
            COMPOSE_FILE: "other.yml",
            DOCKER_DEFAULT_PLATFORM: "linux/s390x",
        };
        await writeFile(join(clone, "package.json"), '{"type":"module"}');
        const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: clone, env });
        expect(stdout.trim()).toBe(before.id);
    });

    test("comes out of a file with other comments, other order and another file name", async () => {
        const before = await load();
        await edit("docker-compose.yml", (text) => `# A comment.\n${text}`);
        await edit("docker-compose.yml", ofService("redis", "      REDIS_PASSWORD: ${REDIS_PASSWORD:?}\n", ""));
        await edit(
            "docker-compose.yml",
            ofService(
                "redis",
                "      REDIS_MAXMEMORY: ${REDIS_MAXMEMORY:-128mb}\n",
                "      REDIS_MAXMEMORY: ${REDIS_MAXMEMORY:-128mb}\n      REDIS_PASSWORD: ${REDIS_PASSWORD:?}\n",
            ),
        );
        expect(await load()).toEqual(before);
        await rename(join(clone, "docker-compose.yml"), join(clone, "other.yml"));
        expect((await load({ composeFile: "other.yml" })).id).toBe(before.id);
    });
});

describe("a change", () => {
    interface Change {
        readonly what: string;
        readonly make?: () => Promise<unknown>;
        readonly raw?: Readonly<Record<string, string>>;
        /** Everything that gets a new revision; the release gets a new id in any case. */
        readonly touches: readonly string[];
    }
    const compose = (change: (text: string) => string) => () => edit("docker-compose.yml", change);
    const everyUser = ["api", "postgres", "redis", "storage", "worker"];
    const changes: Change[] = [
        {
            what: "a source file",
            make: () => edit("services/redis/Dockerfile", (text) => `${text}# changed\n`),
            touches: ["redis"],
        },
        {
            what: "a new source file",
            make: () => writeFile(join(clone, "services/storage/new.py"), "x = 1\n"),
            touches: ["storage"],
        },
        {
            what: "an executable bit",
            make: () => chmod(join(clone, "services/redis/Dockerfile"), 0o755),
            touches: ["redis"],
        },
        {
            what: "the edge's image",
            make: () => edit("services/edge/Dockerfile", (text) => `${text}# changed\n`),
            touches: ["edge"],
        },
        {
            what: "a build argument",
            make: compose(
                ofService("api", "build: ./services/api", "build: { context: ./services/api, args: { A: b } }"),
            ),
            touches: ["api"],
        },
        {
            what: "an environment value",
            make: compose(ofService("worker", "STORAGE_BUCKET: documents", "STORAGE_BUCKET: others")),
            touches: ["worker"],
        },
        {
            what: "a limit",
            make: compose(ofService("redis", "mem_limit: 256m", "mem_limit: 200m")),
            touches: ["redis"],
        },
        {
            what: "a healthcheck",
            make: compose(ofService("storage", "interval: 3s", "interval: 4s")),
            touches: ["storage"],
        },
        { what: "a tmpfs", make: compose(ofService("api", "/tmp:size=64m", "/tmp:size=65m")), touches: ["api"] },
        { what: "a command", make: compose(inService("worker", "command: [worker, --verbose]")), touches: ["worker"] },
        { what: "a label", make: compose(inService("postgres", "labels: { team: data }")), touches: ["postgres"] },
        {
            what: "a network alias",
            make: compose(inService("redis", "networks: { network: { aliases: [cache] } }")),
            touches: ["edge", "redis"],
        },
        {
            what: "a published port",
            make: compose(ofService("api", "127.0.0.1:8000:8000", "127.0.0.1:8080:8000")),
            touches: ["edge"],
        },
        {
            what: "a gateway's port",
            make: compose((text) => text.replace("port: 54321", "port: 54320")),
            touches: ["edge"],
        },
        {
            what: "a gateway's route",
            make: compose((text) => text.replace("prefix: /storage/v1,", "prefix: /storage/v2,")),
            touches: [],
        },
        { what: "a probe", make: compose(ofService("worker", "path: /health", "path: /healthz")), touches: [] },
        {
            what: "a dependency",
            make: compose(
                ofService("api", "redis: { condition: service_healthy }", "redis: { condition: service_started }"),
            ),
            touches: [],
        },
        {
            what: "the smoke test",
            make: compose((text) => text.replace("withinSeconds: 30", "withinSeconds: 31")),
            touches: [],
        },
        {
            what: "a bucket",
            make: compose((text) => text.replace("name: documents, public: false", "name: documents, public: true")),
            touches: [],
        },
        { what: "a variable", raw: { variables: '{"LOG_LEVEL":"debug"}' }, touches: ["api", "storage", "worker"] },
        {
            what: "a given secret",
            raw: { secrets: '{"REDIS_PASSWORD":"given-password-1"}' },
            touches: ["api", "redis", "worker"],
        },
        {
            what: "a given signing secret",
            raw: { secrets: `{"JWT_SECRET":"${"s".repeat(40)}"}` },
            touches: ["api", "storage", "worker"],
        },
        { what: "the version of the credentials", raw: { credentialsVersion: "2" }, touches: everyUser },
        { what: "an image to pull", raw: { images: '{"storage":"supabase/storage-api:v1"}' }, touches: ["storage"] },
        { what: "the offset of the ports", raw: { ports: '{"offset":100}' }, touches: ["edge"] },
        { what: "a deadline", raw: { startTimeoutSeconds: '{"postgres":600}' }, touches: [] },
        { what: "a number of the health policy", raw: { health: '{"intervalSeconds":1}' }, touches: [] },
    ];
    const revisionsOf = ({ edge, services }: Release) => ({
        edge: edge.revision,
        ...Object.fromEntries(services.map(({ name, revision }) => [name, revision])),
    });
    test.each(changes)("of $what touches exactly $touches", async ({ make, raw, touches }) => {
        const before = await load();
        await make?.();
        const after = await load(raw);
        const was: Readonly<Record<string, string>> = revisionsOf(before);
        const changed = Object.entries(revisionsOf(after)).filter(([name, revision]) => was[name] !== revision);
        expect(changed.map(([name]) => name).sort()).toEqual([...touches].sort());
        expect(after.id).not.toBe(before.id);
    });
});

describe("a file is refused", () => {
    const refusal = async (change: (text: string) => string, raw: Readonly<Record<string, string>> = {}) => {
        await edit("docker-compose.yml", change);
        const error = await load(raw).catch((error: unknown) => error);
        if (error instanceof PlumblineError) return error;
        throw new Error("it was accepted", { cause: error });
    };
    const cases: [what: string, change: (text: string) => string, message: RegExp][] = [
        [
            "host network",
            (text) => text.replaceAll("networks: [network]", "network_mode: host"),
            /services\.api\.network_mode: is not supported: the edge/,
        ],
        [
            "udp",
            ofService("api", '"127.0.0.1:8000:8000"', '"8000:8000/udp"'),
            /services\.api\.ports\.0\.protocol: only tcp/,
        ],
        [
            "a fixed address",
            inService("api", "networks: { network: { ipv4_address: 10.9.8.7 } }"),
            /services\.api\.networks\.network\.ipv4_address/,
        ],
        [
            "a bind mount",
            inService("api", 'volumes: ["./services:/x"]'),
            /services\.api\.volumes\.0\.type: bind mounts/,
        ],
        [
            "an outside bind mount",
            inService("api", 'volumes: ["/etc:/x"]'),
            /services\.api\.volumes\.0\.type: bind mounts/,
        ],
        [
            "a context outside",
            ofService("api", "./services/api", "../elsewhere"),
            /services\.api\.build\.context: must be a folder inside/,
        ],
        ["no replica", inService("api", "deploy: { replicas: 0 }"), /services\.api\.deploy\.replicas/],
        [
            "a device",
            inService("api", "devices: [/dev/null]"),
            /docker-compose\.yml:\d+: services\.api\.devices: is not supported/,
        ],
        [
            "a file secret",
            (text) =>
                `${text}\nsecrets: { c: { environment: "x" } }\n`.replace(
                    "  api:\n    <<: *service\n",
                    "  api:\n    <<: *service\n    secrets: [c]\n",
                ),
            /secrets\.c\.environment: x is not declared secret/,
        ],
        [
            "a shared volume name",
            (text) => text.replace("redis_data: {}", "redis_data: { name: shared }"),
            /volumes\.redis_data\.name: shared/,
        ],
        [
            "an external volume",
            (text) => text.replace("redis_data: {}", "redis_data: { external: true }"),
            /volumes\.redis_data\.external/,
        ],
        ["a variable without value", ofService("api", "documents", "$BUCKET"), /variables that have no value: BUCKET/],
        [
            "a passed-on variable",
            ofService("api", "STORAGE_BUCKET: documents", "STORAGE_BUCKET:"),
            /services\.api\.environment\.STORAGE_BUCKET: has no value/,
        ],
        ["the machine's home", ofService("api", "documents", "${HOME}"), /variables that have no value: HOME/],
        ["the machine's search path", ofService("api", "documents", "${PATH}"), /takes PATH from the machine/],
        [
            "a key that compose does not know",
            inService("api", "imag: x"),
            /docker-compose\.yml is refused by compose:.*imag/s,
        ],
        [
            "broken YAML",
            (text) => text.replace("services:\n", "services:\n   :\n  - x\n"),
            /refused by compose:.*yaml: line \d+/s,
        ],
        [
            "an unknown key of ours",
            ofService("api", "kind: request", "kimd: request"),
            /docker-compose\.yml:\d+: services\.api\.x-plumbline\.kimd/,
        ],
    ];
    test.each(cases)("for %s", async (_, change, message) => {
        expect((await refusal(change)).message).toMatch(message);
    });

    test("for an unknown dependency, with the nearest name [R07]", async () => {
        const error = await refusal(ofService("storage", "postgres: { condition", "postgers: { condition"));
        expect(error).toMatchObject({ category: "dependency", service: "storage" });
        expect(error.remedy).toContain("did you mean postgres?");
    });

    test("for a circle of dependencies, named as a path [R07]", async () => {
        const error = await refusal(inService("postgres", "depends_on: { api: { condition: service_healthy } }"));
        expect(error.category).toBe("dependency");
        expect(error.message).toMatch(/api → postgres → api/);
    });
});

test("a missing compose file, and a missing compose, are named", async () => {
    await expect(load({ composeFile: "none.yml" })).rejects.toThrow(/none\.yml cannot be read/);
    const nowhere = loadRelease(clone, "local", {}, { composeCommand: ["/nonexistent/compose"] });
    await expect(nowhere).rejects.toThrow(/cannot be started/);
});

test("what compose writes for difficult texts is read as the same texts", async () => {
    const values = [
        "0750",
        "y",
        "No",
        "1e3",
        "~",
        "2020-01-01",
        "0o17",
        "null",
        "1_000",
        "0x1f",
        ".5",
        "=",
        "a: b",
        "# c",
        " lead",
        "two\nlines\n",
        "é☃",
        "12:30",
        "",
        "*x",
        "'q' \"d\"",
        "%x",
        "$5",
        "$$",
    ];
    const lines = values.map((value, index) => `      V${index}: ${JSON.stringify(value).replaceAll("$", "$$$$")}`);
    await edit(
        "docker-compose.yml",
        ofService("redis", "    environment:\n", `    environment:\n${lines.join("\n")}\n`),
    );
    const redis = (await load()).services.find(({ name }) => name === "redis");
    expect(values.map((_, index) => redis?.spec.environment[`V${index}`])).toEqual(values);
});
