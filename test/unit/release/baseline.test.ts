/** From the text of `docker compose config` to the baseline. */
import { describe, expect, test } from "@jest/globals";
import { parseComposeSource } from "../../../release/compose-source.ts";
import { baselineOf, port, refusalOf, service, type Tree } from "./fixture.ts";

/** The one service of a file that says this of it. */
function only(over: Tree, rest: Tree = {}) {
    const [first] = baselineOf({ web: service(over) }, rest).services;
    if (first === undefined) throw new Error("no service");
    return first;
}

describe("a service is translated", () => {
    test("with every number in one unit", () => {
        const { spec } = only({
            healthcheck: { test: ["CMD", "x"], interval: "3s", timeout: "1m30s", start_period: "500ms", retries: 5 },
            stop_grace_period: "1m0s",
            mem_limit: "1048576",
            memswap_limit: "-1",
            shm_size: "64",
            cpus: 0.5,
        });
        expect(spec).toMatchObject({
            healthcheck: { test: ["CMD", "x"], intervalMs: 3000, timeoutMs: 90_000, startPeriodMs: 500, retries: 5 },
            stopGraceSeconds: 60,
            memoryBytes: 1_048_576,
            memorySwapBytes: -1,
            shmBytes: 64,
            cpus: 0.5,
        });
    });

    test("with the engine's defaults written out where something is computed from them", () => {
        const { spec } = only({ healthcheck: { test: ["CMD", "x"] }, mem_limit: "100" });
        expect(spec.healthcheck).toEqual({
            test: ["CMD", "x"],
            intervalMs: 30_000,
            timeoutMs: 30_000,
            startPeriodMs: 0,
            retries: 3,
        });
        expect(spec).toMatchObject({ stopGraceSeconds: 10, memorySwapBytes: 200, restart: "no", init: false });
    });

    test("with a healthcheck that is switched off", () => {
        expect(only({ healthcheck: { disable: true } }).spec.healthcheck?.test).toEqual(["NONE"]);
    });

    test("with limits from either place that compose has for them", () => {
        const deploy = { replicas: 1, resources: { limits: { cpus: 0.5, memory: "100", pids: 7 } } };
        expect(only({ deploy }).spec).toMatchObject({ cpus: 0.5, memoryBytes: 100, pidsLimit: 7 });
    });

    test("with as many replicas as either key says, and one where none does [R91]", () => {
        expect([only({}), only({ scale: 3 }), only({ deploy: { mode: "replicated", replicas: 2 } })]).toMatchObject([
            { replicas: 1 },
            { replicas: 3 },
            { replicas: 2 },
        ]);
    });

    test("with mounts by the engine's names, and every kind of tmpfs", () => {
        const volumes = [
            { type: "volume", source: "data", target: "/data", read_only: true, volume: {} },
            { type: "tmpfs", target: "/run", tmpfs: { size: "1024", mode: 488 } },
        ];
        const { spec } = only(
            { volumes, tmpfs: ["/tmp:size=64m", "/var/tmp"] },
            { volumes: { data: { name: "demo_data" } } },
        );
        expect(spec.mounts).toEqual([{ type: "volume", source: "demo_data", target: "/data", readOnly: true }]);
        expect(spec.tmpfs).toEqual({ "/tmp": "size=64m", "/var/tmp": "", "/run": "size=1024,mode=0750" });
    });

    test("with dollars as the container is to see them", () => {
        const { spec } = only({ command: ["echo", "$$HOME", "$$$$"], environment: { A: "a$$b" } });
        expect(spec.command).toEqual(["echo", "$HOME", "$$"]);
        expect(spec.environment).toEqual({ A: "a$b" });
    });

    test("with capabilities in one spelling, hosts that are IPv6, and networks by the engine's names", () => {
        const { spec } = only({
            cap_add: ["net_admin", "CAP_CHOWN"],
            extra_hosts: ["one=1.2.3.4", "six=::1"],
            networks: { default: { aliases: ["b", "a", "b"] } },
        });
        expect(spec.capAdd).toEqual(["CHOWN", "NET_ADMIN"]);
        expect(spec.extraHosts).toEqual([
            { host: "one", ip: "1.2.3.4" },
            { host: "six", ip: "::1" },
        ]);
        expect(spec.networks).toEqual([{ network: "demo_default", aliases: ["a", "b"] }]);
    });

    test("with its build inside the project, and no path of the machine", () => {
        const build = { context: "/project/services/web", dockerfile: "Dockerfile", args: { A: "1" }, target: "final" };
        const web = only({ image: undefined, build });
        expect(web.build).toEqual({
            context: "services/web",
            dockerfile: "services/web/Dockerfile",
            args: { A: "1" },
            target: "final",
        });
        expect(JSON.stringify(web)).not.toContain("/project");
    });

    test("without a dependency that is not required and not there", () => {
        const depends_on = { off: { condition: "service_started", required: false } };
        expect(only({ depends_on }).dependsOn).toEqual([]);
    });

    test("with the policy of `deploy` over `restart`, as compose has it", () => {
        const restartOf = (condition: string) =>
            only({ restart: "unless-stopped", deploy: { restart_policy: { condition, delay: "5s" } } }).spec.restart;
        expect(["none", "on-failure", "any"].map(restartOf)).toEqual(["no", "on-failure", "always"]);
    });

    test("with what compose reserves, weighs and looks up", () => {
        const deploy = { resources: { reservations: { memory: "2097152", cpus: 0.5 } } };
        const { spec } = only({
            deploy,
            cpu_shares: 512,
            cpuset: "0-1",
            domainname: "example.test",
            dns_search: ["example.test"],
            dns_opt: ["timeout:1", "ndots:2"],
        });
        expect(spec).toMatchObject({
            memoryReservationBytes: 2_097_152,
            cpuShares: 512,
            cpuset: "0-1",
            domainname: "example.test",
            dnsSearch: ["example.test"],
            dnsOptions: ["ndots:2", "timeout:1"],
        });
        expect(only({ mem_reservation: "1048576" }).spec.memoryReservationBytes).toBe(1_048_576);
    });

    test("and keys of other tools are left alone, but not the same letters in an environment", () => {
        const { spec } = only({ "x-other": { any: 1 }, environment: { "x-flag": "on" } }, { "x-anchors": [1] });
        expect(spec.environment).toEqual({ "x-flag": "on" });
    });
});

