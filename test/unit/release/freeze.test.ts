/** From baseline and settings to the release. */
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { BaselineService } from "../../../release/baseline.ts";
import { startDeadline } from "../../../release/freeze.ts";
import { kindOf } from "../../../release/kind.ts";
import { parseSettings } from "../../../release/settings.ts";
import type { Release } from "../../../release/types.ts";
import { baselineOf, makeProject, port, refusalOf, releaseOf, service, type Tree } from "./fixture.ts";

let project = "";
beforeAll(async () => {
    project = await makeProject();
});
afterAll(() => rm(project, { recursive: true }));

const revisions = (release: Release) =>
    Object.fromEntries(release.services.map(({ name, revision }) => [name, revision]));

describe("the kind of a service that says none", () => {
    const data = { volumes: [{ type: "volume", source: "data", target: "/d", volume: {} }] };
    const waitsFor = (name: string) =>
        service({ depends_on: { [name]: { condition: "service_completed_successfully", required: true } } });
    const cases: [kind: string, over: Tree, others: Tree][] = [
        ["stateful", { ...data, ports: [port(80, 80)] }, {}],
        ["request", { ports: [port(80, 80)] }, {}],
        ["request", { expose: ["80"] }, {}],
        ["consumer", {}, {}],
        ["consumer", { restart: "no" }, { other: service() }],
        ["job", { restart: "no" }, { other: waitsFor("it") }],
        ["job", { restart: "no", ...data }, { other: waitsFor("it") }],
        ["consumer", { restart: "always" }, { other: waitsFor("it") }],
    ];
    test.each(cases)("is %s for %j", (kind, over, others) => {
        const { services } = baselineOf({ it: service(over), ...others }, { volumes: { data: { name: "demo_data" } } });
        const found = services.find(({ name }) => name === "it") as BaselineService;
        expect(kindOf(found, services)).toBe(kind);
    });

    test("gives way to the one that it says", async () => {
        const release = await releaseOf(project, {
            it: service({ ports: [port(80, 80)], "x-plumbline": { kind: "consumer" } }),
        });
        expect(release.services[0]?.kind).toBe("consumer");
        expect(release.edge.listeners[0]?.kind).toBe("consumer");
    });
});

describe("the start deadline", () => {
    const deadline = (
        healthcheck: Tree | undefined,
        raw: Record<string, string> = {},
        kind: "request" | "job" = "request",
    ) => {
        const [it] = baselineOf({ web: service(healthcheck === undefined ? {} : { healthcheck }) }).services;
        if (it === undefined) throw new Error("no service");
        return startDeadline("web", it.spec, parseSettings("local", raw), kind);
    };

    test("is never shorter than what the healthcheck itself allows, nor than the initial delay [R32]", () => {
        const check = { test: ["CMD", "x"], interval: "3s", timeout: "5s", start_period: "60s", retries: 5 };
        expect(deadline(check)).toBe(60_000 + 6 * 8000);
        expect(deadline({ test: ["CMD", "x"], interval: "1s", timeout: "1s", retries: 1 })).toBe(10_000);
        expect(deadline({ test: ["CMD", "x"] })).toBe(4 * 60_000);
    });

    test("covers the probes' retries with backoff where there is no healthcheck [R32]", () => {
        expect(deadline(undefined)).toBe(10_000 + 5000 + 10_000 + 20_000);
        expect(deadline({ disable: true })).toBe(45_000);
    });

    test("of a job is one of its own: until it ends", () => {
        const check = { test: ["CMD", "x"] };
        expect(deadline(check, {}, "job")).toBe(600_000);
        expect(deadline(undefined, { jobTimeoutSeconds: "30" }, "job")).toBe(30_000);
        expect(deadline(undefined, { startTimeoutSeconds: '{"web":90}' }, "job")).toBe(90_000);
    });

    test("can be set for a service [R20]", () => {
        expect(deadline(undefined, { startTimeoutSeconds: '{"web":90}' })).toBe(90_000);
    });
});

