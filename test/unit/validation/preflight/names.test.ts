/** Whose networks, volumes and names are, and what may be taken over. */
import { describe, expect, test } from "@jest/globals";
import { judgeNetworks, judgeProject, judgeVolumes } from "../../../../validation/preflight/checks/names.ts";
import { judgeReplacement } from "../../../../validation/preflight/checks/replacement.ts";
import { nameFacts } from "../../../../validation/preflight/names.ts";
import { compose, container, messages, names, network, own, ownContainer, release, results, volume } from "./facts.ts";

const wanted = release();

describe("a network of the stack's name [R11]", () => {
    test.each([
        ["by its label", names({ networks: [network()] })],
        ["by the stack's history", names({ networks: [network({ labels: {} })], known: new Set(["sample_network"]) })],
        [
            "by a container of the stack on it",
            names({
                networks: [network({ labels: {} })],
                containers: [ownContainer("api", "1", { networks: ["sample_network"] })],
            }),
        ],
    ])("is the stack's own %s", (_, facts) => {
        expect(results(judgeNetworks(wanted, facts))).toEqual(["pass"]);
    });

    test("is a stranger's without any of them: refused, with the ways out", () => {
        const [finding] = judgeNetworks(wanted, names({ networks: [network({ labels: {} })] }));
        expect(finding).toMatchObject({ result: "fail", category: "dependency" });
        expect(finding?.message).toBe("the network sample_network is there, and is not this stack's");
    });

    test("is another stack's when its label says so, also if a container of this one is on it", () => {
        const labels = { ...own, "plumbline.stack": "staging" };
        const containers = [ownContainer("api", "1", { networks: ["sample_network"] })];
        expect(results(judgeNetworks(wanted, names({ networks: [network({ labels })], containers })))).toEqual([
            "fail",
        ]);
    });

    test("that compose has left is told as such, with the command that takes it down", () => {
        const [finding] = judgeNetworks(wanted, names({ networks: [network({ labels: compose })] }));
        expect(finding?.message).toBe(
            "the network sample_network was left by `docker compose up` of the project sample",
        );
        expect(finding?.remedy).toContain("docker compose -p sample down");
    });

    test("may hold others, but none that answers to the name of a service", () => {
        const guest = container("shell", { networks: ["sample_network"] });
        const facts = names({ networks: [network()], containers: [guest] });
        expect(results(judgeNetworks(wanted, facts))).toEqual(["pass"]);
        const double = { ...facts, aliases: { [guest.id]: ["postgres"] } };
        expect(messages(judgeNetworks(wanted, double))).toEqual([
            "the container shell answers to the name postgres on the network sample_network",
        ]);
        const namesake = container("redis", { networks: ["sample_network"] });
        expect(judgeNetworks(wanted, names({ networks: [network()], containers: [namesake] }))).toMatchObject([
            { result: "fail", service: "redis" },
        ]);
    });
});

describe("a volume of the stack's name [R11]", () => {
    const judge = (facts = {}, adopted: string[] = []) => judgeVolumes(wanted, names(facts), adopted);

    test("is the stack's own by its label, also when only that is left of it", () => {
        expect(results(judge({ volumes: [volume()] }))).toEqual(["pass"]);
        expect(results(judge())).toEqual(["pass"]);
    });

    test("from before there were labels is known by the stack's history, and by its containers", () => {
        const volumes = [volume({ labels: {} })];
        expect(results(judge({ volumes }))).toEqual(["fail"]);
        expect(results(judge({ volumes, known: new Set(["sample_data"]) }))).toEqual(["pass"]);
        const containers = [ownContainer("postgres", "1", { volumes: ["sample_data"] })];
        expect(results(judge({ volumes, containers }))).toEqual(["pass"]);
    });

    test("that compose has left is refused, with the setting that takes it over", () => {
        const [finding] = judge({ volumes: [volume({ labels: compose })] });
        expect(finding).toMatchObject({ result: "fail", category: "dependency" });
        expect(finding?.message).toBe("the volume sample_data was left by `docker compose up` of the project sample");
        expect(finding?.remedy).toContain("plumbline:adoptVolumes: [data]");
    });

    test("is taken over when the stack says so, and the plan says that", () => {
        const volumes = [volume({ labels: compose })];
        expect(judge({ volumes }, ["data"])).toMatchObject([{ result: "pass", told: true }]);
        expect(results(judge({ volumes }, ["other"]))).toEqual(["fail"]);
    });

    test("is never taken over while a container of others runs on it", () => {
        const volumes = [volume({ labels: compose })];
        const user = container("sample-postgres-1", { volumes: ["sample_data"], labels: compose });
        expect(messages(judge({ volumes, containers: [user] }, ["data"]))).toEqual([
            "the volume sample_data cannot be taken over: the container sample-postgres-1 of the compose project sample runs on it",
        ]);
        const stopped = { ...user, state: "exited" as const };
        expect(results(judge({ volumes, containers: [stopped] }, ["data"]))).toEqual(["pass"]);
    });

    test.each(["sample_edge_config", "sample_ledger"])(
        "%s must be the stack's too, and cannot be taken over",
        (name) => {
            expect(results(judge({ volumes: [volume({ name, labels: {} })] }, ["data"]))).toEqual(["fail"]);
            expect(results(judge({ volumes: [volume({ name })] }))).toEqual(["pass"]);
        },
    );
});

