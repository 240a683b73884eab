/**
 * Every key of the compose specification that Plumbline does not translate, with what becomes of it: harmless ones are
 * left out and listed in each plan, all others are refused by name, with the reason and what to write instead. A key that
 * stands neither here nor in `compose-model.ts` is refused too.
 */
import { isDeepStrictEqual } from "node:util";
import { distance } from "fastest-levenshtein";

/** What becomes of a key. */
interface Verdict {
    readonly harmless: boolean;
    /** Why Plumbline does not use it. */
    readonly why: string;
    /** What to write instead; a harmless key needs nothing. */
    readonly instead: string;
    /** Values that say what Plumbline does anyway: no reason to speak of them. */
    readonly same: readonly unknown[];
}

interface Tree {
    readonly [key: string]: Verdict | Tree;
}

/** A sentence on one key of the file. */
export interface KeyMessage {
    readonly path: readonly PropertyKey[];
    readonly message: string;
}

/** A compose file without the keys that Plumbline does not translate. */
export interface Sifted {
    readonly value: unknown;
    /** On harmless keys, for every plan. */
    readonly notes: readonly KeyMessage[];
    /** On refused keys. */
    readonly problems: readonly KeyMessage[];
}

/** Stands for any key of a dictionary and any entry of a list. */
const any = "*";

const leaveOut = "leave it out";

function refused(why: string, instead: string = leaveOut, same: readonly unknown[] = []): Verdict {
    return { harmless: false, why, instead, same };
}

function harmless(why: string, same: readonly unknown[] = []): Verdict {
    return { harmless: true, why, instead: "", same };
}

const forSwarm = harmless("it is for Docker Swarm, and `docker compose up` does not use it either");
const ownRollout = harmless(
    "it is for Docker Swarm; how one release follows another is set under plumbline:rollout of the stack",
);
const ofPull = harmless("an image is pulled when the engine does not have it, and at no other time", [
    "missing",
    "if_not_present",
    "build",
]);
const ofBuild = harmless(
    "an image is built when its source changed or the engine does not have it, and named by its source",
);
const onWindows = refused("it is for Windows containers", leaveOut, ["default"]);
const twoRevisions = refused(
    "two revisions of a service stand side by side",
    "leave it out; others reach the service by its name",
);
const ofOneMachine = refused(
    "it speaks of the hardware, kernel or engine of one machine, and a release must be the same on every machine",
    "leave it out, or run this service outside the stack",
);
const ownNamespaces = refused("each revision has namespaces of its own, as the engine makes them");
const noTerminal = refused("a deployed service has no terminal, and its log is read line by line");
const noAddress = refused(
    "a second revision of the service could not have the same address",
    "leave it out; the edge gives every service one address, and others reach it by its name",
);
const byBuilder = refused(
    "not every builder of the Docker client knows it, and the image must be the same from each",
    "say it in the Dockerfile, or set an image that is built elsewhere under plumbline:images",
);
const fixedNetwork = refused("the order of a container's networks cannot be set", leaveOut, [0]);
const asStacks = refused(
    "it is kept outside the project, and a stack owns its networks",
    "declare a network of the file; what lies outside is reached by extra_hosts or an address",
);
const engineSecrets = harmless("a file of the project is no object of the engine that could carry it");

const build: Tree = {
    additional_contexts: byBuilder,
    cache_from: ofBuild,
    cache_to: ofBuild,
    dockerfile_inline: refused("the source of an image is files", "write it to a file and name that in dockerfile"),
    entitlements: byBuilder,
    extra_hosts: byBuilder,
    isolation: onWindows,
    labels: refused("labels of an image belong into its source", "write LABEL in the Dockerfile"),
    network: refused("what a build may reach is no part of its source", leaveOut, ["default"]),
    no_cache: ofBuild,
    privileged: byBuilder,
    provenance: ofBuild,
    pull: ofBuild,
    sbom: ofBuild,
    secrets: refused(
        "a build would differ with the secrets of whoever runs it",
        "read the secret when the service runs: x-plumbline.secrets",
    ),
    shm_size: byBuilder,
    ssh: refused(
        "a build would differ with the keys of whoever runs it",
        "copy what it fetches into the build context",
    ),
    tags: ofBuild,
    ulimits: byBuilder,
};