describe("the edge", () => {
    test("listens on every port that anything names, published or not", async () => {
        const { edge } = await releaseOf(project, {
            web: service({
                ports: [port(8080, 80)],
                expose: ["81", "82-83"],
                "x-plumbline": { ports: [90], probes: [{ http: { port: 91, path: "/" } }, { tcp: { port: 81 } }] },
            }),
        });
        expect(edge.listeners.map(({ port, protocol, published }) => [port, protocol, published?.port])).toEqual([
            [80, "tcp", 8080],
            [81, "tcp", undefined],
            [82, "tcp", undefined],
            [83, "tcp", undefined],
            [90, "tcp", undefined],
            [91, "http", undefined],
        ]);
    });

    test("speaks http where a gateway routes to, or compose says so", async () => {
        const gateways = [{ name: "front", port: 9000, routes: [{ prefix: "/a", service: "web", port: 80 }] }];
        const { edge } = await releaseOf(
            project,
            { web: service({ ports: [port(8080, 80), { ...port(8081, 81), app_protocol: "http" }, port(8082, 82)] }) },
            { "x-plumbline": { gateways } },
            { ports: '{"offset":1000}' },
        );
        expect(edge.listeners.map(({ protocol }) => protocol)).toEqual(["http", "http", "tcp"]);
        expect(edge.gateways).toEqual([
            {
                name: "front",
                port: 9000,
                published: { hostIp: "127.0.0.1", port: 10_000 },
                routes: [{ prefix: "/a", service: "web", port: 80, stripPrefix: false }],
            },
        ]);
        expect(edge.listeners[0]?.published).toEqual({ hostIp: "127.0.0.1", port: 9080 });
        expect(edge.probePort).toBe(55_390);
    });

    test("answers per network to the names of that network's own services", async () => {
        const { edge } = await releaseOf(
            project,
            {
                web: service({ networks: { front: { aliases: ["www"] }, back: null } }),
                db: service({ networks: { back: null } }),
            },
            { networks: { front: { name: "demo_front" }, back: { name: "demo_back", internal: true } } },
        );
        expect(edge.networks).toEqual([
            { network: "demo_back", aliases: ["db", "web"] },
            { network: "demo_front", aliases: ["web", "www"] },
        ]);
    });

    test("gets a new revision for what its container is made of, and only for that", async () => {
        const at = (over: Tree, raw = {}, rest = {}) =>
            releaseOf(project, { web: service({ ports: [port(8080, 80)], ...over }) }, rest, raw);
        const before = (await at({})).edge.revision;
        expect((await at({ expose: ["81"] })).edge.revision).toBe(before);
        expect((await at({ "x-plumbline": { kind: "consumer" } })).edge.revision).toBe(before);
        expect((await at({ ports: [port(8081, 80)] })).edge.revision).not.toBe(before);
        expect((await at({}, { probePort: "5" })).edge.revision).not.toBe(before);
        expect((await at({ networks: { default: { aliases: ["www"] } } })).edge.revision).not.toBe(before);
    });
});

describe("the waits of the edge", () => {
    const web = { web: service({ ports: [port(8080, 80)] }) };
    const at = (waits: string) => releaseOf(project, web, {}, { edge: waits });

    test("that are the defaults leave the release as it was before they could be set", async () => {
        const plain = await releaseOf(project, web);
        expect(plain.edge.waits).toBeUndefined();
        expect((await at('{"holdSeconds":30,"requestWaitSeconds":5}')).id).toBe(plain.id);
    });

    test("that are others stand in the release, and start nothing anew [R91] [R98]", async () => {
        const plain = await releaseOf(project, web);
        const patient = await at('{"holdSeconds":45.5}');
        expect(patient.edge.waits).toEqual({ holdMs: 45_500, requestWaitMs: 5_000 });
        expect(patient.id).not.toBe(plain.id);
        expect([patient.edge.revision, revisions(patient)]).toEqual([plain.edge.revision, revisions(plain)]);
        expect((await at('{"requestWaitSeconds":2}')).edge.waits).toEqual({ holdMs: 30_000, requestWaitMs: 2_000 });
    });
});

describe("a service without probes of its own", () => {
    test("is asked for a connection on its first port, or nothing where it has none", async () => {
        const release = await releaseOf(project, { web: service({ ports: [port(8080, 80)] }), work: service() });
        expect(release.services.map(({ name, probes }) => [name, probes])).toEqual([
            ["web", [{ type: "tcp", port: 80 }]],
            ["work", []],
        ]);
    });

    test("and probes that it states replace that one, with their own defaults", async () => {
        const probes = [{ http: { port: 80, path: "/health" } }];
        const release = await releaseOf(project, {
            web: service({ ports: [port(8080, 80)], "x-plumbline": { probes } }),
        });
        expect(release.services[0]?.probes).toEqual([
            { type: "http", port: 80, path: "/health", headers: {}, expect: { status: 200 } },
        ]);
    });
});

