/** The pure comparison: what a real engine cannot easily be brought to say, and what the comparison does not know. */
import { describe, expect, test } from "@jest/globals";
import type { Listener, ServiceSpec } from "../../../release/types.ts";
import { compareContainer } from "../../../validation/checks/parity.ts";
import { resolveUser } from "../../../validation/checks/parity-process.ts";
import type { Subject } from "../../../validation/checks/parity-property.ts";
import { tmpfsOptions } from "../../../validation/checks/parity-storage.ts";
import { known, unknown } from "../../../validation/facts/fact.ts";
import { parseProcessFacts } from "../../../validation/facts/process.ts";
import { summarize } from "../../../validation/parity/finding.ts";
import { lineFinder } from "../../../validation/parity/lines.ts";
import { emptySpec, sampleService } from "../rollout/sample-release.ts";
import { rootProcess, sampleContainer, sampleSubject } from "./sample-subject.ts";

const compare = (change: Partial<Subject> = {}) =>
    compareContainer(sampleSubject(change), {
        file: "docker-compose.yml",
        lineOf: () => undefined,
        redact: (it) => it,
    });

const problems = (change: Partial<Subject> = {}) =>
    compare(change).filter(({ result }) => result === "drift" || result === "inconclusive");

const serviceWith = (spec: object, kind: "request" | "job" = "request") =>
    sampleService("api", kind, [], { spec: { ...emptySpec, ...spec } as ServiceSpec });

describe("what the comparison does not know", () => {
    test("in the baseline is an error, not a pass [R30]", () => {
        expect(problems()).toEqual([]);
        const [found] = problems({ service: serviceWith({ storageOpt: { size: "1g" } }) });
        expect(found).toMatchObject({ property: "storageOpt", result: "drift", unknown: true });
        expect(found?.remedy).toContain("Teach the comparison");
        const beside = { ...sampleService("api", "request"), devices: ["/dev/null"] };
        expect(problems({ service: beside })).toMatchObject([{ property: "devices", unknown: true }]);
        expect(summarize(problems({ service: beside }))).toMatchObject({ drift: 1, unknown: 1, match: false });
    });

    test("in the engine's answer is an error where it is not empty [R30]", () => {
        const container = sampleContainer({ host: { NewPower: true, NewNothing: 0 }, config: { NewWish: "x" } });
        expect(problems({ container })).toMatchObject([
            { property: "HostConfig.NewPower", actual: "true", unknown: true },
            { property: "Config.NewWish", actual: "x", unknown: true },
        ]);
    });

    test("and a known setting off its default is a drift by compose's name [R30]", () => {
        const host = {
            UTSMode: "host",
            UsernsMode: "host",
            CgroupParent: "/other",
            Runtime: "kata",
            PublishAllPorts: true,
        };
        expect(
            problems({ container: sampleContainer({ host }) })
                .map(({ property }) => property)
                .sort(),
        ).toEqual(["cgroup_parent", "publish_all_ports", "runtime", "userns_mode", "uts"]);
    });
});

describe("what could not be collected", () => {
    test("is inconclusive, whichever fact it is [R96]", () => {
        const nothing = unknown<never>("the engine did not answer");
        const asked = (change: Partial<Subject>) =>
            problems(change).map(({ property, result }) => `${result} ${property}`);
        expect(asked({ process: nothing })).toEqual([
            "inconclusive user (process)",
            "inconclusive cap_drop (process)",
            "inconclusive security_opt.no-new-privileges (process)",
            "inconclusive security_opt.seccomp (process)",
            "inconclusive read_only (process)",
        ]);
        expect(asked({ edge: nothing })).toEqual(["inconclusive networks.network.aliases"]);
        expect(asked({ engine: nothing })).toEqual(
            expect.arrayContaining(["inconclusive logging.driver", "inconclusive runtime", "inconclusive cgroup"]),
        );
        const withoutImage = asked({ expectedImage: nothing, actualImage: nothing });
        expect(withoutImage).toEqual(
            expect.arrayContaining(["inconclusive image.id", "inconclusive command", "inconclusive environment.PATH"]),
        );
        expect(withoutImage.every((line) => line.startsWith("inconclusive"))).toBe(true);
    });

    test("an answer of /proc without a line, or of a write without an outcome, is none [R96]", () => {
        const status = "Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nCapEff:\t0\nCapBnd:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\n";
        const answer = `== first\n${status}== main\n${status}== passwd\n== group\n`;
        expect(parseProcessFacts(answer, { tryWrite: false }).known).toBe(true);
        expect(parseProcessFacts(answer, { tryWrite: true }).known).toBe(false);
        for (const name of ["Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"]) {
            expect(parseProcessFacts(answer.replaceAll(`${name}:`, "Other:"), { tryWrite: false }).known).toBe(false);
        }
        expect(parseProcessFacts("", { tryWrite: false }).known).toBe(false);
    });

    test("nothing compared is no match", () => {
        expect(summarize([])).toMatchObject({ total: 0, percent: 0, match: false });
    });
});

