/**
 * Given to Node by the environment (`--require`), for the two processes of Pulumi's SDK that each run starts: the one of the
 * program, and the one of its dynamic resources. The SDK loads the TypeScript compiler and npm's resolver of dependencies
 * (`@npmcli/arborist`) in both, and needs them only where it has to serialise a function; Plumbline's providers bring their
 * text with them. So that they need not be read at each run, they are loaded when they are first asked for something.
 */
const Module = require("node:module");
const path = require("node:path");

const [, main = ""] = process.argv;

if (/@pulumi[\\/]pulumi[\\/]cmd[\\/](run|dynamic-provider)\b/.test(main)) {
    const requireOfSdk = Module.createRequire(path.resolve(main, "deferred"));
    for (const name of ["typescript", "@npmcli/arborist"]) defer(name, requireOfSdk);
}

/** Puts in the place of a module one that becomes it with the first property read. Where it is not installed, nothing is done. */
function defer(name, requireOfSdk) {
    let file;
    try {
        file = requireOfSdk.resolve(name);
    } catch {
        return;
    }
    let loaded;
    const real = () => {
        if (loaded === undefined) {
            delete require.cache[file];
            loaded = requireOfSdk(file);
        }
        return loaded;
    };
    // With `__esModule` the SDK's imports take it as it is, without a copy of what it holds.
    const get = (_, key) => (key === "__esModule" ? true : real()[key]);
    require.cache[file] = Object.assign(new Module(file), {
        filename: file,
        loaded: true,
        exports: new Proxy({}, { get }),
    });
}
