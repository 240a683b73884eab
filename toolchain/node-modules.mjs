/** The npm packages of the project: whether they are those of package-lock.json, and `npm ci`. Plain JavaScript for `run.mjs`. */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { withLock } from "./lock.mjs";

/** Installs the packages where they are missing or not those of the lock file; throws with npm's own exit code in the text. */
export async function ensureNodeModules(projectDir, note) {
    if (packagesMatch(projectDir)) return;
    const waiting = (owner) => note(`Another set-up (process ${owner}) is at work; waiting for it.`);
    await withLock(path.join(projectDir, ".plumbline", "locks"), () => install(projectDir, note), waiting);
}

async function install(projectDir, note) {
    if (packagesMatch(projectDir)) return;
    const there = existsSync(path.join(projectDir, "node_modules"));
    note(
        there
            ? "The npm packages are not those of package-lock.json: installing them anew (npm ci)."
            : "The npm packages are missing; they hold the program's libraries and Node 24: installing them (npm ci).",
    );
    const begin = Date.now();
    const seconds = () => Math.round((Date.now() - begin) / 1000);
    const heartbeat = setInterval(() => note(`… npm ci, ${seconds()} s so far`), 15_000);
    const code = await npmCi(projectDir).finally(() => clearInterval(heartbeat));
    if (code !== 0) {
        throw new Error(
            `npm ci ended with exit code ${code}; what it said stands above. Next: mend that, then run the command again.`,
        );
    }
    if (!packagesMatch(projectDir)) throw new Error("npm ci installed other packages than package-lock.json names.");
    note(`npm packages installed in ${seconds()} s.`);
}

function npmCi(projectDir) {
    const cli = process.env.npm_execpath;
    const viaNode = cli?.endsWith(".js") === true;
    const [program, first] = viaNode ? [process.execPath, [cli]] : ["npm", []];
    // npm's own output goes to standard error: standard output belongs to the command.
    const options = { cwd: projectDir, stdio: ["ignore", 2, 2] };
    return new Promise((resolve, reject) => {
        const child = spawn(program, [...first, "ci", "--no-audit", "--no-fund", "--include=dev"], options);
        child.once("error", reject);
        child.once("close", resolve);
    });
}

/** Compares what npm wrote down of `node_modules` with the lock file; a stamp spares the comparison the next time. */
export function packagesMatch(projectDir) {
    const stampFile = path.join(projectDir, "node_modules", ".plumbline-stamp");
    let wanted;
    let installed;
    try {
        wanted = readFileSync(path.join(projectDir, "package-lock.json"), "utf8");
        // npm writes this file last, so a killed `npm ci` has none.
        installed = readFileSync(path.join(projectDir, "node_modules", ".package-lock.json"), "utf8");
    } catch {
        return false;
    }
    const stamp = createHash("sha256").update(wanted).update("\0").update(installed).digest("hex");
    if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return true;
    if (!sameVersions(JSON.parse(wanted).packages, JSON.parse(installed).packages)) return false;
    writeFileSync(stampFile, stamp);
    return true;
}

/** Optional packages may be missing: those of other systems are. */
function sameVersions(wanted, installed) {
    return Object.entries(wanted).every(([where, entry]) => {
        if (where === "") return true;
        const found = installed[where];
        return found === undefined ? entry.optional === true : found.version === entry.version;
    });
}
