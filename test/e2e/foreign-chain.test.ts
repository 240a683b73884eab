/**
 * Another program's compose file, deployed by this project with no change but the file and the stack's settings: five links
 * on two networks, with mixed conditions, configs and secrets. The tests build on each other, in this order.
 */
import { appendFile, copyFile, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { parse, stringify } from "yaml";
import { expectExit } from "../support/ended.ts";
import { Project, type Ran, workingTree } from "../support/project.ts";

const stack = "local";
const fixture = "test/fixtures/compose/chain";

interface ComposeFile {
    networks: Record<string, object>;
    services: Record<string, { networks: string[] | Record<string, object>; environment: Record<string, string> }>;
}

/** A link's answer, with that of the next one in it. */
interface Answer {
    readonly name: string;
    readonly version: string;
    readonly text: string;
    readonly starts: number;
    readonly next: Answer | null;
}

let project: Project;
let deployed: Ran;

beforeAll(async () => {
    project = await Project.create();
    await project.claim(stack, {
        "plumbline:variables": { GREETING: "hello" },
        "plumbline:rollout": { bakeSeconds: 2, bakeIntervalSeconds: 0.4 },
    });
    await copyFile(
        path.join(workingTree, fixture, "docker-compose.yml"),
        path.join(project.folder, "docker-compose.yml"),
    );
    // So that the images are this project's own, and can be removed.
    await appendFile(path.join(project.folder, fixture, "link/Dockerfile"), `LABEL plumbline.e2e=${project.mark}\n`);
    deployed = await project.command(["deploy"], { timeoutMs: 540_000 });
}, 600_000);

afterAll(() => project.dispose(), 120_000);

const composeFile = async (): Promise<ComposeFile> => parse(await project.read("docker-compose.yml"), { merge: true });

/** Changes the compose file as a person does, but for the anchors, which are written out. */
async function change(edit: (file: ComposeFile) => void): Promise<void> {
    const file = await composeFile();
    edit(file);
    await writeFile(path.join(project.folder, "docker-compose.yml"), stringify(file));
}

/** What a client outside gets from the first link: every link behind it, by name. */
async function chain(): Promise<Record<string, Answer>> {
    const { body } = await request(`http://127.0.0.1:${project.port(stack, "api")}/`);
    const links: Record<string, Answer> = {};
    let link = (await body.json()) as Answer | null;
    for (; link !== null; link = link.next) {
        if (typeof link !== "object") throw new Error(`after ${Object.keys(links).join("")}: ${String(link)}`);
        links[link.name] = link;
    }
    return links;
}

/** One request for the chain. */
interface Asked {
    readonly from: number;
    readonly to: number;
    /** Why it failed; undefined when all links answered. */
    readonly failure: string | undefined;
}

/** Asks the first link, again and again, while something happens. */
async function askedDuring(act: () => Promise<void>): Promise<Asked[]> {
    const all: Asked[] = [];
    let ended = false;
    const client = (async () => {
        while (!ended) {
            const from = Date.now();
            const links = await chain().catch((error: unknown) => String(error));
            const seen = typeof links === "string" ? links : Object.keys(links).join("");
            all.push({ from, to: Date.now(), failure: seen === "abcde" ? undefined : seen });
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    })();
    try {
        await act();
    } finally {
        ended = true;
        await client;
    }
    return all;
}

const failuresIn = (all: readonly Asked[]) => all.filter(({ failure }) => failure !== undefined);

/** The timeline of the newest transaction that was committed. */
async function timeline(): Promise<{ at: string; event: string; step?: string }[]> {
    const { evidence } = await project.summary(stack);
    const text = await project.read(path.join(evidence, "timeline.jsonl"));
    return text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
}

const ports: Readonly<Record<string, number>> = { a: 8080, b: 8081, c: 8082, d: 8080, e: 8083 };
const names = Object.keys(ports);

/** Services that have a network in common in the file, each with itself: what plain compose lets reach each other. */
function neighbours({ services }: ComposeFile): Record<string, string[]> {
    const networksOf = (name: string) => {
        const { networks } = services[name] ?? { networks: [] };
        return Array.isArray(networks) ? networks : Object.keys(networks);
    };
    const shares = (one: string, other: string) =>
        networksOf(one).some((network) => networksOf(other).includes(network));
    return Object.fromEntries(names.map((name) => [name, names.filter((other) => shares(name, other))]));
}

/**
 * Who answers a container: at every name and every address of the edge and of the host, on every port that anything has.
 *
 * @returns for each link all names that answered anywhere, and those that answered under their own name and port
 */
async function reached(): Promise<{ anywhere: Record<string, string[]>; byName: Record<string, string[]> }> {
    const [edge] = JSON.parse(await project.docker(["inspect", await project.container(stack, "edge")]));
    const networks = Object.values<{ IPAddress: string; Gateway: string }>(edge.NetworkSettings.Networks);
    const inside = [...new Set([...Object.values(ports), 19_000, 20_000, 20_001])];
    const published = [project.port(stack, "api"), project.port(stack, "worker"), project.port(stack, "probe")];
    const hosts = networks.map(({ Gateway }) => Gateway);
    const targets = [
        ...[...names, "data", ...networks.map(({ IPAddress }) => IPAddress)].flatMap((host) =>
            inside.map((port) => [host, port]),
        ),
        ...hosts.flatMap((host) => published.map((port) => [host, port])),
    ];
    const script = `
        ask() {
            answer=$(timeout 4 bash -c "exec 3<>/dev/tcp/$1/$2 && printf 'GET /name HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3" 2>/dev/null)
            name=$(printf '%s' "$answer" | sed -n 's/^{"name":"\\([a-z]*\\)"}$/\\1/p')
            [ -z "$name" ] || echo "$1 $2 $name"
        }
        ${targets.map(([host, port]) => `ask ${host} ${port} &`).join("\n")}
        wait`;
    const seen = await Promise.all(
        names.map(async (name) => {
            const text = await project.docker(["exec", await project.container(stack, name), "bash", "-c", script]);
            return text
                .split("\n")
                .filter(Boolean)
                .map((line) => line.split(" "));
        }),
    );
    const perLink = (pick: (line: string[]) => boolean) =>
        Object.fromEntries(
            names.map((name, index) => [
                name,
                [...new Set((seen[index] ?? []).filter(pick).map(([, , who = ""]) => who))].sort(),
            ]),
        );
    return {
        anywhere: perLink(() => true),
        byName: perLink(([host = "", port, who]) => host === who && String(ports[host]) === port),
    };
}

describe("the file as it came", () => {
    test("is deployed: five links answer through each other, with their files [R04] [R06]", async () => {
        expect([deployed.code, deployed.output]).toEqual([0, expect.stringContaining("local: committed")]);
        const links = await chain();
        expect(Object.keys(links)).toEqual(names);
        expect([links.a?.text, links.d?.text, links.e?.starts]).toEqual(["hello", "ask politely", 1]);
        const { services } = await project.summary(stack);
        expect(Object.fromEntries(services.map(({ name, kind }) => [name, kind]))).toEqual({
            a: "request",
            b: "request",
            c: "consumer",
            d: "request",
            e: "stateful",
        });
    });

    test("starts each link when the condition on the one before it holds [R07]", async () => {
        const events = await timeline();
        const at = (event: string, step: string) => events.findIndex((it) => it.event === event && it.step === step);
        const order = [
            [at("step-done", "prove e"), at("step-begin", "start d")],
            [at("step-done", "prove d"), at("step-begin", "start c")],
            [at("step-done", "start c"), at("step-begin", "start b")],
            [at("step-done", "prove b"), at("step-begin", "start a")],
        ] as const;
        for (const [done, begin] of order) {
            expect(done).toBeGreaterThanOrEqual(0);
            expect(begin).toBeGreaterThan(done);
        }
    });

    test("publishes two links that listen on one container port, and asks strangers for the token", async () => {
        const { statusCode, body } = await request(`http://127.0.0.1:${project.port(stack, "worker")}/`);
        expect([statusCode, await body.json()]).toEqual([403, { name: "d" }]);
    });

    test("lets each link reach those that it shares a network with, and no other [R30]", async () => {
        const expected = neighbours(await composeFile());
        expect(expected.a).toEqual(["a", "b", "c"]);
        expect(await reached()).toEqual({ anywhere: expected, byName: expected });
    });

    test("matches what runs in every property [R30]", async () => {
        const ran = await project.command(["validate"]);
        expectExit(ran, 0);
    });
});

describe("a change", () => {
    test("of one link, and of the variable that another's config is made of, fails no request [R91]", async () => {
        const before = await project.containers(stack);
        await change(({ services }) => {
            if (services.b) services.b.environment.VERSION = "2";
        });
        await project.configure(stack, { "plumbline:variables": { GREETING: "good day" } });
        const seen = await askedDuring(async () => {
            const ran = await project.command(["deploy"], { timeoutMs: 300_000 });
            expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("local: committed")]);
        });
        expect(failuresIn(seen)).toEqual([]);
        expect(seen.length).toBeGreaterThan(20);
        const links = await chain();
        expect([links.a?.text, links.b?.version]).toEqual(["good day", "2"]);
        const after = await project.containers(stack);
        const changed = [...names, "edge"].filter((name) => String(after[name]) !== String(before[name]));
        expect(changed).toEqual(["a", "b"]);
    }, 360_000);

    test("that is broken is rolled back: everything runs as before, and no request fails [R90] [R91]", async () => {
        const before = { containers: await project.containers(stack), chain: await chain() };
        const good = await readFile(path.join(project.folder, "docker-compose.yml"), "utf8");
        await change(({ services }) => {
            if (services.d) services.d.environment.BROKEN = "1";
            if (services.a) services.a.environment.VERSION = "2";
        });
        const seen = await askedDuring(async () => {
            const ran = await project.command(["deploy"], { timeoutMs: 300_000 });
            expect([ran.code, ran.output]).toEqual([10, expect.stringContaining("this version is broken")]);
        });
        expect(failuresIn(seen)).toEqual([]);
        expect(await project.containers(stack)).toEqual(before.containers);
        expect(await chain()).toEqual(before.chain);
        await writeFile(path.join(project.folder, "docker-compose.yml"), good);
    }, 360_000);

    test("of networks, one of them another and a link on both, opens what the file opens: the comparison sees it", async () => {
        const before = neighbours(await composeFile());
        await change(({ services, networks }) => {
            networks.rear = {};
            delete networks.back;
            const { c, d, e } = services;
            if (c) c.networks = ["front", "rear"];
            if (d) d.networks = { rear: { aliases: ["data"] } };
            if (e) e.networks = ["front", "rear"];
        });
        const seen = await askedDuring(async () => {
            const ran = await project.command(["deploy"], { timeoutMs: 300_000 });
            expect([ran.code, ran.output]).toEqual([0, expect.stringContaining("local: committed")]);
        });
        // The edge is replaced and, at the end, leaves the old network: both are short and noted. In between, what still
        // runs on the network of before is reached until it is replaced.
        const events = await timeline();
        const at = (event: string, step: string) =>
            Date.parse(events.find((it) => it.event === event && it.step === step)?.at ?? "");
        const [from, to] = [at("step-done", "edge"), at("step-begin", "edge off the networks of before")];
        const between = seen.filter((asked) => asked.from > from && asked.to < to);
        expect(between.length).toBeGreaterThan(20);
        expect(failuresIn(between)).toEqual([]);
        const { anywhere } = await reached();
        expect(anywhere).not.toEqual(before);
        expect(anywhere).toEqual(neighbours(await composeFile()));
        expect((await chain()).e?.starts).toBe(2);
        const { project: name } = project.place(stack);
        expect((await project.remains(stack)).networks).toEqual([`${name}_front`, `${name}_rear`]);
    }, 360_000);
});
