/** What Plumbline costs on top of Pulumi: an update against a plain program's, and a run without changes against an empty one's. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { freeOffset } from "../../test/support/project.ts";
import { changes } from "../baseline.ts";
import { readTimeline, timeIn } from "../events.ts";
import { type Figure, median, rounded } from "../figures.ts";
import { ComparedProgram } from "../programs.ts";
import { assertGood, newMark, type PlumblineSide, stack } from "../projects.ts";
import type { BenchCase } from "./case.ts";

const updateTimeoutMs = 300_000;

/** The candidate's start, the gates and the bake: what a plain program does not do at all. */
export function isStartGateOrBake(step: string): boolean {
    return /^(candidate|prove|load on|start) |^(security gate|smoke test( before the switch)?|healthchecks of the engine|bake)$/.test(
        step,
    );
}

export const updateCost: BenchCase = {
    name: "update-cost",
    title: "`pulumi up` of one changed request service, against a plain @pulumi/docker program",
    mostMinutes: 20,
    async measure({ options, sides, note }) {
        const { plumbline } = await sides();
        const file = path.join(plumbline.project.folder, "bench-container.json");
        const name = `plumbline_bench_${newMark()}_api`;
        const args = await plainContainer(plumbline, name);
        await writeFile(file, JSON.stringify(args));
        const plain = await ComparedProgram.create(plumbline.project, "plain-program", { BENCH_CONTAINER: file });
        const runs: { whole: number; rest: number; plain: number }[] = [];
        try {
            await plain.time(["up", "--yes", "--skip-preview"]);
            for (let number = 0; number < Math.min(3, options.runs); number += 1) {
                await writeFile(file, JSON.stringify({ ...args, envs: [...args.envs, `BENCH_MARK=${newMark()}`] }));
                const plainMs = await plain.time(["up", "--yes", "--skip-preview"]);
                await plumbline.write(changes.api);
                const began = performance.now();
                const ran = await plumbline.project.pulumi(["up", "--yes", "--skip-preview", "--stack", stack], {
                    timeoutMs: updateTimeoutMs,
                });
                const whole = performance.now() - began;
                if (ran.code === 0) plumbline.keep();
                else await plumbline.restore();
                assertGood(ran, "pulumi up of the changed api");
                const timeline = await readTimeline(plumbline.project.folder, stack);
                const rest = whole - timeIn(timeline, isStartGateOrBake);
                note(
                    `update ${Math.round(whole)} ms, of that ours ${Math.round(rest)} ms; plain ${Math.round(plainMs)} ms`,
                );
                runs.push({ whole, rest, plain: plainMs });
            }
        } finally {
            await plain.dispose();
            await plumbline.project.docker(["rm", "--force", name]).catch(() => undefined); // Gone already, mostly.
        }
        const of = (pick: (run: (typeof runs)[number]) => number) => rounded(median(runs.map(pick)) ?? 0, 0);
        return {
            figures: [
                {
                    meaning: "update less start, gates and bake, as a multiple of the plain program's",
                    value: rounded(median(runs.map(({ rest, plain }) => rest / plain)) ?? 0),
                    unit: "×",
                    atMost: 1.5,
                },
                {
                    meaning: "update less start, gates and bake",
                    value: of(({ rest }) => rest),
                    compared: of((run) => run.plain),
                    unit: "ms",
                },
                { meaning: "whole update", value: of(({ whole }) => whole), unit: "ms" },
            ],
            details: { runs },
        };
    },
};