describe("replicas", () => {
    const pair = (replicas: number, over: Tree = {}) =>
        releaseOf(project, {
            web: service({ ports: [port(8080, 80)], deploy: { replicas }, ...over }),
            mail: service({ depends_on: { web: { condition: "service_healthy", required: true } } }),
        });

    test("are entries of their own, alike but for their names, and behind one listener [R91]", async () => {
        const { services, edge } = await pair(3);
        expect(services.map(({ name, replicaOf }) => [name, replicaOf])).toEqual([
            ["web", undefined],
            ["web-2", "web"],
            ["web-3", "web"],
            ["mail", undefined],
        ]);
        const [first, ...others] = services.slice(0, 3);
        for (const other of others) {
            const { replicaOf: _, ...alike } = other;
            expect({ ...alike, name: "web" }).toEqual(first);
        }
        expect(edge.listeners).toEqual([expect.objectContaining({ service: "web", port: 80, replicas: 3 })]);
        expect(edge.networks[0]?.aliases).toEqual(["mail", "web"]);
    });

    test("are all waited for by who depends on the service [R07]", async () => {
        const { services } = await pair(2);
        expect(services.at(-1)?.dependsOn.map(({ service }) => service)).toEqual(["web", "web-2"]);
    });

    test("that are one are the same release as no number at all", async () => {
        const { id } = await pair(1);
        expect((await pair(1, { deploy: undefined })).id).toBe(id);
        expect((await pair(1, { deploy: undefined, scale: 1 })).id).toBe(id);
    });

    test("more or fewer of them change nothing of those that stay, nor of the edge's container", async () => {
        const [one, three] = [await pair(1), await pair(3)];
        expect(revisions(three)).toMatchObject(revisions(one));
        expect(three.edge.revision).toBe(one.edge.revision);
        expect(three.id).not.toBe(one.id);
    });

    test.each<[string, Tree, Tree, RegExp]>([
        ["a volume", { volumes: [{ type: "volume", source: "data", target: "/d", volume: {} }] }, {}, /use one volume/],
        ["the kind job", { "x-plumbline": { kind: "job" } }, {}, /a job runs once, not 2 times/],
        ["a namesake", {}, { "web-2": service() }, /would be called web-2, as another service is/],
    ])("of a service with %s are refused by name", async (_, over, others, reason) => {
        const services = { web: service({ scale: 2, ...over }), ...others };
        const refused = await refusalOf(() =>
            releaseOf(project, services, { volumes: { data: { name: "demo_data" } } }),
        );
        expect([refused.category, refused.service]).toEqual(["baseline", "web"]);
        expect(refused.message).toMatch(/services\.web: /);
        expect(refused.message).toMatch(reason);
    });
});

describe("a job", () => {
    const waits = { depends_on: { migrate: { condition: "service_completed_successfully", required: true } } };

    test("stands before who waits for it, and is nobody's address", async () => {
        const { services, edge } = await releaseOf(project, {
            app: service({ ports: [port(8080, 80)], ...waits }),
            migrate: service({ restart: "no", expose: ["9000"] }),
        });
        expect(services.map(({ name, kind }) => [name, kind])).toEqual([
            ["migrate", "job"],
            ["app", "request"],
        ]);
        expect(edge.listeners.map(({ service }) => service)).toEqual(["app"]);
    });

    test.each<[string, Tree, RegExp]>([
        [
            "restarts",
            { restart: "always" },
            /app waits for its completion, but it is no job \(its restart policy is always\)/,
        ],
        [
            "is of another kind",
            { "x-plumbline": { kind: "consumer" } },
            /it is no job \(its x-plumbline\.kind says so\)/,
        ],
        [
            "restarts all the same",
            { restart: "on-failure", "x-plumbline": { kind: "job" } },
            /must be no, not on-failure/,
        ],
        ["publishes a port", { ports: [port(9000, 9000)] }, /nobody would answer on its ports/],
    ])("that %s is refused by name [R07]", async (_, over, reason) => {
        const refused = await refusalOf(() => releaseOf(project, { app: service(waits), migrate: service(over) }));
        expect(refused).toMatchObject({ category: "baseline", service: "migrate" });
        expect(refused.message).toMatch(reason);
    });
});