describe("configs and secrets as files", () => {
    const file = { target: "/run/secrets/token", content: "<secret:TOKEN>", encoding: "text" as const, mode: 0o444 };
    const subject = (content: string | undefined, secrets: Record<string, string> = { TOKEN: "a-token" }) => {
        const container = sampleContainer();
        container.Mounts = [
            {
                Type: "volume",
                Name: "sample_files_api_00000001_0",
                Source: "",
                Destination: "/run/secrets",
                Mode: "ro",
                RW: false,
            },
        ];
        const base64 = content === undefined ? undefined : Buffer.from(content).toString("base64");
        const digest = (value: string) => value;
        return {
            service: serviceWith({ files: [file] }),
            container,
            files: { [file.target]: known(base64) },
            secrets,
            digest,
        };
    };

    test("lie on a volume by a rule, and their content is compared [R30]", () => {
        expect(problems(subject("a-token"))).toEqual([]);
        expect(problems(subject("other")).map(({ property, result }) => [property, result])).toEqual([
            ["files./run/secrets/token", "drift"],
        ]);
        expect(problems(subject(undefined))).toMatchObject([{ actual: "none", result: "drift" }]);
        expect(problems(subject("a-token", {}))).toMatchObject([{ result: "inconclusive" }]);
        expect(problems({ ...subject("a-token"), files: {} })).toMatchObject([{ result: "inconclusive" }]);
    });
});

describe("intended differences", () => {
    const process = (main: typeof rootProcess) =>
        known({ first: main, main, users: [], groups: [], rootWrite: "Read-only file system" });

    test("power that a program gave up is intended; power that it gained is not", () => {
        const dropped = { ...rootProcess, uids: [999, 999, 999, 999], gids: [999, 999, 999, 999], capEffective: 0n };
        const rules = compare({ process: process(dropped) }).flatMap(({ rule }) => (rule ? [rule.name] : []));
        expect(rules.filter((name) => name === "power-given-up")).toHaveLength(2);
        const gained = {
            ...rootProcess,
            capEffective: 0xa80425fbn | (1n << 21n),
            capBounding: 0xa80425fbn | (1n << 21n),
        };
        expect(problems({ process: process(gained) })).toMatchObject([
            { property: "cap_drop (process)", result: "drift" },
        ]);
        // Not settled: it may become root again.
        const halfway = { ...dropped, uids: [999, 999, 0, 999] };
        expect(problems({ process: process(halfway) }).map(({ property }) => property)).toContain("user (process)");
    });

    test("a finished job has no process, nor has one that had run before; one that failed is inconclusive", () => {
        const service = serviceWith({}, "job");
        const ended = (code: number, status = "exited") => ({
            service,
            process: unknown<never>(`the container is ${status}`),
            container: sampleContainer({ state: { Status: status, Running: false, ExitCode: code } }),
        });
        expect(problems(ended(0))).toEqual([]);
        expect(problems(ended(0, "created"))).toEqual([]);
        expect(new Set(problems(ended(1)).map(({ result }) => result))).toEqual(new Set(["inconclusive"]));
    });

    test("a replica is compared with the service that it is one of, and named by itself", () => {
        const service = { ...serviceWith({}), name: "api-2", replicaOf: "api" };
        const container = sampleContainer();
        container.Name = "/api-2-00000001-0abcdef";
        container.Config.Labels["plumbline.service"] = "api-2";
        const found = compare({ service, container });
        expect(found.filter(({ result }) => result === "drift")).toEqual([]);
        const of = (property: string) => found.find((finding) => finding.property === property);
        expect(of("networks.network.aliases")).toMatchObject({ result: "intended", expected: '["api"]' });
        expect(of("container_name")).toMatchObject({ service: "api-2", expected: "sample-api-2" });
        expect(of("restart")?.where.keyPath).toBe("services.api.restart");
    });

    test("a limit that is no whole number of MiB is rounded by a rule, any other is a drift", () => {
        const service = serviceWith({ memoryBytes: 100_000_000, memorySwapBytes: -1 });
        const limited = (Memory: number) => ({
            service,
            container: sampleContainer({ host: { Memory, MemorySwap: -1 } }),
        });
        expect(problems(limited(95 * 1_048_576))).toEqual([]);
        expect(problems(limited(96 * 1_048_576)).map(({ property }) => property)).toEqual(["mem_limit"]);
    });
});

