/**
 * The shape of a release: what is to run, frozen. Every other room speaks in these types.
 *
 * Everything here is plain JSON: it is hashed, stored in the ledger, and handed to dynamic resources. Secrets stand in it
 * by name and version only; where a value belongs, a placeholder stands (see `secrets.ts`).
 */

/** How a service changes. `request`: may run twice, the edge switches it. `consumer`: pulls work, must not run twice. `stateful`: owns a volume, must not run twice. `job`: runs once. */
export type ServiceKind = "request" | "consumer" | "stateful" | "job";

/** The condition under which a dependent may start, in compose's words. */
export type DependencyCondition = "service_started" | "service_healthy" | "service_completed_successfully";

export interface Dependency {
    readonly service: string;
    readonly condition: DependencyCondition;
}

/** A container healthcheck, times in milliseconds. */
export interface Healthcheck {
    readonly test: readonly string[];
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly startPeriodMs: number;
    readonly retries: number;
}

export interface Mount {
    readonly type: "volume" | "bind";
    /** The engine's volume name, or the host path for a bind. */
    readonly source: string;
    readonly target: string;
    readonly readOnly: boolean;
}

/** A file that a service finds in its container: compose's `configs` and `secrets`. */
export interface FileRelease {
    /** Absolute and in a folder of its own or the image's, never directly in `/`. */
    readonly target: string;
    /** Text with placeholders where secrets belong; of `base64` nothing is substituted. */
    readonly content: string;
    readonly encoding: "text" | "base64";
    readonly mode: number;
    /** Absent: the service's user, where that is a number; otherwise root. */
    readonly uid?: number;
    readonly gid?: number;
}

export interface NetworkAttachment {
    /** The engine's network name. */
    readonly network: string;
    /** Extra aliases of the baseline besides the service's own name; they belong to the edge, see `EdgeNetwork`. */
    readonly aliases: readonly string[];
}

/** What the engine is asked to run: the baseline's service in one fixed vocabulary. Absent means the engine's default. */
export interface ServiceSpec {
    readonly command?: readonly string[];
    readonly entrypoint?: readonly string[];
    /** Values may contain secret placeholders. */
    readonly environment: Readonly<Record<string, string>>;
    readonly user?: string;
    readonly workingDir?: string;
    readonly hostname?: string;
    readonly domainname?: string;
    readonly init: boolean;
    readonly readOnly: boolean;
    readonly privileged: boolean;
    readonly capAdd: readonly string[];
    readonly capDrop: readonly string[];
    readonly securityOpt: readonly string[];
    readonly groupAdd: readonly string[];
    /** Path to mount options, as in `/tmp` to `size=64m`. */
    readonly tmpfs: Readonly<Record<string, string>>;
    readonly mounts: readonly Mount[];
    /** Sorted by target. How they get into the container: see `file-volumes.ts`. */
    readonly files: readonly FileRelease[];
    readonly networks: readonly NetworkAttachment[];
    readonly healthcheck?: Healthcheck;
    readonly restart: "no" | "always" | "on-failure" | "unless-stopped";
    readonly stopSignal?: string;
    /** Seconds between the stop signal and the kill; 10 is compose's default. */
    readonly stopGraceSeconds: number;
    readonly memoryBytes?: number;
    readonly memorySwapBytes?: number;
    /** What the kernel tries to leave to the service when memory runs short. */
    readonly memoryReservationBytes?: number;
    readonly cpus?: number;
    /** Weight against other services when processors are short. */
    readonly cpuShares?: number;
    /** Numbers of the processors that it may use, as in `0-2,4`. */
    readonly cpuset?: string;
    readonly pidsLimit?: number;
    readonly shmBytes?: number;
    readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
    readonly sysctls: Readonly<Record<string, string>>;
    readonly labels: Readonly<Record<string, string>>;
    readonly extraHosts: readonly { readonly host: string; readonly ip: string }[];
    /** At most one: the provider keeps no order. */
    readonly dns: readonly string[];
    /** At most one, as of `dns`. */
    readonly dnsSearch?: readonly string[];
    readonly dnsOptions?: readonly string[];
    readonly logDriver?: string;
    readonly logOptions: Readonly<Record<string, string>>;
}

/** An image that the program builds; named by its source digest, so that the name is known before it is built. */
export interface BuiltImage {
    readonly kind: "built";
    /** The reference to run, as in `plumbline/api:3f9c1a2b4d5e`. */
    readonly reference: string;
    /** SHA-256 over context, Dockerfile, arguments and base. */
    readonly sourceDigest: string;
    /** Build context, relative to the project folder. */
    readonly context: string;
    /** Dockerfile, relative to the project folder. */
    readonly dockerfile: string;
    readonly target?: string;
    readonly args: Readonly<Record<string, string>>;
}

