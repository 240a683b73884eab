/** Seeded drifts: one property of a running container changed behind Pulumi's back, and how it must be named. */
import type { Plan, Request, Stage } from "./stage.ts";

export interface Drift {
    readonly name: string;
    /** Changes what the engine is asked to make of the service `app`. */
    readonly change: (plan: Plan, stage: Stage) => void;
    /** Property to what is expected and what is found: exactly these drifts, no other. Texts may hold `{project}`. */
    readonly found: Readonly<Record<string, readonly [expected: string, actual: string]>>;
    /** What cannot be compared any more. */
    readonly open: readonly string[];
}

function drift(name: string, change: Drift["change"], found: Drift["found"], open: readonly string[] = []): Drift {
    return { name, change, found, open };
}

const mebibyte = 1_048_576;

type Change = (plan: Plan) => void;

const config = (change: Partial<Request>): Change => {
    return ({ request }) => void Object.assign(request, change);
};

const host = (change: Request["HostConfig"]): Change => {
    return ({ request }) => void Object.assign(request.HostConfig, change);
};

const check = (change: Request["Healthcheck"]): Change => {
    return ({ request }) => void Object.assign(request.Healthcheck ?? {}, change);
};

const labels = (change: Record<string, string>): Change => {
    return ({ request }) => void Object.assign(request.Labels ?? {}, change);
};

/** Undefined takes one away. */
const tmpfs = (change: Record<string, string | undefined>): Change => {
    return ({ request }) => {
        const entries = Object.entries({ ...request.HostConfig.Tmpfs, ...change });
        request.HostConfig.Tmpfs = Object.fromEntries(
            entries.flatMap(([path, options]) => (options === undefined ? [] : [[path, options] as const])),
        );
    };
};

/** The environment without a name. */
function without(plan: Plan, name: string): string[] {
    return (plan.request.Env ?? []).filter((line) => !line.startsWith(`${name}=`));
}

/** Values of the environment stand as digests, which differ in each comparison. */
const digest = "digest …";

