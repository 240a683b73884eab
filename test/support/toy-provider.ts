/**
 * Stands for the provider's process of a toy rollout. It can be made to stand still at one question for the time, which is
 * asked before every event of the timeline and before the commit: at the boundaries of all acts.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { connectEngine } from "../../engine/docker.ts";
import { Ledger } from "../../rollout/ledger.ts";
import { isKnownDead } from "../../rollout/process.ts";
import { settle } from "../../rollout/recover.ts";
import { performRollout } from "../../rollout/rollout.ts";
import type { RolloutRequest } from "../../rollout/session.ts";

const [control = "", act = "rollout", freezeAt = "0"] = process.argv.slice(2);
const file = (name: string) => path.join(control, name);
const request = JSON.parse(readFileSync(file("request.json"), "utf8")) as RolloutRequest;
writeFileSync(file("provider"), String(process.pid));

let questions = 0;
function now(): Date {
    questions += 1;
    writeFileSync(file("questions"), String(questions));
    if (questions === Number(freezeAt)) {
        writeFileSync(file("frozen"), "");
        const clock = new Int32Array(new SharedArrayBuffer(4));
        while (!existsSync(file("thaw"))) Atomics.wait(clock, 0, 0, 5);
    }
    return new Date();
}

if (act === "recover") {
    const { project, edge } = request.release;
    const ledger = new Ledger(connectEngine(request.engineHost), project, edge.image.reference);
    const open = await ledger.current();
    if (open !== undefined && isKnownDead(open)) {
        const mine = await ledger.takeOver(open);
        if (mine !== undefined) console.log((await settle(mine, request)).outcome);
    }
} else {
    const outcome = await performRollout(request, now);
    console.log(`${outcome.outcome}: ${outcome.release}`);
}