export const noChangeCost: BenchCase = {
    name: "no-change",
    title: "`pulumi up` and `pulumi preview` without a change, against an empty Pulumi TypeScript program",
    mostMinutes: 15,
    async measure({ options, sides, note }) {
        const { plumbline } = await sides();
        const empty = await ComparedProgram.create(plumbline.project, "empty-program");
        const { NODE_COMPILE_CACHE = "", NODE_OPTIONS = "" } = plumbline.project.environment();
        const asOurs = { NODE_COMPILE_CACHE, NODE_OPTIONS };
        const stripped = await ComparedProgram.create(plumbline.project, "stripped-program", asOurs);
        const details: Record<string, unknown> = {};
        const figures: Figure[] = [];
        try {
            for (const one of [empty, stripped]) await one.time(["up", "--yes", "--skip-preview"]);
            for (const args of [["up", "--yes"], ["preview"]]) {
                const runs: Times[] = [];
                // The first round warms the caches of all and is not counted.
                for (let number = 0; number <= options.runs; number += 1) {
                    const times = { ...(await timePair(plumbline, empty, args, number % 2 === 0)) };
                    const run = { ...times, stripped: await stripped.time(args) };
                    if (number > 0) runs.push(run);
                    const [ours, ...others] = [run.ours, run.empty, run.stripped].map(Math.round);
                    note(`${args[0]}: ${ours} ms, empty ${others[0]} ms, without compiling it ${others[1]} ms`);
                }
                details[args[0] ?? ""] = runs;
                figures.push(...ratioFigures(`pulumi ${args[0]}`, runs));
            }
        } finally {
            await empty.dispose();
            await stripped.dispose();
        }
        return { figures, details };
    },
};

async function timePair(
    plumbline: PlumblineSide,
    empty: ComparedProgram,
    args: readonly string[],
    isOursFirst: boolean,
): Promise<{ ours: number; empty: number }> {
    const time = async () => {
        const began = performance.now();
        const ran = await plumbline.project.pulumi([...args, "--stack", stack]);
        const ms = performance.now() - began;
        assertGood(ran, `pulumi ${args.join(" ")}`);
        return ms;
    };
    if (isOursFirst) return { ours: await time(), empty: await empty.time(args) };
    const other = await empty.time(args);
    return { ours: await time(), empty: other };
}

/** Milliseconds of one round. */
interface Times {
    readonly ours: number;
    readonly empty: number;
    readonly stripped: number;
}

function ratioFigures(what: string, runs: readonly Times[]): Figure[] {
    return [
        {
            meaning: `\`${what}\` without a change, as a multiple of the empty program's`,
            value: rounded(median(runs.map(({ ours, empty }) => ours / empty)) ?? 0),
            unit: "×",
            atMost: 2,
        },
        {
            meaning: `\`${what}\` without a change`,
            value: rounded(median(runs.map(({ ours }) => ours)) ?? 0, 0),
            compared: rounded(median(runs.map(({ empty }) => empty)) ?? 0, 0),
            unit: "ms",
        },
        {
            meaning: `\`${what}\`, as a multiple of an empty program's that is run exactly as ours is`,
            value: rounded(median(runs.map(({ ours, stripped }) => ours / stripped)) ?? 0),
            unit: "×",
        },
    ];
}

interface Inspected {
    readonly Config: { readonly Image: string; readonly Env: string[]; readonly Cmd: string[]; readonly User: string };
    readonly HostConfig: {
        readonly NetworkMode: string;
        readonly Memory: number;
        readonly Tmpfs: Record<string, string> | null;
        readonly CapDrop: string[] | null;
        readonly SecurityOpt: string[] | null;
    };
}

/** The arguments of the api's container, as a person would write them for the Docker provider. */
async function plainContainer(plumbline: PlumblineSide, name: string) {
    const { project } = plumbline;
    const id = await project.container(stack, "api");
    const [found] = JSON.parse(await project.docker(["inspect", id])) as Inspected[];
    if (found === undefined) throw new Error("the api's container cannot be inspected");
    const { Config, HostConfig } = found;
    return {
        name,
        image: Config.Image,
        command: Config.Cmd,
        user: Config.User,
        envs: Config.Env.filter((line) => !line.startsWith("BENCH_MARK=")),
        init: true,
        readOnly: true,
        restart: "unless-stopped",
        memory: Math.round(HostConfig.Memory / 2 ** 20),
        tmpfs: HostConfig.Tmpfs ?? {},
        capabilities: { drops: HostConfig.CapDrop ?? [] },
        securityOpts: HostConfig.SecurityOpt ?? [],
        networksAdvanced: [{ name: HostConfig.NetworkMode }],
        ports: [{ internal: 8000, external: 8000 + (await freeOffset()), ip: "127.0.0.1" }],
        // What the baseline grants the api to stop.
        destroyGraceSeconds: 20,
    };
}