describe("spellings of the same thing", () => {
    test("are no drift", () => {
        const service = serviceWith({
            securityOpt: ["no-new-privileges:true"],
            capAdd: ["CHOWN"],
            capDrop: ["MKNOD"],
            stopSignal: "SIGINT",
            cpus: 0.5,
            tmpfs: { "/tmp": "mode=0750,size=1m" },
        });
        const host = {
            SecurityOpt: ["no-new-privileges"],
            CapAdd: ["CAP_CHOWN"],
            CapDrop: ["CAP_MKNOD"],
            CpuQuota: 50_000,
            CpuPeriod: 100_000,
            Tmpfs: { "/tmp": "size=1048576,mode=750" },
        };
        const container = sampleContainer({ host, config: { StopSignal: "2" } });
        expect(problems({ service, container }).filter(({ property }) => !property.endsWith("(process)"))).toEqual([]);
        expect(tmpfsOptions("size=1g,noexec,mode=01777")).toBe("mode=1777,noexec,size=1073741824");
    });

    test("a user is looked up as the engine does", () => {
        const users = [{ name: "app", id: 999, gid: 998 }];
        const groups = [{ name: "staff", id: 50, gid: 50 }];
        const ids = ["", "app", "999", "app:staff", "7", "7:7", "nobody-here"].map((user) =>
            resolveUser(user, { users, groups }),
        );
        expect(ids).toEqual(["0:0", "999:998", "999:998", "999:50", "7:0", "7:7", undefined]);
    });
});

describe("where a property stands", () => {
    const text = [
        "x-service: &service",
        "  read_only: true",
        "  logging: { driver: json-file }",
        "services:",
        "  api:",
        "    <<: *service",
        "    environment:",
        "      - LOG_LEVEL=info",
        "    volumes:",
        '      - "data:/var/lib/api:ro"',
        "    deploy: { resources: { limits: {",
        "      memory: 1g } } }",
        "    ports:",
        '      - "127.0.0.1:8000:80"',
    ].join("\n");
    test.each([
        [["read_only"], 2],
        [["logging", "driver"], 3],
        [["environment", "LOG_LEVEL"], 8],
        [["volumes", "/var/lib/api"], 10],
        [["mem_limit"], 12],
        [["ports", "80"], 14],
        [["user"], undefined],
        [["environment", "DEBUG"], undefined],
    ])("%j is found on line %s, also in an anchor and in compose's short forms", (path, line) => {
        expect(lineFinder(text)(["services", "api", ...path])).toBe(line);
    });

    test("a file that cannot be read has no lines", () => {
        expect(lineFinder("a: [")(["services", "api", "user"])).toBeUndefined();
    });
});

test("values of the environment are never in a finding [R30]", () => {
    const service = serviceWith({ environment: { TOKEN: "<secret:TOKEN>", OPEN: "declared-value" } });
    const config = {
        Env: ["PATH=/usr/bin", "TOKEN=running-value", "EXTRA=extra-value", "PLUMBLINE_REVISION=sly-value"],
    };
    const found = compare({ service, container: sampleContainer({ config }), secrets: { TOKEN: "secret-value" } });
    expect(JSON.stringify(found)).not.toMatch(/-value/);
    const drifting = found.filter(({ result }) => result === "drift").map(({ property }) => property);
    expect(drifting).toEqual([
        "environment.EXTRA",
        "environment.OPEN",
        "environment.TOKEN",
        "environment.PLUMBLINE_REVISION",
    ]);
});

describe("two services that are published from one container port", () => {
    const published = { target: 8000, published: 9000, hostIp: "127.0.0.1" };
    const service = sampleService("api", "request", [], { spec: { ...emptySpec }, ports: [published] });
    const listener: Listener = {
        service: "api",
        port: 8000,
        protocol: "http",
        kind: "request",
        published: { hostIp: "127.0.0.1", port: 9000, inside: 20_000 },
    };
    const edgeWith = (port: number) => {
        const host = { PortBindings: { [`${port}/tcp`]: [{ HostIp: "127.0.0.1", HostPort: "9000" }] } };
        const edge = sampleContainer({ host });
        edge.NetworkSettings.Networks = { sample_network: { Aliases: ["api"] } };
        return known(edge);
    };

    test("are looked for at their own ports inside the edge [R30]", () => {
        expect(problems({ service, listeners: [listener], edge: edgeWith(20_000) })).toEqual([]);
        expect(problems({ service, listeners: [listener], edge: edgeWith(8000) })).toMatchObject([
            { property: "ports.8000", expected: "127.0.0.1:9000", actual: "not published" },
        ]);
        expect(problems({ service, listeners: [], edge: edgeWith(8000) })).toEqual([]);
    });
});
