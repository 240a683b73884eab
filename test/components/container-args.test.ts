/** From a service to the provider's arguments: every property of a spec arrives, in the form that makes no difference later. */
import { describe, expect, test } from "@jest/globals";
import { containerArgs, containerLabels, environmentList, goDuration } from "../../components/container-args.ts";
import type { ServiceSpec } from "../../release/types.ts";
import { emptySpec, sampleService } from "../unit/rollout/sample-release.ts";

const labels = containerLabels("sample", "local", "api", "00000001");
const argsOf = (spec: Partial<ServiceSpec>) =>
    containerArgs(sampleService("api", "request", [], { spec: { ...emptySpec, ...spec } }), labels);

/** Every property of a spec, with the argument in which it has to arrive. `environment` and `pidsLimit`: see below. */
const arrivals: readonly (readonly [keyof ServiceSpec, ServiceSpec[keyof ServiceSpec], string, unknown])[] = [
    ["command", ["serve", "--port", "8000"], "command", ["serve", "--port", "8000"]],
    ["entrypoint", ["/bin/sh", "-c"], "entrypoints", ["/bin/sh", "-c"]],
    ["user", "10004:10004", "user", "10004:10004"],
    ["workingDir", "/srv", "workingDir", "/srv"],
    ["hostname", "api.internal", "hostname", "api.internal"],
    ["domainname", "example.test", "domainname", "example.test"],
    ["init", true, "init", true],
    ["readOnly", true, "readOnly", true],
    ["privileged", true, "privileged", true],
    ["capAdd", ["NET_RAW", "CHOWN"], "capabilities", { adds: ["CAP_CHOWN", "CAP_NET_RAW"] }],
    ["capDrop", ["ALL"], "capabilities", { drops: ["ALL"] }],
    ["securityOpt", ["no-new-privileges:true"], "securityOpts", ["no-new-privileges:true"]],
    ["groupAdd", ["10001"], "groupAdds", ["10001"]],
    ["tmpfs", { "/tmp": "size=64m" }, "tmpfs", { "/tmp": "size=64m" }],
    [
        "mounts",
        [
            { type: "volume", source: "sample_data", target: "/data", readOnly: false },
            { type: "bind", source: "/etc/ssl", target: "/ssl", readOnly: true },
        ],
        "volumes",
        [
            { volumeName: "sample_data", containerPath: "/data", readOnly: false },
            { hostPath: "/etc/ssl", containerPath: "/ssl", readOnly: true },
        ],
    ],
    [
        "networks",
        [
            { network: "sample_network", aliases: ["backend"] },
            { network: "sample_other", aliases: [] },
        ],
        "networksAdvanced",
        // The aliases belong to the edge, which stands for the service.
        [{ name: "sample_network" }, { name: "sample_other" }],
    ],
    [
        "healthcheck",
        { test: ["CMD", "check"], intervalMs: 3000, timeoutMs: 90_000, startPeriodMs: 60_000, retries: 5 },
        "healthcheck",
        { tests: ["CMD", "check"], interval: "3s", timeout: "1m30s", startPeriod: "1m0s", retries: 5 },
    ],
    ["restart", "on-failure", "restart", "on-failure"],
    ["stopSignal", "SIGINT", "stopSignal", "SIGINT"],
    ["stopGraceSeconds", 30, "destroyGraceSeconds", 30],
    ["stopGraceSeconds", 30, "stopTimeout", 30],
    ["memoryBytes", 536_870_912, "memory", 512],
    ["memorySwapBytes", 1_073_741_824, "memorySwap", 1024],
    ["memorySwapBytes", -1, "memorySwap", -1],
    ["memoryReservationBytes", 33_554_432, "memoryReservation", 32],
    ["cpuShares", 512, "cpuShares", 512],
    ["cpuset", "0-1", "cpuSet", "0-1"],
    ["cpus", 0.5, "cpus", "0.5"],
    ["cpus", 2, "cpus", "2.0"],
    ["shmBytes", 134_217_728, "shmSize", 128],
    ["ulimits", [{ name: "nofile", soft: 1024, hard: 4096 }], "ulimits", [{ name: "nofile", soft: 1024, hard: 4096 }]],
    ["sysctls", { "net.core.somaxconn": "1024" }, "sysctls", { "net.core.somaxconn": "1024" }],
    ["extraHosts", [{ host: "db", ip: "10.0.0.1" }], "hosts", [{ host: "db", ip: "10.0.0.1" }]],
    ["dns", ["10.0.0.53"], "dns", ["10.0.0.53"]],
    ["dnsSearch", ["example.test"], "dnsSearches", ["example.test"]],
    ["dnsOptions", ["ndots:1"], "dnsOpts", ["ndots:1"]],
    ["logDriver", "json-file", "logDriver", "json-file"],
    ["logOptions", { "max-size": "10m" }, "logOpts", { "max-size": "10m" }],
    [
        "labels",
        { zebra: "z", "com.example": "yes" },
        "labels",
        [
            { label: "com.example", value: "yes" },
            { label: "plumbline.project", value: "sample" },
            { label: "plumbline.revision", value: "00000001" },
            { label: "plumbline.service", value: "api" },
            { label: "plumbline.stack", value: "local" },
            { label: "zebra", value: "z" },
        ],
    ],
];

