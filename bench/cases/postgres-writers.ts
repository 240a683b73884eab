/** A hand-over of Postgres while twenty clients write without a break. */
import { setTimeout as pause } from "node:timers/promises";
import { changes } from "../baseline.ts";
import type { Figure } from "../figures.ts";
import type { Side } from "../projects.ts";
import { Writers, type WritersResult } from "../writers.ts";
import type { BenchCase, CaseContext } from "./case.ts";

const clients = 20;
const settleMs = 3_000;
const mostWriteSeconds = 330;

export const postgresWriters: BenchCase = {
    name: "postgres-writers",
    title: `A hand-over of Postgres with ${clients} clients that write continuously`,
    mostMinutes: 15,
    async measure(context) {
        const { plumbline, compose } = await context.sides();
        const ours = await changeWhileWriting(context, plumbline);
        const theirs = await changeWhileWriting(context, compose);
        return { figures: figuresOf(ours, theirs), details: { plumbline: ours, compose: theirs } };
    },
};

interface WritingRun extends WritersResult {
    readonly code: number | null;
}

async function changeWhileWriting({ note }: CaseContext, side: Side): Promise<WritingRun> {
    note(`${side.name}: ${changes.postgres.name}, with ${clients} writers`);
    const writers = await Writers.start({ ...side.postgres, clients, mostSeconds: mostWriteSeconds });
    let isOver = false;
    try {
        await pause(settleMs);
        const { ran } = await side.change(changes.postgres);
        await pause(settleMs);
        isOver = true;
        const result = await writers.stop();
        note(`${side.name}: ${result.acknowledged} acknowledged, ${result.lost} lost, held ${result.heldMs} ms`);
        return { ...result, code: ran.code };
    } finally {
        side.keep();
        if (!isOver) await writers.close();
    }
}

function figuresOf(ours: WritingRun, theirs: WritingRun): Figure[] {
    const errors = Object.entries(ours.otherErrors)
        .map(([what, count]) => `${count} × ${what}`)
        .join(", ");
    const pair = (pick: (result: WritingRun) => number | null) => ({ value: pick(ours), compared: pick(theirs) });
    return [
        { meaning: "connections refused", unit: "", ...pair(({ refused }) => refused), atMost: 0 },
        { meaning: "acknowledged writes lost", unit: "", ...pair(({ lost }) => lost), atMost: 0 },
        { meaning: "writes acknowledged", unit: "", ...pair(({ acknowledged }) => acknowledged), atLeast: 1 },
        {
            meaning: "longest time without any acknowledged write",
            unit: "ms",
            ...pair(({ heldMs }) => heldMs),
            atMost: 3_000,
        },
        {
            meaning: "longest wait of one write, its connection included",
            unit: "ms",
            ...pair(({ longestMs }) => longestMs),
        },
        {
            meaning: "connections accepted that came to nothing",
            unit: "",
            ...pair((run) => run.failedConnections),
            ...(errors === "" ? {} : { note: errors }),
        },
        { meaning: "statements cut off, not acknowledged", unit: "", ...pair(({ cut }) => cut) },
        { meaning: "exit code", unit: "", ...pair(({ code }) => code), atMost: 0, atLeast: 0 },
    ];
}
