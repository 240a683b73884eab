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
    if (!packagesMatch(projectDir)) throw incomplete(projectDir);
    note(`npm packages installed in ${seconds()} s.`);
}

function incomplete(projectDir) {
    const lists = readLists(projectDir);
    const left = lists === undefined ? "node_modules/.package-lock.json" : differing(lists).join(", ");
    return new Error(
        `npm ci ended well, but left out ${left}: npm does so with an optional package whose download failed. ` +
            "Next: run the command again; if it says the same, npm ci --loglevel=verbose tells why.",
    );
}

function npmCi(projectDir) {
    const cli = process.env.npm_execpath;
    const viaNode = cli?.endsWith(".js") === true;
    const [program, first] = viaNode ? [process.execPath, [cli]] : ["npm", []];
    // npm's own output goes to standard error: standard output belongs to the command.
    const options = { cwd: projectDir, stdio: ["ignore", 2, 2] };
    return new Promise((resolve, reject) => {
        const child = spawn(
            program,
            [...first, "ci", "--no-audit", "--no-fund", "--include=dev", "--include=optional"],
            options,
        );
        child.once("error", reject);
        child.once("close", resolve);
    });
}

/** Compares what npm wrote down of `node_modules` with the lock file; a stamp spares the comparison the next time. */
export function packagesMatch(projectDir) {
    const stampFile = path.join(projectDir, "node_modules", ".plumbline-stamp");
    const lists = readLists(projectDir);
    if (lists === undefined) return false;
    const stamp = createHash("sha256").update(lists.wanted).update("\0").update(lists.installed).digest("hex");
    if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return true;
    if (differing(lists).length > 0) return false;
    writeFileSync(stampFile, stamp);
    return true;
}

/** The lock file, and what npm wrote down when it had installed all; undefined where one of them is missing. */
function readLists(projectDir) {
    try {
        return {
            wanted: readFileSync(path.join(projectDir, "package-lock.json"), "utf8"),
            // npm writes this file last, so a killed `npm ci` has none.
            installed: readFileSync(path.join(projectDir, "node_modules", ".package-lock.json"), "utf8"),
        };
    } catch {
        return undefined;
    }
}

/**
 * The packages that are missing or there in another version, without those that this machine cannot have. npm leaves an optional
 * package out without a word also when its download failed, and Node 24 is one of them.
 */
function differing(lists) {
    const wanted = JSON.parse(lists.wanted).packages;
    const installed = JSON.parse(lists.installed).packages;
    const needed = neededBy(wanted, installed);
    const fits = ([where, entry]) => {
        if (where === "") return true;
        const found = installed[where];
        if (found !== undefined) return found.version === entry.version;
        return entry.optional === true && !(needed.has(where) && canBeHere(entry));
    };
    return Object.entries(wanted)
        .filter((each) => !fits(each))
        .map(([where]) => where);
}

/** Where the packages lie that the project, or an installed package, depends on. */
function neededBy(wanted, installed) {
    const needed = new Set();
    for (const from of ["", ...Object.keys(installed)]) {
        for (const name of Object.keys({ ...wanted[from]?.dependencies, ...wanted[from]?.optionalDependencies })) {
            needed.add(locate(wanted, from, name));
        }
    }
    return needed;
}

/** Where a package finds another one: in its own folder, or in that of one around it. */
function locate(packages, from, name) {
    for (
        let around = from;
        around !== "";
        around = around.slice(0, Math.max(0, around.lastIndexOf("/node_modules/")))
    ) {
        if (`${around}/node_modules/${name}` in packages) return `${around}/node_modules/${name}`;
    }
    return `node_modules/${name}`;
}

/** Whether an optional package runs on this machine; one that is compiled when it is installed needs a compiler. */
function canBeHere(entry) {
    return (
        entry.hasInstallScript !== true &&
        allows(entry.os, process.platform) &&
        allows(entry.cpu, process.arch) &&
        (entry.libc === undefined || allows(entry.libc, libc()))
    );
}

/** Whether a list such as `["linux"]` or `["!win32"]` allows a value, as npm reads it. */
function allows(list, value) {
    const entries = [list ?? "any"].flat();
    if (entries.includes(`!${value}`)) return false;
    return (
        entries.some((entry) => entry === value || entry === "any") || entries.every((entry) => entry.startsWith("!"))
    );
}

/** The C library of a Linux. */
function libc() {
    if (process.platform !== "linux") return undefined;
    return process.report.getReport().header.glibcVersionRuntime === undefined ? "musl" : "glibc";
}