describe("the arguments of a container", () => {
    test.each(arrivals)("have the spec's %s, here %j, as %s", (property, value, argument, expected) => {
        expect(Object.entries(argsOf({ [property]: value }))).toContainEqual([argument, expected]);
    });

    test("are known for every property that a spec may have", () => {
        const optional: readonly (keyof ServiceSpec)[] = [
            ...["command", "entrypoint", "user", "workingDir", "hostname", "domainname", "healthcheck", "stopSignal"],
            ...["memoryBytes", "memorySwapBytes", "memoryReservationBytes", "cpus", "cpuShares", "cpuset", "shmBytes"],
            ...["dnsSearch", "dnsOptions", "logDriver"],
        ] as (keyof ServiceSpec)[];
        const all = new Set<keyof ServiceSpec>([...(Object.keys(emptySpec) as (keyof ServiceSpec)[]), ...optional]);
        all.delete("environment"); // Added by the component, since it holds secrets.
        all.delete("files"); // Mounted by the component: their volumes are filled by the rollout.
        const shown = new Set(arrivals.map(([property]) => property));
        expect([...all].filter((property) => !shown.has(property))).toEqual([]);
    });

    test("say nothing where the baseline says nothing, so that the engine's default is no difference", () => {
        expect(Object.keys(argsOf({})).sort()).toEqual(
            [
                ...["destroyGraceSeconds", "image", "init", "labels", "mustRun", "networksAdvanced", "privileged"],
                ...["readOnly", "restart", "start", "stopTimeout", "volumes"],
            ].sort(),
        );
        expect(Object.values(argsOf({}))).not.toContain(undefined);
    });

    test("create the container without a start and without a name, so that two revisions stand side by side", () => {
        const args = argsOf({});
        expect(args.start).toBe(false);
        expect(args.mustRun).toBe(false);
        expect(args).not.toHaveProperty("name");
        expect(args).not.toHaveProperty("ports");
    });

    test("are the same in whatever order labels and capabilities were written", () => {
        const one = argsOf({ labels: { a: "1", b: "2" }, capAdd: ["CHOWN", "NET_RAW"], capDrop: ["SETUID", "KILL"] });
        const other = argsOf({ labels: { b: "2", a: "1" }, capAdd: ["NET_RAW", "CHOWN"], capDrop: ["KILL", "SETUID"] });
        expect(JSON.stringify(one)).toBe(JSON.stringify(other));
        expect(argsOf({ capAdd: ["CAP_CHOWN"] }).capabilities).toEqual({ adds: ["CAP_CHOWN"] });
        expect(argsOf({ capAdd: ["ALL"] }).capabilities).toEqual({ adds: ["ALL"] });
    });

    test("do not let a label of the baseline take the place of ours", () => {
        const args = argsOf({ labels: { "plumbline.service": "someone-else" } });
        expect(args.labels).toContainEqual({ label: "plumbline.service", value: "api" });
        expect(args.labels).not.toContainEqual({ label: "plumbline.service", value: "someone-else" });
    });
});

describe("the labels of a container", () => {
    test("are those by which it is found again, and never a release id", () => {
        expect(labels).toEqual({
            "plumbline.project": "sample",
            "plumbline.revision": "00000001",
            "plumbline.service": "api",
            "plumbline.stack": "local",
        });
    });
});

describe("the environment of a container", () => {
    const service = sampleService("api", "request", [], {
        spec: { ...emptySpec, environment: { Z: "last", URL: "redis://:<secret:REDIS_PASSWORD>@redis", A: "a=b" } },
    });

    test("is a sorted list with secrets filled in, and tells the revision", () => {
        expect(environmentList(service, { REDIS_PASSWORD: "p$&w" })).toEqual([
            "A=a=b",
            "PLUMBLINE_REVISION=00000001",
            "URL=redis://:p$&w@redis",
            "Z=last",
        ]);
    });

    test("cannot be made when a secret has no value, and says which", () => {
        expect(() => environmentList(service, {})).toThrow(/REDIS_PASSWORD has no value/);
    });
});

describe("a duration", () => {
    test.each([
        [0, "0s"],
        [1, "1ms"],
        [500, "500ms"],
        [999, "999ms"],
        [1000, "1s"],
        [1500, "1.5s"],
        [3000, "3s"],
        [59_999, "59.999s"],
        [60_000, "1m0s"],
        [90_000, "1m30s"],
        [3_600_000, "1h0m0s"],
        [5_400_500, "1h30m0.5s"],
        [90_000_000, "25h0m0s"],
    ])("of %i ms is written as Go prints it: %s", (ms, text) => {
        expect(goDuration(ms)).toBe(text);
    });
});
