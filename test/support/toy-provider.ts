/**
 * Stands for the provider's process of a toy rollout. It can be made to stand still at one question for the time, which is
 * asked before every event of the timeline and before the commit: at the boundaries of all acts. One that ends what another
 * has left can be made to stand still after an event.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { connectEngine } from "../../engine/docker.ts";
import { Ledger } from "../../rollout/ledger.ts";
import { isKnownDead } from "../../rollout/process.ts";
import { settle } from "../../rollout/recover.ts";
import { performRollout } from "../../rollout/rollout.ts";
import type { RolloutRequest } from "../../rollout/session.ts";

const [control = "", act = "rollout", freezeAt = "0", freezeAfter = ""] = process.argv.slice(2);
const file = (name: string) => path.join(control, name);
const request = JSON.parse(readFileSync(file("request.json"), "utf8")) as RolloutRequest;
writeFileSync(file("provider"), String(process.pid));

let questions = 0;
function now(): Date {
    questions += 1;
    writeFileSync(file("questions"), String(questions));
    if (questions === Number(freezeAt)) standStill();
    return new Date();
}

function standStill(): void {
    writeFileSync(file("frozen"), "");
    const clock = new Int32Array(new SharedArrayBuffer(4));
    while (!existsSync(file("thaw"))) Atomics.wait(clock, 0, 0, 5);
}

function echo(line: string): void {
    console.log(line);
    if (freezeAfter !== "" && line.includes(freezeAfter) && !existsSync(file("frozen"))) standStill();
}

if (act === "recover") {
    const { project, edge } = request.release;
    const ledger = new Ledger(connectEngine(request.engineHost), project, edge.image.reference);
    const open = await ledger.current();
    if (open !== undefined && isKnownDead(open)) {
        const mine = await ledger.takeOver(open);
        if (mine !== undefined) console.log((await settle(mine, request, echo)).outcome);
    }
} else {
    const outcome = await performRollout(request, now);
    console.log(`${outcome.outcome}: ${outcome.release}`);
}
