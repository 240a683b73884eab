/** Every key of the compose specification: translated, listed as harmless, or refused with a reason and a next step. */
import { describe, expect, test } from "@jest/globals";
import type { PlumblineError } from "../../../release/errors.ts";
import { baselineOf, refusalOf, service, type Tree } from "./fixture.ts";

/**
 * The keys of the specification (compose-go 2.9.1), by the place where they stand; `*` is any name, `0` an entry of a
 * list. Left out is what `docker compose config` resolves: include, extends, env_file, label_file.
 */
const specification: Readonly<Record<string, string>> = {
    "": "version name services models networks volumes secrets configs",
    "services.*":
        "develop deploy annotations attach build blkio_config cap_add cap_drop cgroup cgroup_parent command configs " +
        "container_name cpu_count cpu_percent cpu_shares cpu_quota cpu_period cpu_rt_period cpu_rt_runtime cpus cpuset " +
        "credential_spec depends_on device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint environment " +
        "expose provider external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation labels " +
        "links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit network_mode models networks " +
        "oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_stop privileged profiles pull_policy " +
        "pull_refresh_after read_only restart runtime scale security_opt shm_size secrets sysctls stdin_open " +
        "stop_grace_period stop_signal storage_opt tmpfs tty ulimits use_api_socket user uts userns_mode volumes " +
        "volumes_from working_dir",
    "services.*.build":
        "context dockerfile dockerfile_inline entitlements args ssh labels cache_from cache_to no_cache " +
        "additional_contexts network provenance sbom pull target shm_size extra_hosts isolation privileged secrets tags " +
        "ulimits platforms",
    "services.*.depends_on.*": "restart required condition",
    "services.*.logging": "driver options",
    "services.*.networks.*":
        "aliases interface_name ipv4_address ipv6_address link_local_ips mac_address driver_opts priority gw_priority",
    "services.*.ports.0": "name mode host_ip target published protocol app_protocol",
    "services.*.volumes.0": "type source target read_only consistency volume",
    "services.*.volumes.0.volume": "labels nocopy subpath",
    "services.*.volumes.1.tmpfs": "size mode",
    "services.*.healthcheck": "disable interval retries test timeout start_period start_interval",
    "services.*.deploy":
        "mode endpoint_mode replicas labels rollback_config update_config resources restart_policy placement",
    "services.*.deploy.resources": "limits reservations",
    "services.*.deploy.resources.limits": "cpus memory pids",
    "services.*.deploy.resources.reservations": "cpus memory generic_resources devices",
    "services.*.deploy.restart_policy": "condition delay max_attempts window",
    "services.*.configs.0": "source target uid gid mode",
    "services.*.secrets.0": "source target uid gid mode",
    "networks.*": "name driver driver_opts ipam external internal enable_ipv4 enable_ipv6 attachable labels",
    "networks.*.ipam": "driver config options",
    "volumes.*": "name driver driver_opts external labels",
    "secrets.*": "name environment file external labels driver driver_opts template_driver",
    "configs.*": "name content environment file external labels template_driver",
};
const keys = Object.entries(specification).flatMap(([place, names]) =>
    names.split(" ").map((name) => (place === "" ? name : `${place}.${name}`)),
);

/** A file that says something at this path, and little else. */
function fileWith(path: string): Tree {
    const mounts = [{ type: "volume" }, { type: "tmpfs", target: "/t" }];
    const file: Tree = { services: { "*": service({ volumes: mounts }) } };
    let place: Tree = file;
    const steps = path.split(".");
    for (const [index, step] of steps.entries()) {
        const next = steps[index + 1];
        if (next === undefined) place[step] = "something";
        else if (typeof place[step] !== "object" || place[step] === null) place[step] = next === "0" ? [{}] : {};
        place = place[step] as Tree;
    }
    return file;
}

const textOf = (path: string): Promise<PlumblineError> => {
    const { services, ...rest } = fileWith(path);
    return refusalOf(() => baselineOf((services ?? {}) as Tree, rest)).catch((error: unknown) => {
        if (error instanceof Error && error.message === "it was accepted") return error as PlumblineError;
        throw error;
    });
};