/** An image that is pulled. */
export interface PulledImage {
    readonly kind: "pulled";
    readonly reference: string;
}

export type ServiceImage = BuiltImage | PulledImage;

/** A port of the baseline, as clients outside see it. */
export interface PublishedPort {
    /** Port inside the container. */
    readonly target: number;
    /** Port on the host; 0 where the port is only reachable inside. */
    readonly published: number;
    readonly hostIp: string;
}

export interface ProbeExpectation {
    readonly status: number;
    /** A subset that the JSON body must contain. */
    readonly json?: Readonly<Record<string, unknown>>;
    /** Key of the JSON body that must equal the service's revision. */
    readonly revisionAt?: string;
}

/** A question put to a service through the edge, with the answer that proves it ready. */
export type Probe =
    | {
          readonly type: "http";
          readonly port: number;
          readonly path: string;
          readonly headers: Readonly<Record<string, string>>;
          readonly expect: ProbeExpectation;
      }
    | {
          readonly type: "postgres";
          readonly port: number;
          readonly user: string;
          readonly password: string;
          readonly database: string;
      }
    | { readonly type: "redis"; readonly port: number; readonly password: string }
    | { readonly type: "tcp"; readonly port: number };

/** A storage bucket that is created and kept as declared (R05). */
export interface Bucket {
    readonly name: string;
    readonly public: boolean;
    readonly fileSizeLimit: number | null;
    readonly allowedMimeTypes: readonly string[] | null;
}

/** One container that is to run: a service of the baseline, or one of its replicas. */
export interface ServiceRelease {
    /** The service's own name; of a second replica and those after it with their number, as in `web-2`. */
    readonly name: string;
    /** The service of the baseline, where the name is not its own. */
    readonly replicaOf?: string;
    readonly kind: ServiceKind;
    /** Eight hex digits over everything in this record but itself. */
    readonly revision: string;
    readonly image: ServiceImage;
    readonly spec: ServiceSpec;
    readonly dependsOn: readonly Dependency[];
    readonly ports: readonly PublishedPort[];
    readonly probes: readonly Probe[];
    readonly buckets?: { readonly port: number; readonly serviceKey: string; readonly list: readonly Bucket[] };
    /** Versions of the secrets whose placeholders stand in this service. */
    readonly secretVersions: Readonly<Record<string, string>>;
    /** Longest time from start to ready, in milliseconds (F9): from the healthcheck's own arithmetic and the settings. */
    readonly startDeadlineMs: number;
}

export interface NetworkRelease {
    /** The engine's name, as in `insurance_navigator_network`. */
    readonly name: string;
    readonly driver: string;
    readonly internal: boolean;
    readonly labels: Readonly<Record<string, string>>;
}

export interface VolumeRelease {
    /** The key in the baseline, as in `postgres_data`. */
    readonly key: string;
    /** The engine's name, as in `insurance_navigator_postgres_data`. */
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
}

/** One port of one service of the baseline behind the edge. `http` is switched request by request, `tcp` connection by connection. */
export interface Listener {
    readonly service: string;
    readonly port: number;
    readonly protocol: "http" | "tcp";
    readonly kind: ServiceKind;
    /** How many containers share its connections: entries `web`, `web-2` and so on. @default 1 */
    readonly replicas?: number;
    /** On the host. `inside`: the port of the edge's container that it leads to; absent: the listener's own. */
    readonly published?: { readonly hostIp: string; readonly port: number; readonly inside?: number };
    /** The networks whose services may reach it; absent: all that the edge is on. */
    readonly networks?: readonly string[];
}

export interface Gateway {
    readonly name: string;
    readonly port: number;
    readonly published: { readonly hostIp: string; readonly port: number };
    readonly routes: readonly {
        readonly prefix: string;
        readonly service: string;
        readonly port: number;
        readonly stripPrefix: boolean;
    }[];
}

export interface EdgeRelease {
    readonly revision: string;
    readonly image: BuiltImage;
    readonly listeners: readonly Listener[];
    readonly gateways: readonly Gateway[];
    /** Host port of the probe listener, published on `probeHostIp` only. */
    readonly probePort: number;
    readonly probeHostIp: string;
    /** Per network the names that the edge answers to: the services' own names and their aliases. */
    readonly networks: readonly { readonly network: string; readonly aliases: readonly string[] }[];
    /** Volume that holds the edge's configuration. */
    readonly configVolume: string;
    /** Where the stack sets other waits than the defaults. */
    readonly waits?: EdgeWaits;
}

