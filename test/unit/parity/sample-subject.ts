/** A service beside a container that is exactly as its baseline says: what a test changes is then the only difference. */
import type { Subject } from "../../../validation/checks/parity-property.ts";
import { parseImage, parseInspection } from "../../../validation/facts/container.ts";
import { known } from "../../../validation/facts/fact.ts";
import type { ProcessStatus } from "../../../validation/facts/process.ts";
import { emptySpec, sampleService } from "../rollout/sample-release.ts";

type Json = Record<string, unknown>;

const image = {
    Id: "sha256:1111",
    RepoDigests: [],
    Config: { Env: ["PATH=/usr/bin"], Cmd: ["serve"], Labels: { "plumbline.source": "000000000001" } },
};

const hidden = "/proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/sched_debug /proc/scsi";
const guarded = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger";

/** Changes are laid over the engine's answer, section by section. */
export function sampleContainer(change: { host?: Json; config?: Json; state?: Json } = {}) {
    const inspection = parseInspection({
        Id: "0123456789abcdef",
        Name: "/api-00000001-0abcdef",
        Image: "sha256:1111",
        State: { Status: "running", Running: true, ExitCode: 0, ...change.state },
        Config: {
            Image: "plumbline/api:000000000001",
            Hostname: "0123456789ab",
            Env: ["PATH=/usr/bin", "PLUMBLINE_REVISION=00000001"],
            Cmd: ["serve"],
            StopTimeout: 10,
            AttachStdout: true,
            Labels: {
                "plumbline.source": "000000000001",
                "plumbline.project": "sample",
                "plumbline.revision": "00000001",
                "plumbline.service": "api",
                "plumbline.stack": "local",
            },
            ...change.config,
        },
        HostConfig: {
            LogConfig: { Type: "json-file", Config: {} },
            NetworkMode: "bridge",
            RestartPolicy: { Name: "unless-stopped" },
            ReadonlyRootfs: true,
            Init: true,
            ShmSize: 67_108_864,
            Runtime: "runc",
            IpcMode: "private",
            CgroupnsMode: "host",
            MaskedPaths: [...hidden.split(" "), "/sys/firmware"],
            ReadonlyPaths: guarded.split(" "),
            ...change.host,
        },
        Mounts: [],
        NetworkSettings: { Networks: { sample_network: { Aliases: ["0123456789ab"] } } },
    });
    if (inspection === undefined) throw new Error("the sample is no container");
    return inspection;
}

/** A process of root with the engine's default capabilities. */
export const rootProcess: ProcessStatus = {
    uids: [0, 0, 0, 0],
    gids: [0, 0, 0, 0],
    capEffective: 0xa80425fbn,
    capBounding: 0xa80425fbn,
    seccomp: 2,
    noNewPrivileges: false,
};

export function sampleSubject(change: Partial<Subject> = {}): Subject {
    const edge = sampleContainer();
    edge.NetworkSettings.Networks = { sample_network: { Aliases: ["api"] } };
    return {
        service: sampleService("api", "request", [], { spec: { ...emptySpec } }),
        stack: "local",
        project: "sample",
        container: sampleContainer(),
        expectedImage: known(parseImage(image)),
        actualImage: known(parseImage(image)),
        process: known({
            first: rootProcess,
            main: rootProcess,
            users: [],
            groups: [],
            rootWrite: "sh: 1: cannot create /x: Read-only file system",
        }),
        engine: known({ logDriver: "json-file", runtime: "runc", cgroupVersion: "1", seccomp: true }),
        edge: known(edge),
        listeners: [],
        files: {},
        secrets: {},
        digest: (value) => `d${value.length}`,
        ...change,
    };
}