const deploy: Tree = {
    mode: { ...forSwarm, same: ["replicated"] },
    endpoint_mode: forSwarm,
    labels: forSwarm,
    placement: forSwarm,
    update_config: ownRollout,
    rollback_config: ownRollout,
    restart_policy: {
        delay: forSwarm,
        window: forSwarm,
        max_attempts: refused("a limit of attempts is not supported"),
    },
    resources: {
        limits: { devices: ofOneMachine, generic_resources: ofOneMachine },
        reservations: {
            cpus: forSwarm,
            pids: forSwarm,
            devices: ofOneMachine,
            generic_resources: ofOneMachine,
        },
    },
};

const service: Tree = {
    annotations: refused("they are for runtimes of the engine that read them", "use labels"),
    attach: harmless("it says whose log `docker compose up` shows"),
    blkio_config: ofOneMachine,
    build,
    cgroup: ownNamespaces,
    cgroup_parent: ofOneMachine,
    container_name: twoRevisions,
    cpu_count: onWindows,
    cpu_percent: onWindows,
    cpu_period: refused("it says a limit in the kernel's words", "write cpus"),
    cpu_quota: refused("it says a limit in the kernel's words", "write cpus"),
    cpu_rt_period: ofOneMachine,
    cpu_rt_runtime: ofOneMachine,
    credential_spec: onWindows,
    deploy,
    depends_on: {
        [any]: { restart: refused("the edge keeps the address of a service that is replaced, so nobody need restart") },
    },
    develop: harmless("it is for `docker compose watch`"),
    device_cgroup_rules: ofOneMachine,
    devices: ofOneMachine,
    external_links: refused(
        "a container outside the stack is none of the release",
        "reach it by extra_hosts or an address",
    ),
    gpus: ofOneMachine,
    healthcheck: {
        start_interval: harmless("also while a service starts, its health is asked for every `interval`"),
    },
    ipc: { ...ownNamespaces, same: ["private", "shareable"] },
    isolation: onWindows,
    links: refused(
        "services reach each other by name on a common network",
        "use networks, with aliases for other names, and depends_on for the order",
    ),
    mac_address: noAddress,
    mem_swappiness: ofOneMachine,
    models: refused("a model is run by a plugin of the Docker client, not by the engine", "run it as a service"),
    network_mode: refused("the edge must be the only address of a service", "use networks"),
    networks: {
        [any]: {
            driver_opts: refused("the edge must reach every container alike"),
            gw_priority: fixedNetwork,
            interface_name: refused("the name of an interface cannot be set"),
            ipv4_address: noAddress,
            ipv6_address: noAddress,
            link_local_ips: noAddress,
            mac_address: noAddress,
            priority: fixedNetwork,
        },
    },
    oom_kill_disable: refused("one service could take the memory of all others", "set mem_limit"),
    oom_score_adj: ofOneMachine,
    pid: ownNamespaces,
    post_start: refused(
        "a command of the Docker client would not run when the engine starts the container by itself",
        "run it in the entrypoint of the image",
    ),
    pre_stop: refused(
        "a command of the Docker client would not run when the engine stops the container by itself",
        "let the program handle the stop signal; stop_grace_period gives it time",
    ),
    provider: refused("the service is run by a plugin of the Docker client, not by the engine", "run it as a service"),
    pull_policy: ofPull,
    pull_refresh_after: ofPull,
    runtime: ofOneMachine,
    stdin_open: noTerminal,
    storage_opt: ofOneMachine,
    tty: noTerminal,
    use_api_socket: refused("the service would have power over the whole engine"),
    userns_mode: ownNamespaces,
    uts: ownNamespaces,
    volumes: {
        [any]: {
            consistency: harmless("it has no effect in any engine of today"),
            volume: {
                labels: refused("they would be those of an anonymous volume", "write them under volumes of the file"),
                nocopy: refused("a new volume is filled from the image", "mount it where the image has no files"),
                subpath: refused("only whole volumes are mounted", "give the part a volume of its own"),
            },
        },
    },
    volumes_from: refused("each service names what it mounts", "write the volumes of the other service here too"),
};

const network: Tree = {
    attachable: harmless("it is for Docker Swarm"),
    driver_opts: refused("options of a driver differ from machine to machine"),
    enable_ipv4: refused("the edge reaches containers by IPv4", leaveOut, [true]),
    enable_ipv6: refused("the edge reaches containers by IPv4", leaveOut, [false]),
    external: asStacks,
    ipam: {
        config: refused("a fixed subnet would collide with that of another stack"),
        driver: refused("the engine's own gives addresses", leaveOut, ["default"]),
        options: refused("the engine's own gives addresses"),
    },
};

