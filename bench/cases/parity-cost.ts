/** How long it takes to collect the facts of everything that runs and to compare them with the baseline. */
import { connectEngine } from "../../engine/docker.ts";
import { Ledger } from "../../rollout/ledger.ts";
import { comparePlacement } from "../../validation/parity/placement.ts";
import { median, rounded } from "../figures.ts";
import { type PlumblineSide, stack } from "../projects.ts";
import type { BenchCase } from "./case.ts";

const mostMs = 1_000;

export const parityCost: BenchCase = {
    name: "parity-cost",
    title: "Facts and parity of the five services and the edge",
    mostMinutes: 5,
    async measure({ options, sides, note }) {
        const { plumbline } = await sides();
        const compare = await comparison(plumbline);
        await compare();
        const runs: { ms: number; compared: number; deviations: number }[] = [];
        for (let number = 0; number < options.runs; number += 1) {
            const began = performance.now();
            const { findings } = await compare();
            const ms = performance.now() - began;
            const deviations = findings.filter(({ result }) => result !== "same" && result !== "intended").length;
            runs.push({ ms, compared: findings.length, deviations });
            note(`${findings.length} properties in ${Math.round(ms)} ms, ${deviations} of them not as in the baseline`);
        }
        return {
            figures: [
                {
                    meaning: "facts and parity",
                    value: rounded(median(runs.map(({ ms }) => ms)) ?? 0, 0),
                    unit: "ms",
                    atMost: mostMs,
                },
                { meaning: "properties compared", value: runs[0]?.compared ?? 0, unit: "", atLeast: 1 },
                {
                    meaning: "properties that differ",
                    value: Math.max(...runs.map((run) => run.deviations)),
                    unit: "",
                    atMost: 0,
                },
            ],
            details: { runs },
        };
    },
};

async function comparison({ project }: PlumblineSide) {
    const engine = connectEngine(undefined);
    const edge = await project.docker([
        "inspect",
        "--format",
        "{{.Config.Image}}",
        await project.container(stack, "edge"),
    ]);
    const ledger = new Ledger(engine, project.place(stack).project, edge);
    const last = await ledger.lastCommit();
    const release = last === undefined ? undefined : await ledger.release(last.release);
    if (last === undefined || release === undefined) throw new Error("the stack has no committed release");
    const secrets = await project.secrets(stack);
    const containers = { ...last.containers, edge: last.edge };
    return () => comparePlacement(engine, release, containers, { secrets, committedImages: last.images });
}