describe("the project's name [R11]", () => {
    test("is free when only this stack has containers under it", () => {
        const containers = [ownContainer("api", "1"), container("sample-ledger", { labels: own })];
        expect(results(judgeProject(wanted, names({ containers })))).toEqual(["pass"]);
    });

    test("is refused when another stack has it", () => {
        const labels = { ...own, "plumbline.stack": "staging" };
        expect(messages(judgeProject(wanted, names({ containers: [container("api-9", { labels })] })))).toEqual([
            "the project name sample is in use by the stack staging on this engine (container api-9)",
        ]);
    });

    test("is refused when a stranger has the name of the ledger's container", () => {
        expect(results(judgeProject(wanted, names({ containers: [container("sample-ledger")] })))).toEqual(["fail"]);
    });
});

describe("a change that would replace a network or a volume [R11]", () => {
    const judge = (facts = {}, change = {}) => judgeReplacement(release(change), names(facts), "docker-compose.yml");

    test("is none when they are as declared; our own labels do not count", () => {
        expect(judge({ networks: [network()], volumes: [volume()] })).toEqual([]);
        expect(judge()).toEqual([]);
    });

    test.each([
        ["another driver", { driver: "macvlan" }, "driver is macvlan, the baseline says bridge"],
        ["inside only", { internal: true }, "internal is true, the baseline says false"],
        ["a label", { labels: { ...own, team: "a" } }, "label team is a, the baseline says absent"],
    ])("is refused for %s, with what differs", (_, change, difference) => {
        const [finding] = judge({ networks: [network(change)] });
        expect(finding).toMatchObject({ result: "fail", category: "baseline", check: "networks" });
        expect(finding?.message).toContain(difference);
    });

    test("is refused when the baseline has a new label", () => {
        const networks = [{ name: "sample_network", driver: "bridge", internal: false, labels: { team: "b" } }];
        expect(messages(judge({ networks: [network()] }, { networks }))[0]).toContain(
            "label team is absent, the baseline says b",
        );
    });

    test("is not told of a stranger's network, which is refused as such", () => {
        expect(judge({ networks: [network({ labels: {}, driver: "macvlan" })] })).toEqual([]);
    });

    test("is refused for a volume of another driver", () => {
        expect(results(judge({ volumes: [volume({ driver: "nfs" })] }))).toEqual(["fail"]);
    });
});

describe("the facts of names", () => {
    const info = {} as never;
    const look = (change: object) =>
        ({ reached: true, info, isHere: true, containers: [], networks: [], volumes: [], ...change }) as const;
    const engine = { inspect: async () => undefined };

    test("ask the history only where labels are silent", async () => {
        let asked = 0;
        const history = {
            newestRelease: async () => {
                asked += 1;
                return wanted;
            },
        };
        await nameFacts(engine, wanted, look({ networks: [network()], volumes: [volume()] }), history);
        expect(asked).toBe(0);
        const facts = await nameFacts(engine, wanted, look({ volumes: [volume({ labels: {} })] }), history);
        expect([asked, results(judgeVolumes(wanted, facts, []))]).toEqual([1, ["pass"]]);
    });

    test("know nothing where there is no history", async () => {
        const history = { newestRelease: async () => undefined };
        const facts = await nameFacts(engine, wanted, look({ volumes: [volume({ labels: {} })] }), history);
        expect(results(judgeVolumes(wanted, facts, []))).toEqual(["fail"]);
    });
});
