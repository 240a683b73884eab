/** A generated file of fifty small services: whether it deploys, and whether a service costs more among many than among few. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { stringify } from "yaml";
import { Project } from "../../test/support/project.ts";
import { type Figure, rounded } from "../figures.ts";
import { assertGood, stack } from "../projects.ts";
import type { BenchCase } from "./case.ts";

const few = 5;
const many = 50;
const firstPort = 9_001;
const timeoutMs = 900_000;

/** A web server in a line of the Perl that every Debian holds; in a compose file a dollar is written twice. */
const server = [
    "$$s = IO::Socket::INET->new(LocalPort => $$ENV{PORT}, Listen => 50, ReuseAddr => 1) or die;",
    "while ($$c = $$s->accept) { while (<$$c>) { last if /^\\r?$$/ }",
    'print $$c "HTTP/1.0 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"; close $$c }',
].join(" ");

export const manyServices: BenchCase = {
    name: "many-services",
    title: `A generated compose file of ${many} small services, against one of ${few}`,
    mostMinutes: 40,
    async measure({ note }) {
        const small = await deployGenerated(few);
        note(`${few} services: preview ${Math.round(small.previewMs)} ms, deploy ${Math.round(small.deployMs)} ms`);
        const large = await deployGenerated(many);
        note(`${many} services: preview ${Math.round(large.previewMs)} ms, deploy ${Math.round(large.deployMs)} ms`);
        const figure = (what: string, pick: (times: Times) => number): Figure[] => {
            const [each, eachOfFew] = [pick(large) / many, pick(small) / few];
            return [
                {
                    meaning: `${what} per service, as a multiple of that with ${few} services`,
                    value: rounded(each / eachOfFew),
                    unit: "×",
                    atMost: 1,
                },
                { meaning: `${what} of ${many} services`, value: rounded(pick(large), 0), unit: "ms" },
                { meaning: `${what} of ${few} services`, value: rounded(pick(small), 0), unit: "ms" },
            ];
        };
        const figures = [...figure("plan", (it) => it.previewMs), ...figure("first deployment", (it) => it.deployMs)];
        return { figures, details: { small, large } };
    },
};

interface Times {
    readonly previewMs: number;
    readonly deployMs: number;
}

async function deployGenerated(count: number): Promise<Times> {
    const project = await Project.create();
    try {
        await project.claim(stack);
        await writeFile(path.join(project.folder, "docker-compose.yml"), generated(count));
        // The first command makes the stack; what it costs once is in neither figure.
        await timed(project, ["preview"]);
        const previewMs = await timed(project, ["preview"]);
        return { previewMs, deployMs: await timed(project, ["deploy"]) };
    } finally {
        await project.dispose();
    }
}

async function timed(project: Project, args: readonly string[]): Promise<number> {
    const began = performance.now();
    const ran = await project.command(args, { timeoutMs });
    const ms = performance.now() - began;
    assertGood(ran, args.join(" "));
    return ms;
}

/** Each service asks for the one before it but every fifth, so that there are chains and starts side by side. */
function generated(count: number): string {
    const names = Array.from({ length: count }, (_, index) => `web-${String(index + 1).padStart(2, "0")}`);
    const services = names.map((name, index) => {
        const port = firstPort + index;
        const before = names[index - 1];
        return [
            name,
            {
                image: "debian:bookworm-slim",
                command: ["perl", "-MIO::Socket::INET", "-e", server],
                environment: { PORT: String(port) },
                init: true,
                mem_limit: "32m",
                expose: [String(port)],
                "x-plumbline": { kind: "request", probes: [{ http: { port, path: "/" } }] },
                ...(before === undefined || index % 5 === 0
                    ? {}
                    : { depends_on: { [before]: { condition: "service_started" } } }),
            },
        ] as const;
    });
    return stringify({ name: "many", services: Object.fromEntries(services) });
}