describe("a service is refused by name", () => {
    const cases: [key: string, over: Tree, message: RegExp][] = [
        ["network_mode", { network_mode: "host" }, /the edge must be the only address/],
        ["container_name", { container_name: "x" }, /two revisions/],
        ["ipv4_address", { networks: { default: { ipv4_address: "10.0.0.2" } } }, /second revision .* same address/],
        ["ports.0.protocol", { ports: [{ ...port(53, 53), protocol: "udp" }] }, /only tcp/],
        ["ports.0.published", { ports: [{ target: 80, protocol: "tcp" }] }, /names no host port/],
        ["ports.0.published", { ports: [{ ...port(1, 80), published: "80-90" }] }, /range/],
        ["ports", { ports: [port(80, 80), port(81, 80)] }, /published twice/],
        ["volumes.0", { volumes: [{ type: "bind", source: "/etc", target: "/e" }] }, /bind mounts/],
        ["volumes.0.source", { volumes: [{ type: "volume", target: "/e", volume: {} }] }, /anonymous/],
        ["secrets", { secrets: [{ source: "x" }] }, /not declared under secrets/],
        ["configs", { configs: [{ source: "x", target: "/x" }] }, /not declared under configs/],
        ["deploy.replicas", { deploy: { replicas: 0 } }, /leave the service out/],
        ["scale", { scale: 0 }, /leave the service out/],
        ["devices", { devices: ["/dev/x"] }, /hardware, kernel or engine of one machine/],
        ["devises", { devises: ["/dev/x"] }, /not supported by Plumbline/],
        ["dns", { dns: ["10.0.0.1", "10.0.0.2"] }, /order of several .* name server/],
        ["dns_search", { dns_search: ["a.test", "b.test"] }, /order of several .* search domain/],
        ["cpuset", { cpuset: "first" }, /numbers of processors/],
        ["cpu_shares", { cpu_shares: 0.5 }, /int/],
        [
            "build.platforms",
            { build: { context: "/project", platforms: ["linux/amd64", "linux/arm64"] } },
            /several platforms/,
        ],
        ["deploy.restart_policy.condition", { deploy: { restart_policy: {} } }, /none, on-failure or any/],
        ["environment.TOKEN", { environment: { TOKEN: null } }, /has no value/],
        ["restart", { restart: "on-failure:5" }, /limit of attempts/],
        ["build.context", { build: { context: "/elsewhere" } }, /inside the project/],
        ["healthcheck.interval", { healthcheck: { test: ["CMD"], interval: "often" } }, /duration/],
        ["x-plumbline.kind", { "x-plumbline": { kind: "static" } }, /request/],
        ["x-plumbline.probe", { "x-plumbline": { probe: [] } }, /not supported/],
        [
            "x-plumbline.probes.0",
            { "x-plumbline": { probes: [{ http: { port: 1 } }] } },
            /http, postgres, redis or tcp/,
        ],
        ["image", { image: undefined }, /neither image nor build/],
    ];
    test.each(cases)("%s in %j", async (key, over, message) => {
        const error = await refusalOf(() => baselineOf({ web: service(over) }));
        expect(error.category).toBe("baseline");
        expect(error.service).toBe("web");
        expect(error.message).toMatch(message);
        expect(error.message).toContain(
            `services.web${key === "image" ? "" : `.${key}`}`.replace(".ipv4", ".networks.default.ipv4"),
        );
    });

    test("with all problems at once, each with its line", async () => {
        const error = await refusalOf(() =>
            baselineOf({ web: service({ privileged: "yes", cgroup: "host" }), db: service({ links: ["web"] }) }),
        );
        expect(error.message).toMatch(/docker-compose\.yml:\d+: services\.web\.privileged/);
        expect(error.message).toMatch(/docker-compose\.yml:\d+: services\.web\.cgroup/);
        expect(error.message).toMatch(/docker-compose\.yml:\d+: services\.db\.links/);
    });
});

