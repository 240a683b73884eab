// biome-ignore-all lint/suspicious/noTemplateCurlyInString: compose's own way to name a variable.
/** A file is read as compose reads it: through the real `docker compose config`, whatever form a thing is written in. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Baseline, loadBaseline } from "../../release/baseline.ts";
import { PlumblineError } from "../../release/errors.ts";
import { findCompose, loadRelease } from "../../release/load.ts";
import { parseSettings } from "../../release/settings.ts";

const root = process.cwd();
let folder = "";
let composeCommand: readonly string[] = [];

beforeAll(async () => {
    composeCommand = await findCompose(root);
    folder = await mkdtemp(join(tmpdir(), "plumbline-compose-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Given {
    /** More files of the project, by path. */
    readonly files?: Readonly<Record<string, string>>;
    /** Settings of the stack. */
    readonly raw?: Readonly<Record<string, string>>;
}

/** The baseline of a file that stands in a project of its own. */
async function read(file: string, { files = {}, raw = {} }: Given = {}): Promise<Baseline> {
    const project = await mkdtemp(join(folder, "project-"));
    for (const [path, text] of Object.entries({ ...files, "docker-compose.yml": file })) {
        await mkdir(dirname(join(project, path)), { recursive: true });
        await writeFile(join(project, path), text);
    }
    return loadBaseline(project, parseSettings("local", { project: "demo", ...raw }), { composeCommand });
}

async function only(file: string, given: Given = {}) {
    const { services } = await read(file, given);
    const [web] = services.filter(({ name }) => name === "web");
    if (web === undefined) throw new Error("no service web");
    return web;
}

async function refusal(file: string, given: Given = {}): Promise<PlumblineError> {
    const error = await read(file, given).catch((error: unknown) => error);
    if (error instanceof PlumblineError) return error;
    throw new Error("it was accepted", { cause: error });
}

const service = (lines: string) => `services:\n  web:\n    image: demo\n    ${lines}\n`;

