/**
 * Where every npm script begins: `node toolchain/run.mjs <command> [arguments]`. Plain JavaScript that any Node from 18 on runs:
 * it gets the npm packages, among them Node 24, and leaves the rest to `main.ts` under that Node.
 */

import { existsSync, realpathSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runInOurPlace } from "./child.mjs";
import { ensureNodeModules } from "./node-modules.mjs";

const projectDir = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const note = (text) => process.stderr.write(`[set-up] ${text}\n`);

try {
    await ensureNodeModules(projectDir, note);
    const node = suitableNode();
    const main = path.join(projectDir, "toolchain", "main.ts");
    process.exitCode = await runInOurPlace(node, [main, ...process.argv.slice(2)]);
} catch (error) {
    note(error.message);
    process.exitCode = 30;
}

/** The Node of the npm packages; the one that runs here where those have none for this system. */
function suitableNode() {
    const bundled = path.join(projectDir, "node_modules", ".bin", "node");
    if (existsSync(bundled)) return realpathSync(bundled);
    const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
    if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
    throw new Error(
        `Node ${process.versions.node} is too old, and the npm packages bring none for ${process.platform} ${process.arch}. ` +
            "Next: install Node 24 and run the command again.",
    );
}