const volume: Tree = {
    driver_opts: refused(
        "where the data lies would differ from machine to machine",
        "leave it out; the engine's own folder is used",
    ),
    external: refused(
        "it is kept outside the project, and a stack owns its volumes",
        "leave it out and set plumbline:project so that the names agree (docs/your-own-compose-file.md)",
    ),
};

const file: Tree = {
    version: harmless("it is obsolete, and compose ignores it"),
    models: refused("a model is run by a plugin of the Docker client, not by the engine", "run it as a service"),
    services: { [any]: service },
    networks: { [any]: network },
    volumes: { [any]: volume },
    configs: {
        [any]: {
            labels: engineSecrets,
            template_driver: refused("what the file holds would not be what the service gets", "write it out"),
        },
    },
    secrets: {
        [any]: {
            driver: refused("it is kept outside the project", "declare a variable under x-plumbline.secrets"),
            driver_opts: refused("it is kept outside the project", "declare a variable under x-plumbline.secrets"),
            labels: engineSecrets,
            template_driver: refused("what the file holds would not be what the service gets", "write it out"),
        },
    },
};

/**
 * Takes the keys out that Plumbline does not translate. A refused key with an empty value, as `devices: []`, asks for
 * nothing and is left out without a word.
 */
export function siftKeys(model: unknown): Sifted {
    const notes: KeyMessage[] = [];
    const problems: KeyMessage[] = [];
    const value = sift(model, file, [], ({ harmless, why, instead }, path) => {
        if (harmless) notes.push({ path, message: `not used: ${why}` });
        else problems.push({ path, message: `is not supported: ${why}; ${instead}` });
    });
    return { value, notes, problems: problems.filter((problem) => !isImplied(problem, problems)) };
}

/** Compose adds `restart` to the dependencies that it makes of links and the like: nobody has written it. */
function isImplied({ path }: KeyMessage, all: readonly KeyMessage[]): boolean {
    if (path[2] !== "depends_on" || path.at(-1) !== "restart") return false;
    const sources = ["links", "volumes_from", "network_mode", "ipc", "pid"];
    return all.some((other) => other.path[1] === path[1] && sources.includes(String(other.path[2])));
}

/** Keys that are nearly ours: compose ignores what begins with `x-`, and so would the slip be. */
export function misspelledExtensions(model: unknown): KeyMessage[] {
    const places: [path: readonly string[], value: unknown][] = [
        [[], model],
        ...Object.entries(membersOf(membersOf(model).services)).map(([name, value]): [readonly string[], unknown] => [
            ["services", name],
            value,
        ]),
    ];
    return places.flatMap(([path, value]) =>
        Object.keys(membersOf(value))
            .filter((key) => key.startsWith("x-") && key !== ours && distance(key, ours) <= mostSlips)
            .map((key) => ({ path: [...path, key], message: `is read by nobody: did you mean ${ours}?` })),
    );
}

const ours = "x-plumbline";
const mostSlips = 3;

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
    return value !== null && typeof value === "object" && !Array.isArray(value) ? { ...value } : {};
}

type Tell = (verdict: Verdict, path: readonly PropertyKey[]) => void;

function sift(value: unknown, tree: Tree, path: readonly PropertyKey[], tell: Tell): unknown {
    if (Array.isArray(value)) {
        const entry = at(tree, any);
        if (entry === undefined || isVerdict(entry)) return value;
        return value.map((member, index) => sift(member, entry, [...path, index], tell));
    }
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
        Object.entries(value).flatMap(([key, member]): [string, unknown][] => {
            const place = at(tree, key);
            if (place === undefined) return [[key, member]];
            if (!isVerdict(place)) return [[key, sift(member, place, [...path, key], tell)]];
            if (!isEmpty(member, place) && !place.same.some((same) => isDeepStrictEqual(same, member))) {
                tell(place, [...path, key]);
            }
            return [];
        }),
    );
}

function at(tree: Tree, key: string): Verdict | Tree | undefined {
    return Object.hasOwn(tree, key) ? tree[key] : Object.hasOwn(tree, any) ? tree[any] : undefined;
}

function isVerdict(place: Verdict | Tree): place is Verdict {
    return typeof place.harmless === "boolean";
}

/** What asks for nothing. Of a harmless key also `false` says something, as `attach: false`. */
function isEmpty(value: unknown, { harmless, same }: Verdict): boolean {
    if (value === undefined || value === null || value === "") return true;
    // Where `true` is what Plumbline does, `false` asks for the contrary.
    if (value === false) return !harmless && !same.includes(true);
    return typeof value === "object" && Object.keys(value).length === 0;
}