describe("what compose resolves arrives resolved", () => {
    test("anchors, merges, and extensions of the file", async () => {
        const { spec } = await only(`
x-base: &base { init: true, read_only: true, cap_drop: [ALL] }
services:
  web:
    <<: *base
    image: demo
    read_only: false
`);
        expect(spec).toMatchObject({ init: true, readOnly: false, capDrop: ["ALL"] });
    });

    test("extends, from the file itself and from another one", async () => {
        const { spec, ports } = await only(
            `
services:
  web:
    extends: { file: base/common.yml, service: common }
    environment: { B: "2" }
  half: { image: demo, user: "7" }
  other: { extends: half, command: [run] }
`,
            {
                files: {
                    "base/common.yml":
                        'services:\n  common:\n    image: demo\n    ports: ["8000:80"]\n    environment: { A: "1", B: "1" }\n',
                },
            },
        );
        expect(spec.environment).toEqual({ A: "1", B: "2" });
        expect(ports).toMatchObject([{ target: 80, published: 8000 }]);
    });

    test("include, with paths from the included file's own folder", async () => {
        const { services, volumes } = await read("include: [part/part.yml]\nservices: { web: { image: demo } }\n", {
            files: {
                "part/part.yml":
                    'services:\n  store:\n    build: .\n    volumes: ["data:/data"]\nvolumes: { data: {} }\n',
                "part/Dockerfile": "FROM debian:bookworm-slim\n",
            },
        });
        expect(services.map(({ name }) => name)).toEqual(["store", "web"]);
        expect(services[0]?.build).toMatchObject({ context: "part", dockerfile: "part/Dockerfile" });
        expect(volumes).toMatchObject([{ key: "data", name: "demo_data" }]);
    });

    test("env_file in every form, under environment; one that need not be there may be missing", async () => {
        const { spec } = await only(
            service(
                'env_file: [a.env, { path: b.env }, { path: none.env, required: false }]\n    environment: { C: "3" }',
            ),
            { files: { "a.env": "A=1\nB=1\nC=1\nQUOTED='a b'\n", "b.env": "B=2\n" } },
        );
        expect(spec.environment).toEqual({ A: "1", B: "2", C: "3", QUOTED: "a b" });
    });

    test("label_file, and both forms of labels and environment", async () => {
        const { spec } = await only(
            service('label_file: l.env\n    labels: ["b=2"]\n    environment: ["LIST=1", "EMPTY="]'),
            { files: { "l.env": "a=1\n" } },
        );
        expect(spec.labels).toEqual({ a: "1", b: "2" });
        expect(spec.environment).toEqual({ LIST: "1", EMPTY: "" });
    });

    test("variables of the stack, with every kind of default", async () => {
        const values =
            '{ A: "${SET}", B: "${SET:-d}", C: "${UNSET:-d}", D: "${BLANK:-d}", E: "${BLANK-d}", F: "${SET:+alt}", G: "$$SET", H: "${SET:?must}" }';
        const { spec } = await only(service(`environment: ${values}`), {
            raw: { variables: '{"SET":"s","BLANK":""}' },
        });
        expect(spec.environment).toEqual({ A: "s", B: "s", C: "d", D: "d", E: "", F: "alt", G: "$SET", H: "s" });
    });

    test("a list of commands and one line of shell, in entrypoint, command and healthcheck", async () => {
        const shell = await only(
            service("command: run --fast 'a b'\n    entrypoint: /bin/sh -c\n    healthcheck: { test: check it }"),
        );
        expect(shell.spec).toMatchObject({ command: ["run", "--fast", "a b"], entrypoint: ["/bin/sh", "-c"] });
        expect(shell.spec.healthcheck?.test).toEqual(["CMD-SHELL", "check it"]);
        const list = await only(service("command: [run]\n    healthcheck: { test: [CMD, check] }"));
        expect(list.spec).toMatchObject({ command: ["run"], healthcheck: { test: ["CMD", "check"] } });
    });

    test("ports in short and long form, and a range as one port each", async () => {
        const short = await only(service('ports: ["8000:80", "127.0.0.1:9000-9001:90-91"]'));
        expect(short.ports).toEqual([
            { target: 80, published: 8000 },
            { target: 90, published: 9000, hostIp: "127.0.0.1" },
            { target: 91, published: 9001, hostIp: "127.0.0.1" },
        ]);
        const long = await only(
            service(
                'ports: [{ name: web, target: 80, published: "8000", protocol: tcp, app_protocol: http, mode: host }]',
            ),
        );
        expect(long.ports).toEqual([{ target: 80, published: 8000, protocol: "http" }]);
        expect((await only(service('expose: [7000, "7001-7002"]'))).expose).toEqual([7000, 7001, 7002]);
    });

    test("volumes, networks, dependencies, limits and hosts in short and long form", async () => {
        const file = (volume: string, network: string, after: string, rest: string) => `
services:
  web:
    image: demo
    volumes: [${volume}]
    networks: ${network}
    depends_on: ${after}
    ${rest}
  store: { image: demo, networks: [net] }
networks: { net: {} }
volumes: { data: {} }
`;
        const short = await only(
            file('"data:/data:ro"', "[net]", "[store]", 'extra_hosts: ["a=10.0.0.1"]\n    ulimits: { nofile: 9 }'),
        );
        const long = await only(
            file(
                "{ type: volume, source: data, target: /data, read_only: true }",
                "{ net: {} }",
                "{ store: { condition: service_started } }",
                'extra_hosts: { a: "10.0.0.1" }\n    ulimits: { nofile: { soft: 9, hard: 9 } }',
            ),
        );
        expect(long).toEqual(short);
        expect(short.spec).toMatchObject({
            mounts: [{ source: "demo_data", target: "/data", readOnly: true }],
            networks: [{ network: "demo_net", aliases: [] }],
            extraHosts: [{ host: "a", ip: "10.0.0.1" }],
            ulimits: [{ name: "nofile", soft: 9, hard: 9 }],
        });
        expect(short.dependsOn).toEqual([{ service: "store", condition: "service_started" }]);
    });

    test("sizes and times in every unit, in the old place and under deploy", async () => {
        const old = await only(service("mem_limit: 64m\n    cpus: 0.5\n    pids_limit: 9\n    mem_reservation: 32m"));
        const under = await only(
            service(
                "deploy: { resources: { limits: { memory: 64M, cpus: '0.5', pids: 9 }, reservations: { memory: 32M } } }",
            ),
        );
        expect(under.spec).toEqual(old.spec);
        expect(old.spec).toMatchObject({
            memoryBytes: 67_108_864,
            memoryReservationBytes: 33_554_432,
            cpus: 0.5,
            pidsLimit: 9,
        });
        expect((await only(service("stop_grace_period: 1m30s\n    shm_size: 1gb"))).spec).toMatchObject({
            stopGraceSeconds: 90,
            shmBytes: 1_073_741_824,
        });
    });

    test("what of names and processors a container is given", async () => {
        const { spec } = await only(
            service(
                "domainname: example.test\n    dns: 10.0.0.53\n    dns_search: example.test\n    dns_opt: [ndots:2]\n    cpu_shares: 512\n    cpuset: 0-1",
            ),
        );
        expect(spec).toMatchObject({
            domainname: "example.test",
            dns: ["10.0.0.53"],
            dnsSearch: ["example.test"],
            dnsOptions: ["ndots:2"],
            cpuShares: 512,
            cpuset: "0-1",
        });
    });

    test("configs and secrets in short and long form", async () => {
        const { files } = await only(
            `
x-plumbline: { secrets: { TOKEN: { generate: 32 } } }
services:
  web:
    image: demo
    configs: [{ source: conf, target: /etc/app/app.conf, mode: 0440 }]
    secrets: [token]
configs: { conf: { content: "hello" } }
secrets: { token: { environment: TOKEN } }
`,
        );
        expect(files).toMatchObject([
            { target: "/etc/app/app.conf", source: { type: "text", text: "hello" }, mode: 0o440 },
            { target: "/run/secrets/token", source: { type: "text", text: "<secret:TOKEN>" } },
        ]);
    });
});

