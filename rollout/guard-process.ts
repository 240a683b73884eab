/** Starting the guard of a transaction: a small process of its own, which outlives the deployer. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describeError } from "../release/errors.ts";
import type { OpenTransaction } from "./ledger.ts";
import { processStartTime } from "./process.ts";
import type { RolloutRequest } from "./session.ts";
import { reportsFolder } from "./timeline.ts";

/** What the guard is told, through its standard input: secrets are in it, so it never touches a disk. */
export interface GuardOrder {
    readonly request: RolloutRequest;
    readonly open: OpenTransaction;
    /** The processes that carry the rollout: the transaction is the guard's when one of them is gone. */
    readonly watched: readonly { readonly pid: number; readonly startTime: string }[];
}

/** Starts the guard. @returns a handle whose `release` lets this process end without waiting for it */
export function startGuard(request: RolloutRequest, open: OpenTransaction): { readonly pid: number; release(): void } {
    const log = openLog(path.join(reportsFolder(request.release.stack), open.transaction));
    const program = fileURLToPath(new URL("./guard.ts", import.meta.url));
    const guard = spawn(process.execPath, [program], { detached: true, stdio: ["pipe", log, log] });
    if (log !== "ignore") closeSync(log);
    guard.on("error", (error) => console.log(`warning: the guard could not be started: ${error.message}`));
    const watched = [process.pid, process.ppid].map((pid) => ({ pid, startTime: processStartTime(pid) }));
    const order: GuardOrder = { request, open, watched };
    guard.stdin?.on("error", (error) => console.log(`warning: the guard did not take its order: ${error.message}`));
    guard.stdin?.end(`${JSON.stringify(order)}\n`);
    return { pid: guard.pid ?? 0, release: () => guard.unref() };
}

/** On a disk that is full it guards without a log. */
function openLog(folder: string): number | "ignore" {
    try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        return openSync(path.join(folder, "guard.log"), "a", 0o600);
    } catch (error) {
        console.log(`warning: ${folder}/guard.log cannot be written: ${describeError(error)}`);
        return "ignore";
    }
}
