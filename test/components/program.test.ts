/** The program itself, under mocks, over the real baseline: what it declares, and what waits for what. */
import { beforeAll, describe, expect, test } from "@jest/globals";
import * as pulumi from "@pulumi/pulumi";
import { find, mockGraph, type Outputs, type Registered, resolved } from "./mock-graph.ts";

const five = ["postgres", "redis", "storage", "api", "worker"];
const secret = (name: string) => `value-of-${name}-that-nobody-may-see`;

let registered: Registered[];
let program: typeof import("../../index.ts");

beforeAll(async () => {
    pulumi.runtime.setAllConfig({
        "plumbline:project": "insurance_navigator",
        "plumbline:bindAddress": "127.0.0.1",
        "plumbline:network": JSON.stringify({ retries: 0 }),
        // No engine, and a preview: what happens to run on this machine decides nothing here.
        "docker:host": "unix:///no-engine-of-the-program-test.sock",
    });
    const outputs: Outputs = ({ name, inputs }) => {
        if (name === "credentials") {
            const names = Object.keys(inputs.sources as Record<string, unknown>);
            // The engine marks this output as secret, as the resource asks for; the mocks need it said.
            return { values: pulumi.secret(Object.fromEntries(names.map((key) => [key, secret(key)]))) };
        }
        if (name === "rollout") return { outcome: { outcome: "committed", services: [] }, observed: {} };
        if (name === "validation") return { verdicts: [] };
        return {};
    };
    const graph = await mockGraph("local", outputs, true);
    program = await import("../../index.ts");
    await graph.settled();
    registered = graph.registered;
});

const ofType = (type: string) => registered.filter((resource) => resource.type === type);
const containers = () => ofType("docker:index/container:Container");
const serviceOf = (container: Registered) =>
    (container.inputs.labels as { label: string; value: string }[]).find(({ label }) => label === "plumbline.service")
        ?.value;
const containerOf = (service: string): Registered => {
    const found = containers().find((container) => serviceOf(container) === service);
    if (found === undefined) throw new Error(`no container of ${service}`);
    return found;
};

describe("the program", () => {
    test("declares one container for each of the five services, and the edge [R00c] [R01]", () => {
        expect(containers().map(serviceOf).sort()).toEqual([...five, "edge"].sort());
    });

    test("declares the network and the volumes by the names that were asked for [R02]", () => {
        expect(ofType("docker:index/network:Network").map(({ inputs }) => inputs.name)).toEqual([
            "insurance_navigator_network",
        ]);
        expect(
            ofType("docker:index/volume:Volume")
                .map(({ inputs }) => inputs.name)
                .sort(),
        ).toEqual(
            ["edge_config", "postgres_data", "redis_data", "storage_data"].map((key) => `insurance_navigator_${key}`),
        );
    });

    test("publishes exactly the ports that were asked for, all of them at the edge [R01]", () => {
        const ports = (service: string) =>
            containerOf(service).inputs.ports as { external: number; ip: string }[] | undefined;
        expect((ports("edge") ?? []).map(({ external }) => external).sort((a, b) => a - b)).toEqual([
            5000, 6379, 8000, 8001, 54321, 54322, 54390,
        ]);
        expect(new Set((ports("edge") ?? []).map(({ ip }) => ip))).toEqual(new Set(["127.0.0.1"]));
        for (const service of five) expect([service, ports(service)]).toEqual([service, undefined]);
    });

    test("lets the edge answer to every service's name [R04]", () => {
        const networks = containerOf("edge").inputs.networksAdvanced as { name: string; aliases: string[] }[];
        expect(networks).toEqual([{ name: "insurance_navigator_network", aliases: [...five].sort() }]);
    });

    test("has one type for each component, under one name", () => {
        const components = registered.filter(({ custom }) => !custom);
        expect([...new Set(components.map(({ type }) => type))].sort()).toEqual(
            ["DataVolumes", "Edge", "Images", "ServiceContainer", "StackNetworks"].map(
                (name) => `plumbline:components:${name}`,
            ),
        );
    });

    test("gives every resource of the docker and command providers a component as parent", () => {
        const own = registered.filter(({ type }) => type.startsWith("docker:") || type.startsWith("command:"));
        expect(own.length).toBeGreaterThan(15);
        for (const { name, parent } of own)
            expect([name, parent]).toEqual([name, expect.stringContaining("plumbline:components:")]);
    });
});

