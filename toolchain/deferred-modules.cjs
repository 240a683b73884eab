/**
 * Given to Node by the environment (`--require`), for the two processes of Pulumi's SDK that each run starts: the one of the
 * program, and the one of its dynamic resources. The SDK loads the TypeScript compiler, npm's resolver of dependencies and
 * V8's inspector in both, for functions that it would have to serialise, the Automation API, and a tracer; dockerode loads SSH
 * and a reader of protocols for ways to connect and to build that few runs need. More than half of all modules are not read
 * at each run: they are loaded when they are first used. What reads source maps is left out for good.
 */
const Module = require("node:module");
const path = require("node:path");

/** Asked for a property when they are used, or called. */
const wholes = [
    "typescript",
    "@pulumi/pulumi/automation",
    "@npmcli/arborist",
    "docker-modem/lib/ssh",
    "dockerode/lib/session",
    "dockerode/lib/buildkit",
];
/** Whose functions and classes are taken out of them at once, and used later. */
const parts = [
    "exporter-zipkin",
    "instrumentation",
    "instrumentation-grpc",
    "resources",
    "sdk-trace-base",
    "sdk-trace-node",
];

/** The door to V8's inspector: it is for functions to be serialised, and every module that is loaded would be reported to it. */
const inspector = "@pulumi/pulumi/runtime/closure/v8Hooks";
/** Would read the source map of each file that a stack trace names, several at each run; Node's own traces name what runs. */
const sourceMaps = "source-map-support/register";

/** Files whose place a stand-in has. */
const deferred = new Set();

const [, main = ""] = process.argv;

if (/@pulumi[\\/]pulumi[\\/]cmd[\\/](run|dynamic-provider)\b/.test(main)) {
    const requireOfSdk = Module.createRequire(path.resolve(main, "deferred"));
    for (const name of wholes) defer(name, requireOfSdk, (real, key) => real()[key]);
    const isReady = async () => undefined;
    defer(inspector, requireOfSdk, (real, key) => (key === "isInitializedAsync" ? isReady : real()[key]));
    defer(sourceMaps, requireOfSdk, () => undefined);
    for (const name of parts) {
        defer(`@opentelemetry/${name}`, requireOfSdk, (real, key) => standIn(() => real()[key]));
    }
}

/** Puts a stand-in in the place of a module. Where the module is not installed, nothing is done. */
function defer(name, requireOfSdk, get) {
    let file;
    try {
        file = requireOfSdk.resolve(name);
    } catch {
        return;
    }
    let loaded;
    const real = () => {
        if (loaded === undefined) {
            // The modules that are loaded from now on take each other as they are.
            for (const one of deferred) delete require.cache[one];
            deferred.clear();
            loaded = { exports: requireOfSdk(file) };
        }
        return loaded.exports;
    };
    // With `__esModule` an import takes it as it is, without a copy of what it holds.
    const exports = standIn(real, (key) => (key === "__esModule" ? true : get(real, key)));
    require.cache[file] = Object.assign(new Module(file), { filename: file, loaded: true, exports });
    deferred.add(file);
}

/** Behaves as a function, class or module that is fetched when it is first used. */
function standIn(real, get = (key) => real()[key]) {
    return new Proxy(function later() {}, {
        get: (_, key) => get(key),
        apply: (_, self, args) => Reflect.apply(real(), self, args),
        construct: (_, args) => Reflect.construct(real(), args),
    });
}
