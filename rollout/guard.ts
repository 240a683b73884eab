/**
 * The guard: a process that watches one transaction and ends it when its deployer dies.
 *
 * It is started with the transaction, reads its order, a line, from standard input, and goes when the transaction is closed.
 */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { connectEngine } from "../engine/docker.ts";
import { describeError } from "../release/errors.ts";
import type { GuardOrder } from "./guard-process.ts";
import { Ledger, type OpenTransaction, TransactionLost } from "./ledger.ts";
import { isAlive } from "./process.ts";
import { settle } from "./recover.ts";

/** Milliseconds between two looks at the deployer's processes: looking is one system call. */
const lookEveryMs = 250;
/** Every how many looks the ledger is asked whether the transaction is still open: that is a call of the engine. */
const askLedgerEvery = 8;

const log = (message: string) => console.log(`${new Date().toISOString()} ${message}`);

/** The order is one line. Its end is not waited for by the end of the input: a deployer that hangs would never come to that. */
async function readOrder(): Promise<GuardOrder> {
    for await (const line of createInterface({ input: process.stdin })) {
        process.stdin.destroy();
        return JSON.parse(line) as GuardOrder;
    }
    throw new Error("the deployer was gone before it had said what is to be guarded");
}

async function watch({ request, open, watched }: GuardOrder): Promise<void> {
    const { project, edge, network } = request.release;
    const ledger = new Ledger(connectEngine(request.engineHost, network), project, edge.image.reference);
    // An engine that is away says nothing: as long as the deployer lives, waiting for it is the deployer's part.
    const ended = async () => {
        const now = await ledger.current().catch(() => open);
        return now?.transaction !== open.transaction || now.epoch !== open.epoch;
    };
    for (let turn = 1; ; turn += 1) {
        await sleep(lookEveryMs);
        const dead = watched.filter(({ pid, startTime }) => !isAlive(pid, startTime));
        if (dead.length === 0) {
            if (turn % askLedgerEvery === 0 && (await ended())) return;
            continue;
        }
        log(`process ${dead.map(({ pid }) => pid).join(", ")} is gone`);
        await takeOver(ledger, { request, open, watched });
        return;
    }
}

async function takeOver(ledger: Ledger, { request, open }: GuardOrder): Promise<void> {
    let mine: OpenTransaction | undefined;
    for (;;) {
        try {
            // What was taken over in a turn before stays this guard's, until it has ended or somebody else takes it.
            if (mine !== undefined) await ledger.assertHeld(mine);
            mine ??= await ledger.takeOver(open);
            if (mine === undefined) return log("the transaction has ended, or somebody else has it");
            const outcome = await settle(mine, request);
            return log(`${outcome.outcome}: ${outcome.transaction}`);
        } catch (error) {
            if (error instanceof TransactionLost) return log(describeError(error));
            log(`not yet: ${describeError(error)}`);
            await sleep(1_000);
        }
    }
}

process.on("SIGHUP", () => undefined); // The terminal may go; the transaction stays.
const order = await readOrder();
log(`guards ${order.open.transaction}, process ${order.watched.map(({ pid }) => pid).join(", ")}`);
await watch(order);
log("done");