describe("revisions and the release id", () => {
    const services = (over: Tree = {}) => ({
        web: service({ environment: { A: "1", B: "2" }, cap_drop: ["ALL"], security_opt: ["x", "y"], ...over }),
        db: service({ environment: { P: "<secret:P>" } }),
    });
    const rest = { "x-plumbline": { secrets: { P: { generate: 32 } } } };
    const release = (over: Tree = {}, raw: Record<string, string> = {}) =>
        releaseOf(project, services(over), rest, raw);

    test("do not depend on the order in which anything is written", async () => {
        const turned = { environment: { B: "2", A: "1" }, security_opt: ["y", "x"], cap_drop: ["CAP_ALL"] };
        expect((await release(turned)).id).toBe((await release()).id);
        const reversed = Object.fromEntries(Object.entries(services()).reverse());
        expect((await releaseOf(project, reversed, rest)).id).toBe((await release()).id);
    });

    const changes: [string, Tree][] = [
        ["environment", { environment: { A: "1", B: "3" } }],
        ["image", { image: "busybox:2" }],
        ["command", { command: ["x"] }],
        ["an empty command", { command: [] }],
        ["user", { user: "1:1" }],
        ["read_only", { read_only: true }],
        ["cap_add", { cap_add: ["CHOWN"] }],
        ["tmpfs", { tmpfs: ["/tmp"] }],
        ["healthcheck", { healthcheck: { test: ["CMD", "x"] } }],
        ["restart", { restart: "always" }],
        ["mem_limit", { mem_limit: "1048576" }],
        ["ulimits", { ulimits: { nofile: 5 } }],
        ["labels", { labels: { a: "b" } }],
        ["logging", { logging: { driver: "local" } }],
        ["dns", { dns: ["1.1.1.1"] }],
        ["dns_search", { dns_search: ["example.test"] }],
        ["dns_opt", { dns_opt: ["ndots:1"] }],
        ["domainname", { domainname: "example.test" }],
        ["mem_reservation", { mem_reservation: "1048576" }],
        ["cpu_shares", { cpu_shares: 512 }],
        ["cpuset", { cpuset: "0" }],
        ["stop_signal", { stop_signal: "SIGINT" }],
        ["a secret", { environment: { A: "<secret:P>", B: "2" } }],
    ];
    test.each(changes)("change with %s, for that service alone", async (_, over) => {
        const [before, after] = [await release(), await release(over)];
        expect(revisions(after).db).toBe(revisions(before).db);
        expect(revisions(after).web).not.toBe(revisions(before).web);
        expect(after.edge.revision).toBe(before.edge.revision);
        expect(after.id).not.toBe(before.id);
    });

    test("a changed probe, deadline or health number is a new release of the same revisions", async () => {
        const before = await release();
        const probes = [{ tcp: { port: 9 } }];
        for (const after of [
            await release({ "x-plumbline": { probes } }),
            await release({}, { startTimeoutSeconds: '{"web":5}' }),
            await release({}, { health: '{"retries":4}' }),
        ]) {
            expect(revisions(after)).toEqual(revisions(before));
            expect(after.id).not.toBe(before.id);
        }
    });

    test("the numbers of the stack stand in the release, in milliseconds [R21] [R32]", async () => {
        const made = await release({}, { network: '{"retries":2,"initialDelaySeconds":0.5}', drainSeconds: "7.5" });
        expect(made.network).toEqual({
            timeoutMs: 30_000,
            retry: { attempts: 3, firstDelayMs: 500, factor: 2, maxDelayMs: 5000, jitter: 0.3 },
        });
        expect(made.health).toMatchObject({ initialDelayMs: 10_000, intervalMs: 5000, retries: 3 });
        expect(made.drainMs).toBe(7500);
    });

    test("the care of a rollout and what is fast enough are frozen in milliseconds, and start no container anew [R33]", async () => {
        const raw = {
            rollout:
                '{"bakeSeconds":2.5,"bakeIntervalSeconds":0.25,"healthFailures":4,"gateLoadSeconds":1.5,"openTransactionsSeconds":3,"acceptWeaker":["web"]}',
            performance: '{"responseTimeMs":300,"throughputRps":20,"errorRatePercent":1}',
        };
        const [before, after] = [await release(), await release({}, raw)];
        expect(after.rollout).toEqual({
            bakeMs: 2500,
            bakeIntervalMs: 250,
            healthFailures: 4,
            gateLoadMs: 1500,
            openTransactionsMs: 3000,
            performance: { responseTimeMs: 300, throughputRps: 20, errorRatePercent: 1 },
            acceptWeaker: ["web"],
        });
        expect(revisions(after)).toEqual(revisions(before));
        expect(after.id).not.toBe(before.id);
    });

    test("a new version of the credentials changes exactly the services that use a secret", async () => {
        const [before, after] = [await release(), await release({}, { credentialsVersion: "2" })];
        expect(revisions(after).web).toBe(revisions(before).web);
        expect(revisions(after).db).not.toBe(revisions(before).db);
        expect(after.services.map(({ secretVersions }) => secretVersions)).toEqual([{ P: "g2" }, {}]);
    });

    test("differ between stacks, and hold no value of a secret", async () => {
        const given = { secrets: '{"P":"a-given-password"}' };
        const [staging, production] = await Promise.all(
            ["staging", "production"].map((stack) => releaseOf(project, services(), rest, given, stack)),
        );
        expect(staging?.id).not.toBe(production?.id);
        expect(JSON.stringify([staging, production])).not.toContain("a-given-password");
    });

    test("an image that the stack names is pulled instead of built", async () => {
        const built = { web: service({ image: undefined, build: { context: `${project}/services/web` } }) };
        const [before, after] = [
            await releaseOf(project, built),
            await releaseOf(project, built, {}, { images: '{"web":"registry.example/web:1"}' }),
        ];
        expect(before.services[0]?.image).toMatchObject({
            kind: "built",
            reference: expect.stringMatching(/^plumbline\/web:[0-9a-f]{12}$/),
        });
        expect(after.services[0]?.image).toEqual({ kind: "pulled", reference: "registry.example/web:1" });
        expect(JSON.stringify(before)).not.toContain(project);
    });

    test("a release is plain JSON", async () => {
        const made = await release({ command: null });
        expect(JSON.parse(JSON.stringify(made))).toStrictEqual(made);
    });
});

