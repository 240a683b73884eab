/** What the edge costs a request: the same question asked directly of the container and through the edge, in turn. */
import pg from "pg";
import { Agent, request } from "undici";
import { type Figure, median, rounded } from "../figures.ts";
import { type PlumblineSide, stack } from "../projects.ts";
import type { BenchCase } from "./case.ts";

const warmUp = 200;
/** Longest multiple of the direct way's median. */
const bound = 1.2;

/** One question on a connection that is kept. */
interface Asked {
    ask(): Promise<void>;
    close(): Promise<void>;
}

export const edgeCost: BenchCase = {
    name: "edge-cost",
    title: "A question through the edge, against the same one put to the container itself",
    mostMinutes: 10,
    async measure({ options, sides, note }) {
        const { plumbline } = await sides();
        const edge = await addressOf(plumbline, "edge");
        const health = (origin: string) => () => Promise.resolve(healthOf(origin));
        const select = (host: string, port: number) => () => selectOf(host, port, plumbline.postgres.password);
        const questions = [
            {
                what: "`/health` of the api",
                direct: health(`http://${await addressOf(plumbline, "api")}:8000`),
                edge: health(`http://${edge}:8000`),
                published: health(plumbline.origin),
            },
            {
                what: "`SELECT 1`",
                direct: select(await addressOf(plumbline, "postgres"), 5432),
                edge: select(edge, 5432),
                published: select("127.0.0.1", plumbline.postgres.port),
            },
        ];
        const figures: Figure[] = [];
        const details: Record<string, unknown> = {};
        for (const { what, ...ways } of questions) {
            const times = await inTurn([ways.direct, ways.edge, ways.published], options.requests);
            const [direct = 0, through = 0, published = 0] = times.map((of) => median(of) ?? 0);
            note(
                `${what}: direct ${rounded(direct)} ms, edge ${rounded(through)} ms, published ${rounded(published)} ms`,
            );
            details[what] = { direct, through, published };
            figures.push(
                {
                    meaning: `${what} through the edge, as a multiple of the direct way's median`,
                    value: rounded(through / direct),
                    unit: "×",
                    atMost: bound,
                },
                {
                    meaning: `median of ${what} through the edge, and direct`,
                    value: rounded(through),
                    compared: rounded(direct),
                    unit: "ms",
                },
                {
                    meaning: `median of ${what} by the published port of the host`,
                    value: rounded(published),
                    unit: "ms",
                },
            );
        }
        return { figures, details };
    },
};

/** Asks each way in turn, so that whatever else the machine does meets all alike; milliseconds of each way. */
async function inTurn(ways: readonly (() => Promise<Asked>)[], count: number): Promise<number[][]> {
    const asked = await Promise.all(ways.map((open) => open()));
    const times: number[][] = asked.map(() => []);
    try {
        for (let number = 0; number < count + warmUp; number += 1) {
            for (const [index, one] of asked.entries()) {
                const began = performance.now();
                await one.ask();
                if (number >= warmUp) times[index]?.push(performance.now() - began);
            }
        }
    } finally {
        await Promise.all(asked.map((one) => one.close()));
    }
    return times;
}

function healthOf(origin: string): Asked {
    const dispatcher = new Agent({ connections: 1, keepAliveTimeout: 60_000 });
    return {
        async ask() {
            const answer = await request(`${origin}/health`, { dispatcher });
            await answer.body.dump();
            if (answer.statusCode !== 200) throw new Error(`${origin}/health answered ${answer.statusCode}`);
        },
        close: () => dispatcher.close(),
    };
}

async function selectOf(host: string, port: number, password: string): Promise<Asked> {
    const client = new pg.Client({ host, port, user: "postgres", password, database: "postgres" });
    await client.connect();
    return {
        async ask() {
            await client.query("SELECT 1");
        },
        close: () => client.end(),
    };
}

/** The address of a service's container on the first of its networks. */
async function addressOf({ project }: PlumblineSide, service: string): Promise<string> {
    const id = await project.container(stack, service);
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
    const [address] = (await project.docker(["inspect", "--format", format, id])).split(" ");
    if (!address) throw new Error(`the container of ${service} has no address`);
    return address;
}