describe("a key of the compose specification", () => {
    test.each(keys)("%s is known", async (path) => {
        const { message } = await textOf(path);
        const ofKey = message.split("\n").filter((line) => line.includes(`: ${path}: `));
        expect(ofKey.filter((line) => line.includes("is not supported by Plumbline"))).toEqual([]);
    });

    test("that is none is said to be none", async () => {
        expect((await textOf("services.*.atach")).message).toContain(
            "services.*.atach: is not supported by Plumbline; leave it out",
        );
    });

    test("that is refused says why, and what to do instead", async () => {
        const all = await Promise.all(keys.map(textOf));
        const refused = all.flatMap(({ message }) =>
            message.split("\n").filter((it) => it.includes("is not supported: ")),
        );
        expect(refused.length).toBeGreaterThan(50);
        for (const line of refused) expect(line).toMatch(/is not supported: .{12,}; .{8,}$/);
    });
});

describe("a harmless key", () => {
    const harmless: [key: string, over: Tree][] = [
        ["attach", { attach: false }],
        ["develop", { develop: { watch: [{ path: ".", action: "rebuild" }] } }],
        ["pull_policy", { pull_policy: "always" }],
        ["deploy.mode", { deploy: { mode: "global" } }],
        ["deploy.update_config", { deploy: { update_config: { parallelism: 2 } } }],
        ["deploy.placement", { deploy: { placement: { constraints: ["node.role==manager"] } } }],
        ["deploy.restart_policy.delay", { deploy: { restart_policy: { condition: "any", delay: "5s" } } }],
        ["healthcheck.start_interval", { healthcheck: { test: ["CMD", "x"], start_interval: "1s" } }],
        ["build.no_cache", { image: undefined, build: { context: "/project", no_cache: true } }],
        ["volumes.0.consistency", { volumes: [{ type: "tmpfs", target: "/t", consistency: "cached" }] }],
    ];
    test.each(harmless)("%s is listed with its line and changes nothing", (key, over) => {
        const { services, notes } = baselineOf({ web: service(over) });
        expect(notes).toEqual([
            expect.stringMatching(new RegExp(`^docker-compose\\.yml:\\d+: services\\.web\\.${key}: not used: .{12,}`)),
        ]);
        const [web] = services;
        const [bare] = baselineOf({ web: service(key.startsWith("build") ? over : {}) }).services;
        if (!/^(healthcheck|volumes|build|deploy\.restart)/.test(key)) expect(web).toEqual(bare);
    });

    test("is not spoken of where it says what is done anyway", () => {
        const asDone = {
            pull_policy: "missing",
            ipc: "private",
            isolation: "default",
            tty: false,
            devices: [],
            cap_add: [],
            oom_kill_disable: false,
        };
        const rest = {
            networks: { default: { name: "demo_default", enable_ipv6: false, ipam: { driver: "default" } } },
        };
        expect(baselineOf({ web: service(asDone) }, rest).notes).toEqual([]);
    });

    test("is spoken of where it asks for the contrary", async () => {
        const rest = { networks: { default: { name: "demo_default", enable_ipv4: false } } };
        expect((await refusalOf(() => baselineOf({ web: service() }, rest))).message).toContain("enable_ipv4");
    });
});

describe("what nobody has written", () => {
    test("is not refused: compose adds a restart to the dependencies that it makes of links", async () => {
        const depends_on = { db: { condition: "service_started", restart: true, required: true } };
        const linked = { web: service({ links: ["db"], depends_on }), db: service() };
        const { message } = await refusalOf(() => baselineOf(linked));
        expect(message).toContain("services.web.links: is not supported: services reach each other by name");
        expect(message).not.toContain("depends_on.db");
        const written = { web: service({ depends_on }), db: service() };
        expect((await refusalOf(() => baselineOf(written))).message).toContain(
            "depends_on.db.restart: is not supported",
        );
    });
});

describe("a key that is nearly x-plumbline", () => {
    test("is refused, since everybody ignores what begins with x-", async () => {
        const ofService = await refusalOf(() => baselineOf({ web: service({ "x-plumline": { kind: "job" } }) }));
        expect(ofService.message).toContain("services.web.x-plumline: is read by nobody: did you mean x-plumbline?");
        const ofFile = await refusalOf(() => baselineOf({ web: service() }, { "x-plumbin": {} }));
        expect(ofFile.message).toContain("x-plumbin: is read by nobody");
        expect(baselineOf({ web: service({ "x-other": 1 }) }, { "x-base": {} }).notes).toEqual([]);
    });
});
