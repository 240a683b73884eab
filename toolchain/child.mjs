/** Child processes that stand for this one: their exit code and their signals are ours. Plain JavaScript for `run.mjs`. */

import { spawn } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";

/** Runs a program in our place; resolves with the exit code that we should end with. */
export function runInOurPlace(program, args, options) {
    const child = spawn(program, args, { stdio: "inherit", ...options });
    // A terminal sends its interrupt to both of us: then it must not arrive twice.
    const onTerminal = process.stdin.isTTY === true;
    const pass = (signal) => {
        if (!(onTerminal && (signal === "SIGINT" || signal === "SIGQUIT"))) child.kill(signal);
    };
    const signals = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, pass);
    return new Promise((resolve, reject) => {
        child.once("error", reject);
        child.once("close", (code, signal) => {
            for (const name of signals) process.off(name, pass);
            resolve(signal === null ? code : 128 + constants.signals[signal]);
        });
    });
}