describe("the rollout", () => {
    /** Urns of everything that a resource waits for, directly or not; its component's dependencies are its own. */
    function waitsFor(urn: string, known = new Set<string>()): Set<string> {
        const own = registered.find((resource) => resource.urn === urn);
        for (const dependency of [...(own?.dependencies ?? []), own?.parent ?? ""]) {
            if (dependency === "" || known.has(dependency)) continue;
            known.add(dependency);
            waitsFor(dependency, known);
        }
        return known;
    }

    /** Names of the resources, other than the rollout and the validation, for which it does not wait itself. */
    function forgottenBy({ dependencies }: Pick<Registered, "dependencies">): string[] {
        const others = registered.filter(
            ({ custom, name, type }) =>
                custom && name !== "rollout" && name !== "validation" && !type.startsWith("pulumi:providers:"),
        );
        return others.filter(({ urn }) => !dependencies.includes(urn)).map(({ name }) => name);
    }

    test("waits for every other resource but the validation [R00c]", () => {
        const rollout = find(registered, "Resource", "rollout");
        expect(forgottenBy(rollout)).toEqual([]);
        // The six containers with their images, a network, four volumes, and the credentials.
        expect(forgottenBy({ dependencies: [] })).toHaveLength(6 + 6 + 1 + 4 + 1);
    });

    test("is what the validation waits for", () => {
        const validation = find(registered, "Resource", "validation");
        expect(validation.dependencies).toContain(find(registered, "Resource", "rollout").urn);
    });

    test("is given the container of each service and of the edge, by id and engine name", () => {
        const { inputs } = find(registered, "Resource", "rollout");
        const declared = (container: Registered) => ({ id: `id-${container.name}`, name: `${container.name}-0abcdef` });
        expect(inputs.edge).toEqual(declared(containerOf("edge")));
        expect(inputs.containers).toEqual(Object.fromEntries(five.map((name) => [name, declared(containerOf(name))])));
    });

    test("is given a release without a secret in it, whose id the program exports", async () => {
        const { inputs } = find(registered, "Resource", "rollout");
        const release = JSON.parse(String(inputs.release)) as { id: string; secretSources: Record<string, unknown> };
        expect(release.id).toBe(program.releaseId);
        expect(Object.keys(release.secretSources).length).toBeGreaterThan(5);
        expect(inputs.release).not.toContain("that-nobody-may-see");
        expect(await resolved(program.summary)).toMatchObject({ outcome: "committed" });
    });

    test("keeps the order of dependencies: containers wait for networks, volumes and their own image [R07]", () => {
        const network = ofType("docker:index/network:Network").map(({ urn }) => urn);
        for (const service of [...five, "edge"]) {
            const container = containerOf(service);
            const waits = waitsFor(container.urn);
            for (const urn of network) expect([service, waits.has(urn)]).toEqual([service, true]);
            const image = String(container.inputs.image).replace(/[/:]/g, "-");
            expect([service, waits.has(find(registered, "Command", image).urn)]).toEqual([service, true]);
        }
        for (const service of ["postgres", "redis", "storage"]) {
            expect(waitsFor(containerOf(service).urn)).toContain(
                find(registered, "Volume", `insurance_navigator_${service}_data`).urn,
            );
        }
    });
});

describe("secrets", () => {
    test("are secret wherever they stand", () => {
        expect(find(registered, "Resource", "rollout").secretInputs).toEqual(["secrets"]);
        expect(find(registered, "Resource", "validation").secretInputs).toContain("secrets");
        expect(find(registered, "Resource", "credentials").secretOutputs).toEqual(
            expect.arrayContaining(["values", "given"]),
        );
        for (const resource of registered) {
            for (const [key, value] of Object.entries(resource.inputs)) {
                const shows = JSON.stringify(value ?? null).includes("that-nobody-may-see");
                const hidden = resource.secretInputs.includes(key);
                expect([resource.name, key, shows && !hidden]).toEqual([resource.name, key, false]);
            }
        }
    });

    test("reach the environment of the containers that name them", () => {
        const envs = (service: string) => containerOf(service).inputs.envs as string[];
        expect(envs("redis")).toContain(`REDIS_PASSWORD=${secret("REDIS_PASSWORD")}`);
        expect(envs("api")).toContain(`REDIS_URL=redis://:${secret("REDIS_PASSWORD")}@redis:6379/0`);
        for (const service of five) expect(envs(service).join()).not.toContain("<secret:");
    });

    test("of Supabase are outputs: the two keys, with project and address [R05]", async () => {
        expect(await resolved(program.supabase)).toEqual({
            projectId: "insurance-navigator",
            apiUrl: "http://localhost:54321",
            anonKey: secret("ANON_KEY"),
            serviceRoleKey: secret("SERVICE_ROLE_KEY"),
        });
        expect(await pulumi.isSecret(program.supabase)).toBe(true);
    });
});

describe("the dynamic resources", () => {
    const methods = ["check", "diff", "create", "update", "read", "delete"];

    test.each(["credentials", "rollout", "validation"])("%s is a thin shell: doors, and nothing else", (name) => {
        const text = String(find(registered, "Resource", name).inputs.__provider);
        const doors = text.matchAll(
            /^ {4}(\w+): async \(([\w, ]+)\) => \(await import\("([^"]+)"\)\)\.provider\.(\w+)\(([\w, ]+)\),$/gm,
        );
        const seen = [...doors].map(([, method, given, door, called, passed]) => ({
            method,
            door,
            called,
            passes: given === passed,
        }));
        expect(seen).toEqual(
            methods.map((method) => ({ method, door: `#provider/${name}`, called: method, passes: true })),
        );
        expect(text.split("\n")).toHaveLength(methods.length + 3);
    });

    test.each(["credentials", "rollout", "validation"])("the shell of %s is what Pulumi's host can run", (name) => {
        const module: { exports: { handler?: () => Record<string, unknown> } } = { exports: {} };
        new Function("exports", String(find(registered, "Resource", name).inputs.__provider))(module.exports);
        expect(Object.entries(module.exports.handler?.() ?? {}).map(([key, value]) => [key, typeof value])).toEqual(
            methods.map((method) => [method, "function"]),
        );
    });

    test("run in one host, which is declared before anything else", () => {
        expect(registered.filter(({ custom }) => custom)[0]).toMatchObject({ type: "pulumi:providers:pulumi-nodejs" });
    });
});