describe("the whole file is refused", () => {
    const cases: [what: string, rest: Tree, message: RegExp][] = [
        [
            "a network with a fixed name",
            { networks: { net: { name: "shared" } } },
            /networks\.net\.name: shared is the same in every stack/,
        ],
        ["a volume with a fixed name", { volumes: { data: { name: "data" } } }, /volumes\.data\.name/],
        ["an external network", { networks: { net: { name: "demo_net", external: true } } }, /outside the project/],
        ["a volume of another driver", { volumes: { data: { name: "demo_data", driver: "nfs" } } }, /local driver/],
        [
            "fixed subnets",
            { networks: { net: { name: "demo_net", ipam: { config: [{ subnet: "10.1.0.0/16" }] } } } },
            /networks\.net\.ipam\.config/,
        ],
        ["compose secrets", { secrets: { a: { file: "x" } } }, /x-plumbline\.secrets/],
        ["a secret without a source", { "x-plumbline": { secrets: { A: {} } } }, /x-plumbline\.secrets\.A/],
        [
            "a gateway without routes",
            { "x-plumbline": { gateways: [{ name: "g", port: 1, routes: [] }] } },
            /gateways\.0\.routes/,
        ],
    ];
    test.each(cases)("for %s", async (_, rest, message) => {
        expect((await refusalOf(() => baselineOf({ web: service() }, rest))).message).toMatch(message);
    });
});

describe("the file as a person wrote it", () => {
    const text = [
        "x-plumbline:",
        "  secrets:",
        "    A: { generate: 32 }",
        "x-base: &base",
        "  init: true",
        "services:",
        "  web:",
        "    <<: *base",
        "    ports:",
        '      - "80:80"',
        '      - "81:81"',
    ].join("\n");
    const source = parseComposeSource(text, "compose.yml");

    test("gives the line of a key, of an entry of a list, or of the nearest key that is written", () => {
        expect(source.locate(["services", "web"])).toBe("compose.yml:7");
        expect(source.locate(["services", "web", "ports", 1])).toBe("compose.yml:11");
        expect(source.locate(["services", "web", "init"])).toBe("compose.yml:7");
        expect(source.locate(["volumes"])).toBe("compose.yml");
    });

    test("gives the names of its secrets, and none where its YAML is broken", () => {
        expect(source.secretNames).toEqual(["A"]);
        for (const broken of ["", "a: [", "services: {}", "x-plumbline: 5"]) {
            expect(parseComposeSource(broken, "f").secretNames).toEqual([]);
        }
    });
});