export const drifts: readonly Drift[] = [
    drift("an image of another name", (plan, stage) => config({ Image: stage.sameImage })(plan), {
        image: ["{image}", "{image}-same"],
    }),
    drift("an image of another id", (plan, stage) => config({ Image: stage.otherImage })(plan), {
        image: ["{image}", "{image}-other"],
        "image.id": ["{imageId}", "{otherImageId}"],
    }),
    drift("another command", config({ Cmd: ["sleep", "602"] }), {
        command: ['["sleep","601"]', '["sleep","602"]'],
    }),
    drift("another entrypoint", config({ Entrypoint: ["/usr/bin/env"] }), {
        entrypoint: ['["/usr/bin/nice","-n","0"]', '["/usr/bin/env"]'],
    }),
    drift(
        "another value of a variable",
        (plan) => {
            plan.request.Env = [...without(plan, "LOG_LEVEL"), "LOG_LEVEL=debug"];
        },
        { "environment.LOG_LEVEL": [digest, digest] },
    ),
    drift(
        "another value of a secret",
        (plan) => {
            plan.request.Env = [...without(plan, "PASSWORD"), "PASSWORD=hunter2-hunter2"];
        },
        { "environment.PASSWORD": [digest, digest] },
    ),
    drift("a variable too many", (plan) => void plan.request.Env?.push("DEBUG=1"), {
        "environment.DEBUG": ["none", digest],
    }),
    drift(
        "a variable too few",
        (plan) => {
            plan.request.Env = without(plan, "LOG_LEVEL");
        },
        { "environment.LOG_LEVEL": [digest, "none"] },
    ),
    drift("another value of one of the image's variables", (plan) => void plan.request.Env?.push("FROM_IMAGE=no"), {
        "environment.FROM_IMAGE": [digest, digest],
    }),
    drift(
        "another revision in the environment",
        (plan) => {
            plan.request.Env = [...without(plan, "PLUMBLINE_REVISION"), "PLUMBLINE_REVISION=0000000c"];
        },
        { "environment.PLUMBLINE_REVISION": ["0000000a", "0000000c"] },
    ),
    drift("another user", config({ User: "10008:10009" }), {
        user: ["10009:10009", "10008:10009"],
        "user (process)": ["10009:10009", "10008:10009"],
    }),
    drift("another group", config({ User: "10009:10008" }), {
        user: ["10009:10009", "10009:10008"],
        "user (process)": ["10009:10009", "10009:10008"],
    }),
    drift("root as user", config({ User: "0:0" }), {
        user: ["10009:10009", "0:0"],
        "user (process)": ["10009:10009", "0:0"],
        "cap_drop (process)": [
            "bounding NET_BIND_SERVICE, effective none",
            "bounding NET_BIND_SERVICE, effective NET_BIND_SERVICE",
        ],
    }),
    drift("another working directory", config({ WorkingDir: "/" }), {
        working_dir: ["/tmp", "/"],
    }),
    drift("another host name", config({ Hostname: "other" }), { hostname: ["app-host", "other"] }),
    drift("another domain name", config({ Domainname: "example.test" }), {
        domainname: ["app.test", "example.test"],
    }),
    drift("no init", host({ Init: false }), { init: ["true", "false"] }),
    drift("a root that can be written", host({ ReadonlyRootfs: false }), {
        read_only: ["true", "false"],
        "read_only (process)": [
            "a write is refused: Read-only file system",
            "a write is refused for another reason: …",
        ],
    }),
    drift("privileged", host({ Privileged: true }), {
        privileged: ["false", "true"],
        "cap_drop (process)": ["bounding NET_BIND_SERVICE, effective none", "bounding AUDIT_…"],
        "security_opt.seccomp (process)": ["filter", "off"],
        masked_paths: ["at least …", "…"],
        readonly_paths: ["at least …", "…"],
    }),
    drift("a capability too many", host({ CapAdd: ["NET_BIND_SERVICE", "CAP_SYS_PTRACE"] }), {
        cap_add: ['["NET_BIND_SERVICE"]', '["NET_BIND_SERVICE","SYS_PTRACE"]'],
        "cap_drop (process)": [
            "bounding NET_BIND_SERVICE, effective none",
            "bounding NET_BIND_SERVICE SYS_PTRACE, effective none",
        ],
    }),
    drift("a capability too few", host({ CapAdd: [] }), {
        cap_add: ['["NET_BIND_SERVICE"]', "none"],
        "cap_drop (process)": ["bounding NET_BIND_SERVICE, effective none", "bounding none, effective none"],
    }),
    drift("no capability dropped", host({ CapDrop: [] }), {
        cap_drop: ['["ALL"]', "none"],
        "cap_drop (process)": ["bounding NET_BIND_SERVICE, effective none", "bounding …"],
    }),
    drift("privileges that may be gained", host({ SecurityOpt: [] }), {
        security_opt: ['["no-new-privileges:true"]', "none"],
        "security_opt.no-new-privileges (process)": ["true", "false"],
    }),
    drift("system calls without a filter", host({ SecurityOpt: ["no-new-privileges:true", "seccomp=unconfined"] }), {
        security_opt: ['["no-new-privileges:true"]', '["no-new-privileges:true","seccomp:unconfined"]'],
        "security_opt.seccomp (process)": ["filter", "off"],
    }),
    drift("nothing of /proc hidden", host({ MaskedPaths: [] }), {
        masked_paths: ["at least …", "none"],
    }),
    drift("another group of the user", host({ GroupAdd: ["10011"] }), {
        group_add: ['["10010"]', '["10011"]'],
    }),
    drift("another size of a tmpfs", tmpfs({ "/tmp": "size=32m" }), {
        "tmpfs./tmp": ["size=16777216", "size=33554432"],
    }),
    drift("another mode of a tmpfs", tmpfs({ "/run/app": "size=1m,uid=10009,mode=0777" }), {
        "tmpfs./run/app": ["mode=750,size=1048576,uid=10009", "mode=777,size=1048576,uid=10009"],
    }),
    drift("a tmpfs too few", tmpfs({ "/run/app": undefined }), {
        "tmpfs./run/app": ["mode=750,size=1048576,uid=10009", "none"],
    }),
    drift("a tmpfs too many", tmpfs({ "/scratch": "" }), {
        "tmpfs./scratch": ["none", "no options"],
    }),
    drift("another volume", (plan, { project }) => host({ Binds: [`${project}_other:/var/lib/app:rw`] })(plan), {
        "volumes./var/lib/app": ["volume {project}_data, read-write", "volume {project}_other, read-write"],
    }),
    drift(
        "a volume that cannot be written",
        (plan, { project }) => host({ Binds: [`${project}_data:/var/lib/app:ro`] })(plan),
        { "volumes./var/lib/app": ["volume {project}_data, read-write", "volume {project}_data, read-only"] },
    ),
    drift(
        "a volume that takes nothing from the image",
        (plan, { project }) => host({ Binds: [`${project}_data:/var/lib/app:rw,nocopy`] })(plan),
        { "volumes./var/lib/app": ["volume {project}_data, read-write", "volume {project}_data, read-write, nocopy"] },
    ),
    drift("no volume", host({ Binds: [] }), {
        "volumes./var/lib/app": ["volume {project}_data, read-write", "none"],
    }),
    drift("a folder of the host", ({ request }) => void request.HostConfig.Binds?.push("/etc:/host-etc:ro"), {
        "volumes./host-etc": ["none", "bind /etc, read-only"],
    }),
    drift("a network too few", (plan) => void plan.networks.pop(), { "networks.second": ["attached", "not attached"] }),
    drift(
        "a network too many",
        (plan, { project }) => void plan.networks.push({ name: `${project}_foreign`, aliases: [] }),
        { "networks.foreign": ["not attached", "attached"] },
    ),
    drift(
        "a name that goes past the edge",
        (plan) => {
            plan.networks = plan.networks.map((network) => ({ ...network, aliases: ["app"] })).slice(0, 2);
            plan.networks[1]?.aliases.pop();
        },
        { "networks.network.aliases": ["none on the container: the edge answers to its names", '["app"]'] },
    ),
    drift(
        "the host's network",
        (plan) => {
            plan.networks = [];
            plan.request.HostConfig.NetworkMode = "host";
            plan.request.HostConfig.Sysctls = {};
            delete plan.request.HostConfig.Dns;
        },
        {
            network_mode: ["its networks", "host"],
            "networks.host": ["not attached", "attached"],
            "networks.network": ["attached", "not attached"],
            "networks.second": ["attached", "not attached"],
            "sysctls.net.core.somaxconn": ["256", "none"],
            dns: ['["192.0.2.53"]', "none"],
        },
    ),
    drift(
        "a port that goes past the edge",
        host({ PortBindings: { "8000/tcp": [{ HostIp: "127.0.0.1", HostPort: "18998" }] } }),
        { "ports.8000": ["published by the edge alone", "127.0.0.1:18998 on the container"] },
    ),
    drift("a port that the image does not expose", config({ ExposedPorts: { "9000/tcp": {} } }), {
        "expose.9000/tcp": ["none", "exposed"],
    }),
    drift("another healthcheck", check({ Test: ["CMD", "/bin/true"] }), {
        "healthcheck.test": ['["CMD","true"]', '["CMD","/bin/true"]'],
    }),
    drift("another interval of the healthcheck", check({ Interval: 60e9 }), {
        "healthcheck.interval": ["30000ms", "60000ms"],
    }),
    drift("another time-out of the healthcheck", check({ Timeout: 6e9 }), {
        "healthcheck.timeout": ["5000ms", "6000ms"],
    }),
    drift("another start period of the healthcheck", check({ StartPeriod: 11e9 }), {
        "healthcheck.start_period": ["10000ms", "11000ms"],
    }),
    drift("other retries of the healthcheck", check({ Retries: 5 }), {
        "healthcheck.retries": ["4", "5"],
    }),
    drift("no healthcheck", config({ Healthcheck: { Test: ["NONE"] } }), {
        "healthcheck.test": ['["CMD","true"]', '["NONE"]'],
    }),
    drift("another restart policy", host({ RestartPolicy: { Name: "always" } }), {
        restart: ["unless-stopped", "always"],
    }),
    drift("another stop signal", config({ StopSignal: "SIGTERM" }), {
        stop_signal: ["SIGINT", "SIGTERM"],
    }),
    drift("another grace period", config({ StopTimeout: 16 }), {
        stop_grace_period: ["15s", "16s"],
    }),
    drift("another limit of memory", host({ Memory: 32 * mebibyte }), {
        mem_limit: ["67108864 (64 MiB)", "33554432 (32 MiB)"],
    }),
    drift("another limit of memory and swap", host({ MemorySwap: 96 * mebibyte }), {
        memswap_limit: ["67108864 (64 MiB)", "100663296 (96 MiB)"],
    }),
    drift("another reservation of memory", host({ MemoryReservation: 16 * mebibyte }), {
        mem_reservation: ["33554432 (32 MiB)", "16777216 (16 MiB)"],
    }),
    drift("another share of processors", host({ NanoCpus: 1e9 }), {
        cpus: ["0.5", "1"],
    }),
    drift("another weight among processors", host({ CpuShares: 256 }), {
        cpu_shares: ["512", "256"],
    }),
    drift("other processors", host({ CpusetCpus: "" }), {
        cpuset: ["0", "none"],
    }),
    drift("another limit of processes", host({ PidsLimit: 65 }), {
        pids_limit: ["64", "65"],
    }),
    drift("another size of shared memory", host({ ShmSize: 16 * mebibyte }), {
        shm_size: ["8388608 (8 MiB)", "16777216 (16 MiB)"],
    }),
    drift("another limit of open files", host({ Ulimits: [{ Name: "nofile", Soft: 1024, Hard: 4096 }] }), {
        "ulimits.nofile": ["soft 1024, hard 2048", "soft 1024, hard 4096"],
    }),
    drift("another kernel parameter", host({ Sysctls: { "net.core.somaxconn": "512" } }), {
        "sysctls.net.core.somaxconn": ["256", "512"],
    }),
    drift("another label", labels({ "com.example.team": "billing" }), {
        "labels.com.example.team": ["documents", "billing"],
    }),
    drift("a label too many", labels({ "com.example.extra": "1" }), {
        "labels.com.example.extra": ["none", "1"],
    }),
    drift(
        "another name",
        (plan) => {
            plan.name = plan.name.replace("app-", "app_");
        },
        {
            container_name: ["app-0000000a-…", "app_0000000a-{suffix}"],
        },
    ),
    drift("another address of a host", host({ ExtraHosts: ["mirror.test:192.0.2.11"] }), {
        extra_hosts: ['["mirror.test:192.0.2.10"]', '["mirror.test:192.0.2.11"]'],
    }),
    drift("another name server", host({ Dns: ["192.0.2.54"] }), {
        dns: ['["192.0.2.53"]', '["192.0.2.54"]'],
    }),
    drift("another search domain", host({ DnsSearch: ["example.test"] }), {
        dns_search: ['["app.test"]', '["example.test"]'],
    }),
    drift("another option of name look-ups", host({ DnsOptions: ["ndots:1"] }), {
        dns_opt: ['["ndots:2"]', '["ndots:1"]'],
    }),
    drift("another log driver", host({ LogConfig: { Type: "local", Config: { "max-size": "1m", "max-file": "2" } } }), {
        "logging.driver": ["json-file", "local"],
    }),
    drift(
        "another log option",
        host({ LogConfig: { Type: "json-file", Config: { "max-size": "2m", "max-file": "2" } } }),
        { "logging.options.max-size": ["1m", "2m"] },
    ),
    drift(
        "the host's processes",
        host({ PidMode: "host" }),
        {
            pid: ["none", "host"],
        },
        [
            "user (process)",
            "cap_drop (process)",
            "security_opt.no-new-privileges (process)",
            "security_opt.seccomp (process)",
            "read_only (process)",
        ],
    ),
    drift("the host's shared memory", host({ IpcMode: "host" }), {
        ipc: ["private", "host"],
    }),
    drift(
        "a device",
        host({ Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/sample", CgroupPermissions: "r" }] }),
        { devices: ["none", '[{"PathOnHost":"/dev/null","PathInContainer":"/dev/sample","CgroupPermissions":"r"}]'] },
    ),
    drift("another chance to be killed for memory", host({ OomScoreAdj: 100 }), {
        oom_score_adj: ["none", "100"],
    }),
    drift("a terminal", config({ Tty: true }), { tty: ["none", "true"] }),
    drift("an open standard input", config({ OpenStdin: true }), { stdin_open: ["none", "true"] }),
];