describe("what does not fit together is refused", () => {
    const plumbline = (extension: Tree) => ({ "x-plumbline": extension });
    const signed = { S: { generate: 48 }, K: { jwt: { role: "anon" }, signedWith: "S" } };
    const web = { web: service({ ports: [port(8080, 80)] }) };
    const cases: [
        what: string,
        services: Tree,
        rest: Tree,
        raw: Record<string, string>,
        stack: string,
        message: RegExp,
    ][] = [
        [
            "an image of an unknown service",
            web,
            {},
            { images: '{"wbe":"x"}' },
            "local",
            /plumbline:images\.wbe.*did you mean web\?/,
        ],
        [
            "an unknown volume to take over",
            web,
            { volumes: { data: { name: "demo_data" } } },
            { adoptVolumes: '["dta"]' },
            "local",
            /plumbline:adoptVolumes\.dta.*did you mean data\?/,
        ],
        [
            "a time-out of an unknown service",
            web,
            {},
            { startTimeoutSeconds: '{"db":1}' },
            "local",
            /startTimeoutSeconds\.db/,
        ],
        [
            "a secret that the baseline does not know",
            web,
            plumbline({ secrets: signed }),
            { secrets: '{"T":"x"}' },
            "local",
            /plumbline:secrets\.T/,
        ],
        [
            "a variable that is a secret",
            web,
            plumbline({ secrets: signed }),
            { variables: '{"S":"x"}' },
            "local",
            /S is a secret/,
        ],
        [
            "a probe port that is published",
            web,
            {},
            { probePort: "8080" },
            "local",
            /web and plumbline:probePort both need the host port 8080/,
        ],
        [
            "a host port for two",
            { ...web, api: service({ ports: [port(8080, 81)] }) },
            {},
            {},
            "local",
            /api and web both need the host port 8080/,
        ],
        [
            "a port beyond the last",
            web,
            {},
            { ports: '{"offset":60000}', probePort: "5" },
            "local",
            /web would be published on 68080/,
        ],
        [
            "the edge's own port",
            { web: service({ ports: [port(1, 19_000)] }) },
            {},
            {},
            "local",
            /which the edge keeps/,
        ],
        [
            "two services on one port",
            { ...web, api: service({ ports: [port(8081, 80)] }) },
            {},
            {},
            "local",
            /api and web both listen on 80/,
        ],
        [
            "a missing secret in staging",
            web,
            plumbline({ secrets: signed }),
            {},
            "staging",
            /the secret S has no value/,
        ],
        [
            "a short password",
            web,
            plumbline({ secrets: { P: { generate: 32 } } }),
            { secrets: '{"P":"eleven-char"}' },
            "local",
            /P is shorter than 12/,
        ],
        [
            "a short signing secret",
            web,
            plumbline({ secrets: signed }),
            { secrets: '{"S":"only-24-characters-long-"}' },
            "local",
            /S is shorter than 32/,
        ],
        [
            "a password that breaks an address",
            web,
            plumbline({ secrets: { P: { generate: 32 } } }),
            { secrets: '{"P":"with@sign-and-more"}' },
            "local",
            /P may only hold/,
        ],
        [
            "a key signed with nothing",
            web,
            plumbline({ secrets: { K: { jwt: { role: "anon" }, signedWith: "S" } } }),
            {},
            "local",
            /K is signed with S/,
        ],
        [
            "a placeholder without its secret",
            { web: service({ environment: { A: "<secret:X>" } }) },
            {},
            {},
            "local",
            /<secret:X>/,
        ],
        [
            "a gateway to nowhere",
            web,
            plumbline({ gateways: [{ name: "g", port: 90, routes: [{ prefix: "/", service: "wbe", port: 80 }] }] }),
            {},
            "local",
            /routes to wbe.*did you mean web/,
        ],
        [
            "a gateway on a service's port",
            web,
            plumbline({ gateways: [{ name: "g", port: 80, routes: [{ prefix: "/", service: "web", port: 80 }] }] }),
            {},
            "local",
            /web and the gateway g both listen on 80/,
        ],
        [
            "a smoke step to nowhere",
            web,
            plumbline({ smoke: [{ name: "s", service: "db", port: 1, method: "GET", path: "/" }] }),
            {},
            "local",
            /the smoke step "s" asks db/,
        ],
        [
            "an unknown gateway of Supabase",
            web,
            plumbline({
                secrets: signed,
                supabase: { projectId: "p", gateway: "g", anonKey: "K", serviceRoleKey: "K" },
            }),
            {},
            "local",
            /names the gateway g/,
        ],
    ];
    test.each(cases)("%s", async (_, services, rest, raw, stack, message) => {
        const error = await refusalOf(() => releaseOf(project, services, rest, raw, stack));
        expect(error.message).toMatch(message);
        expect(error.message).not.toMatch(/eleven-char|only-24|with@sign/);
    });

    test("a missing secret names every one and the command that makes them", async () => {
        const secrets = { ...signed, P: { generate: 32 } };
        const error = await refusalOf(() => releaseOf(project, web, plumbline({ secrets }), {}, "production"));
        expect(error.message).toMatch(/secret P has no value.*secret S has no value/s);
        expect(error.message).not.toContain("secret K has no value");
        expect(error.remedy).toContain("npm run secrets -- --stack production");
    });

    test("a broken dependency graph, before anything else [R07]", async () => {
        const depends = (name: string) =>
            service({ depends_on: { [name]: { condition: "service_started", required: true } } });
        const circle = await refusalOf(() => releaseOf(project, { a: depends("b"), b: depends("a") }));
        expect(circle).toMatchObject({ category: "dependency", message: expect.stringContaining("a → b → a") });
        const unknown = await refusalOf(() => releaseOf(project, { api: depends("databse"), database: service() }));
        expect(unknown.remedy).toContain("did you mean database?");
    });
});

test("Supabase's address is that of its gateway [R05]", async () => {
    const secrets = {
        S: { generate: 48 },
        K: { jwt: { role: "anon" }, signedWith: "S" },
        R: { jwt: { role: "service_role" }, signedWith: "S" },
    };
    const gateways = [{ name: "front", port: 54_321, routes: [{ prefix: "/", service: "web", port: 80 }] }];
    const supabase = { projectId: "p", gateway: "front", anonKey: "K", serviceRoleKey: "R" };
    const rest = { "x-plumbline": { secrets, gateways, supabase } };
    const web = { web: service({ ports: [port(8080, 80)] }) };
    const local = await releaseOf(project, web, rest);
    expect(local.supabase).toEqual({
        projectId: "p",
        apiUrl: "http://localhost:54321",
        anonKey: "K",
        serviceRoleKey: "R",
    });
    const given = { secrets: `{"S":"${"s".repeat(48)}"}`, bindAddress: "10.0.0.5" };
    expect((await releaseOf(project, web, rest, given, "staging")).supabase?.apiUrl).toBe("http://10.0.0.5:64321");
});
