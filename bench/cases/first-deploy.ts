/** The first deployment of everything, the images being there. */
import { readTimeline, timeIn } from "../events.ts";
import { median, rounded } from "../figures.ts";
import { assertGood, stack } from "../projects.ts";
import type { BenchCase } from "./case.ts";

export const firstDeploy: BenchCase = {
    name: "first-deploy",
    title: "The first deployment, images present, against `docker compose up --wait` of the same file",
    mostMinutes: 25,
    async measure({ options, sides, note }) {
        const { plumbline, compose } = await sides();
        const runs: { plumbline: number; compose: number }[] = [];
        for (let number = 0; number < Math.min(2, options.runs); number += 1) {
            const whole = await plumbline.deployAfresh();
            const bake = timeIn(await readTimeline(plumbline.project.folder, stack), (step) => step === "bake");
            await compose.down();
            const { ran, ms } = await compose.up();
            assertGood(ran, "docker-compose up");
            note(`plumbline ${Math.round(whole - bake)} ms, compose ${Math.round(ms)} ms`);
            runs.push({ plumbline: whole - bake, compose: ms });
        }
        return {
            figures: [
                {
                    meaning: "first deployment, the bake left out",
                    value: rounded(median(runs.map((run) => run.plumbline)) ?? 0, 0),
                    compared: rounded(median(runs.map((run) => run.compose)) ?? 0, 0),
                    unit: "ms",
                },
                {
                    meaning: "the same as a multiple of compose's",
                    value: rounded(median(runs.map((run) => run.plumbline / run.compose)) ?? 0),
                    unit: "×",
                    atMost: 1.5,
                },
            ],
            details: { runs },
        };
    },
};