/** How long the edge lets somebody wait, in milliseconds. */
export interface EdgeWaits {
    /** A connection to a service that is held. */
    readonly holdMs: number;
    /** A request to a `request` service that cannot be reached. */
    readonly requestWaitMs: number;
}

/** One request of the smoke test. `{name}` in path, body or headers stands for a value saved by an earlier step. */
export interface SmokeStep {
    readonly name: string;
    readonly service: string;
    readonly port: number;
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly expect: ProbeExpectation;
    readonly save: Readonly<Record<string, string>>;
    /** Repeat until the expectation holds, at most this long; 0 asks once. */
    readonly withinMs: number;
}

/** How a secret variable gets its value where the stack does not give one. */
export type SecretSource =
    | { readonly type: "generate"; readonly length: number }
    | { readonly type: "jwt"; readonly role: string; readonly signedWith: string };

export interface SupabaseRelease {
    readonly projectId: string;
    readonly apiUrl: string;
    /** Names of the secrets that hold the two keys. */
    readonly anonKey: string;
    readonly serviceRoleKey: string;
}

/** A published port that is not the one of the baseline, since somebody else had that (`ports.auto`). */
export interface MovedPort {
    /** The service, `gateway <name>`, or `probes`. */
    readonly user: string;
    /** Port inside the edge's container; 0 for the probes. */
    readonly target: number;
    /** The port that baseline and offset ask for. */
    readonly wanted: number;
    /** Where it went. */
    readonly published: number;
}

export interface Release {
    /** Twelve hex digits over everything in this record but itself. */
    readonly id: string;
    readonly stack: string;
    /** Compose project name: prefix of every network and volume. */
    readonly project: string;
    /** In start order: a service stands after everything it depends on. */
    readonly services: readonly ServiceRelease[];
    readonly networks: readonly NetworkRelease[];
    readonly volumes: readonly VolumeRelease[];
    readonly edge: EdgeRelease;
    /** Absent where every port is the one of the baseline. */
    readonly movedPorts?: readonly MovedPort[];
    readonly smoke: readonly SmokeStep[];
    readonly secretSources: Readonly<Record<string, SecretSource>>;
    readonly secretVersions: Readonly<Record<string, string>>;
    readonly supabase?: SupabaseRelease;
    /** The numbers that steer probes and start-up, frozen so that a rollback uses the same. */
    readonly health: HealthPolicy;
    readonly rollout: RolloutPolicy;
    /** How calls to the engine are repeated (R21): what `connectEngine` takes. */
    readonly network: NetworkPolicy;
    /** Longest time for open requests to end before something is stopped. */
    readonly drainMs: number;
}

/** R21, times in milliseconds. */
export interface NetworkPolicy {
    /** Longest silence of one call. */
    readonly timeoutMs: number;
    readonly retry: {
        /** Tries in all, the first one included. */
        readonly attempts: number;
        readonly firstDelayMs: number;
        readonly factor: number;
        readonly maxDelayMs: number;
        /** Share of a wait that chance may add or take away, 0 to 1. */
        readonly jitter: number;
    };
}

/** R33: what is fast enough. */
export interface PerformancePolicy {
    readonly responseTimeMs: number;
    readonly throughputRps: number;
    readonly errorRatePercent: number;
}

/** How carefully one release follows another (R50, R98). Times in milliseconds. */
export interface RolloutPolicy {
    /** How long the previous containers stay after the switch, while the new ones are watched. */
    readonly bakeMs: number;
    readonly bakeIntervalMs: number;
    /** Failed health checks in a row that undo the rollout. */
    readonly healthFailures: number;
    /** Length of the load on a candidate before it is switched in. */
    readonly gateLoadMs: number;
    /** Longest wait for open transactions before a database is handed over. */
    readonly openTransactionsMs: number;
    readonly performance: PerformancePolicy;
    /** Services that may get more power over the machine than they have: the security gate lets them pass. */
    readonly acceptWeaker: readonly string[];
}

/** R32, times in milliseconds. */
export interface HealthPolicy {
    readonly initialDelayMs: number;
    readonly retries: number;
    readonly intervalMs: number;
    readonly successThreshold: number;
    readonly failureThreshold: number;
    readonly backoffFactor: number;
}

/** A container that Pulumi has declared and the engine has created. */
export interface DeclaredContainer {
    readonly id: string;
    /** The engine's name, which its DNS answers to. */
    readonly name: string;
}