describe("profiles", () => {
    const file = `
services:
  web: { image: demo }
  debugger: { image: demo, profiles: [debug] }
  seeder: { image: demo, profiles: [seed, debug] }
`;

    test("are off, and every plan names what is left out", async () => {
        const { services, notes } = await read(file);
        expect(services.map(({ name }) => name)).toEqual(["web"]);
        expect(notes).toEqual([expect.stringMatching(/^docker-compose\.yml: debugger, seeder: left out, .*profiles/)]);
    });

    test("are put on by the stack", async () => {
        const { services, notes } = await read(file, { raw: { profiles: '["seed"]' } });
        expect(services.map(({ name }) => name)).toEqual(["seeder", "web"]);
        expect(notes).toEqual([expect.stringContaining("docker-compose.yml: debugger: left out")]);
        expect((await read(file, { raw: { profiles: '["debug"]' } })).notes).toEqual([]);
    });

    test("that the file does not have are refused, with the one that was meant", async () => {
        const error = await refusal(file, { raw: { profiles: '["debgu"]' } });
        expect(error.category).toBe("settings");
        expect(error.message).toMatch(/plumbline:profiles: .* no profile debgu \(did you mean debug\?\)/);
    });
});

describe("nothing is left out without a word", () => {
    test("what is harmless is listed with its line, and compose's own warnings with it", async () => {
        const { notes } = await read(
            `version: "3.8"\n${service("attach: false\n    pull_policy: always\n    deploy: { mode: replicated, endpoint_mode: vip, placement: { constraints: [a==b] } }")}`,
        );
        expect(notes).toEqual([
            expect.stringMatching(/^docker-compose\.yml: .*version.* is obsolete/),
            expect.stringMatching(/^docker-compose\.yml:5: services\.web\.attach: not used/),
            expect.stringMatching(/^docker-compose\.yml:7: services\.web\.deploy\.placement: not used/),
            expect.stringMatching(/^docker-compose\.yml:7: services\.web\.deploy\.endpoint_mode: not used/),
            expect.stringMatching(/^docker-compose\.yml:6: services\.web\.pull_policy: not used/),
        ]);
    });

    test("a .env that would change the file, and an override file, are not read, and a plan says so", async () => {
        const file = `x-plumbline: { secrets: { TOKEN: { generate: 32 } } }\n${service(
            'environment: { A: "${LEVEL:-info}", B: "${SET:-x}", C: "${TOKEN:?}" }',
        )}`;
        const files = {
            ".env": "# LEVEL=none\nLEVEL=debug\nexport SET=1\nTOKEN=t\nOTHER=1\n",
            "docker-compose.override.yml": "services: { web: { tty: true } }\n",
        };
        const { services, notes } = await read(file, { files, raw: { variables: '{"SET":"s"}' } });
        expect(services[0]?.spec.environment).toEqual({ A: "info", B: "s", C: "<secret:TOKEN>" });
        expect(notes).toEqual([
            ".env is not read, and sets what docker-compose.yml uses: set LEVEL under plumbline:variables",
            "docker-compose.override.yml is not read: what a stack needs of it belongs into docker-compose.yml",
        ]);
        expect((await read(file, { raw: { variables: '{"SET":"s"}' } })).notes).toEqual([]);
    });

    const refused: [what: string, lines: string, message: RegExp][] = [
        ["devices", "devices: [/dev/null]", /services\.web\.devices: is not supported: .*one machine/],
        ["gpus", "gpus: all", /services\.web\.gpus: is not supported/],
        ["a terminal", "tty: true", /services\.web\.tty: is not supported: .*no terminal/],
        ["host namespaces", "pid: host\n    ipc: host\n    uts: host", /pid: .*\n.*uts: is not supported/s],
        ["hooks", "post_start: [{ command: echo }]", /post_start: is not supported: .*entrypoint/],
        ["annotations", "annotations: { a: b }", /annotations: is not supported: .*labels/],
        ["a fixed MAC address", "mac_address: 02:42:ac:11:00:09", /mac_address: is not supported/],
        ["links", 'links: ["other:alias"]', /services\.web\.links: is not supported: .*aliases/],
        ["other containers' volumes", "volumes_from: [other]", /volumes_from: is not supported/],
        ["a folder of the host", 'volumes: ["./data:/data"]', /volumes\.0\.type: bind mounts are not supported/],
        ["an anonymous volume", 'volumes: ["/data"]', /volumes\.0\.source: is anonymous/],
        ["a part of a volume", "volumes: [{ type: volume, source: d, target: /d, volume: { subpath: x } }]", /subpath/],
        ["udp", 'ports: ["53:53/udp"]', /only tcp can be switched/],
        [
            "a limit of restarts",
            "deploy: { restart_policy: { condition: on-failure, max_attempts: 3 } }",
            /max_attempts/,
        ],
        ["a model", "models: [llm]", /services\.web\.models: is not supported/],
        ["a build with secrets", "build: { context: ., secrets: [s], ssh: [default] }", /build\.ssh.*build\.secrets/s],
        ["several name servers", "dns: [10.0.0.1, 10.0.0.2]", /the order of several cannot be kept/],
    ];
    test.each(refused)("%s: refused by name, with a line", async (_, lines, message) => {
        const rest =
            "  other: { image: demo }\nvolumes: { d: {} }\nsecrets: { s: { environment: S } }\nmodels: { llm: { model: ai/model } }\nx-plumbline: { secrets: { S: { generate: 32 } } }\n";
        const error = await refusal(`${service(lines)}${rest}`);
        expect(error.category).toBe("baseline");
        expect(error.message).toMatch(message);
        expect(error.message).toMatch(/docker-compose\.yml:\d+: /);
        expect(error.message).not.toContain("depends_on.other");
    });

    const files: [what: string, rest: string, message: RegExp][] = [
        ["an outside network", "networks: { net: { external: true } }", /networks\.net\.external: is not supported/],
        [
            "a fixed subnet",
            "networks: { net: { ipam: { config: [{ subnet: 10.9.0.0/16 }] } } }",
            /networks\.net\.ipam\.config: is not supported/,
        ],
        ["a network of another driver", "networks: { net: { driver: macvlan } }", /networks\.net\.driver: only bridge/],
        ["IPv6", "networks: { net: { enable_ipv6: true } }", /networks\.net\.enable_ipv6: is not supported/],
    ];
    test.each(files)("%s: refused by name", async (_, rest, message) => {
        expect((await refusal(`${service("networks: [net]")}${rest}\n`)).message).toMatch(message);
    });

    const volumes: [what: string, rest: string, message: RegExp][] = [
        ["an outside volume", "{ external: true }", /volumes\.data\.external: .*plumbline:project/],
        ["options of its driver", "{ driver_opts: { type: nfs } }", /volumes\.data\.driver_opts: is not supported/],
        ["another driver", "{ driver: rexray }", /volumes\.data\.driver: only the local driver/],
    ];
    test.each(volumes)("a volume with %s: refused by name", async (_, rest, message) => {
        expect((await refusal(`${service('volumes: ["data:/data"]')}volumes: { data: ${rest} }\n`)).message).toMatch(
            message,
        );
    });

    test("a variable that must be set: refused with the file's own words", async () => {
        const error = await refusal(service('environment: { A: "${MUST_BE:?tell me where}" }'));
        expect(error.message).toMatch(/refused by compose:.*MUST_BE.*tell me where/s);
        const unset = await refusal(service('environment: { A: "${NOT_SET}" }'));
        expect(unset.message).toContain("uses variables that have no value: NOT_SET");
        expect(unset.remedy).toContain("plumbline:variables");
    });
});

test("a plan says where ports are published when the file says another address", async () => {
    const project = await mkdtemp(join(folder, "addresses-"));
    await mkdir(join(project, "services/edge"), { recursive: true });
    await writeFile(join(project, "services/edge/Dockerfile"), "FROM debian:bookworm-slim\n");
    const file = service('ports: ["8000:80", "127.0.0.1:8001:81"]\n    platform: linux/amd64');
    await writeFile(join(project, "docker-compose.yml"), file);
    const { notes, platforms, release } = await loadRelease(project, "local", {}, { composeCommand });
    expect(notes).toEqual([
        "docker-compose.yml: published on 127.0.0.1, as plumbline:bindAddress says: web 0.0.0.0:8000",
    ]);
    expect(platforms).toEqual({ web: "linux/amd64" });
    expect(JSON.stringify(release)).not.toContain("amd64");
});
