/** Each component alone, under mocks: the inputs and options of the resources that it registers. */
import { describe, expect, test } from "@jest/globals";
import * as pulumi from "@pulumi/pulumi";
import { Edge, edgeConfigFolder, edgePorts } from "../../components/edge.ts";
import { buildCommand, Images } from "../../components/images.ts";
import { StackNetworks } from "../../components/networks.ts";
import { ServiceContainer } from "../../components/service-container.ts";
import { DataVolumes } from "../../components/volumes.ts";
import type { BuiltImage, EdgeRelease } from "../../release/types.ts";
import { emptySpec, sampleRelease, sampleService } from "../unit/rollout/sample-release.ts";
import { find, mockGraph, type Registered, resolved } from "./mock-graph.ts";

/** Declares something under mocks and gives what was registered. */
async function declare<T>(make: () => T): Promise<{ made: T; registered: Registered[] }> {
    const graph = await mockGraph("local");
    const made = make();
    await graph.settled();
    return { made, registered: graph.registered };
}

const image: BuiltImage = {
    kind: "built",
    reference: "plumbline/api:3f9c1a2b4d5e",
    sourceDigest: "3f9c1a2b4d5e00",
    context: "services/api",
    dockerfile: "services/api/Dockerfile",
    args: {},
};
const owner = { project: "sample", stack: "local" };
const ownLabels = [
    { label: "plumbline.project", value: "sample" },
    { label: "plumbline.stack", value: "local" },
];
const noImages = () => new Images("images", { images: [], buildTokens: {} });

describe("networks", () => {
    test("are declared by their literal names, with driver and labels, and the marks of their stack [R02] [R11]", async () => {
        const { registered } = await declare(
            () =>
                new StackNetworks("networks", {
                    owner,
                    networks: [
                        { name: "sample_network", driver: "bridge", internal: false, labels: { b: "2", a: "1" } },
                        { name: "sample_inner", driver: "bridge", internal: true, labels: {} },
                    ],
                }),
        );
        const component = find(registered, "StackNetworks", "networks");
        expect(component.type).toBe("plumbline:components:StackNetworks");
        const network = find(registered, "Network", "sample_network");
        expect(network.inputs).toEqual({
            name: "sample_network",
            driver: "bridge",
            internal: false,
            labels: [{ label: "a", value: "1" }, { label: "b", value: "2" }, ...ownLabels],
        });
        // A network that is older than its marks is not replaced for them.
        expect(network.ignoreChanges).toEqual(["labels"]);
        expect(network.parent).toBe(component.urn);
        expect(find(registered, "Network", "sample_inner").inputs).toMatchObject({ internal: true });
    });
});

describe("volumes", () => {
    test("keep their data when they are no longer declared, and are not replaced for a label [R02]", async () => {
        const volume = { key: "data", name: "sample_data", labels: { a: "1" } };
        const { registered } = await declare(() => new DataVolumes("volumes", { volumes: [volume], owner }));
        const declared = find(registered, "Volume", "sample_data");
        expect(declared.inputs).toEqual({ name: "sample_data", labels: [{ label: "a", value: "1" }, ...ownLabels] });
        expect(declared.retainOnDelete).toBe(true);
        expect(declared.ignoreChanges).toEqual(["labels"]);
        expect(declared.parent).toBe(find(registered, "DataVolumes", "volumes").urn);
    });
});

describe("images", () => {
    test("are built by a command that runs again for another source or a missing image [R00b]", async () => {
        const tokens = { [image.reference]: "token-1" };
        const { made, registered } = await declare(
            () => new Images("images", { images: [image], buildTokens: tokens, engineHost: "tcp://127.0.0.1:2375" }),
        );
        const build = find(registered, "Command", "plumbline-api-3f9c1a2b4d5e");
        expect(build.inputs).toEqual({
            create: buildCommand(image),
            environment: { PLUMBLINE_BUILD: "token-1", DOCKER_HOST: "tcp://127.0.0.1:2375" },
            triggers: ["3f9c1a2b4d5e00", "token-1"],
            logging: "stderr",
        });
        expect(build.parent).toBe(find(registered, "Images", "images").urn);
        expect(made.builds(image)).toHaveLength(1);
        expect(made.builds({ kind: "pulled", reference: "postgres:15" })).toEqual([]);
    });

    test("are taken to be as recorded where no engine could be asked: only another source shows in the plan [R10]", async () => {
        const build = async (buildTokens: Record<string, string> | undefined) => {
            const { registered } = await declare(() => new Images("images", { images: [image], buildTokens }));
            return find(registered, "Command", "plumbline-api-3f9c1a2b4d5e").ignoreChanges;
        };
        expect(await build(undefined)).toEqual(["environment", "triggers"]);
        expect(await build({})).toEqual([]);
    });

    test("say nothing of the engine's address when there is none", async () => {
        const { registered } = await declare(() => new Images("images", { images: [image], buildTokens: {} }));
        const build = find(registered, "Command", "plumbline-api-3f9c1a2b4d5e");
        expect(build.inputs.environment).toEqual({ PLUMBLINE_BUILD: "" });
    });

    test("are built with reference, file, digest, target and arguments, each a word of the shell", () => {
        expect(buildCommand(image)).toBe(
            "sh components/build-image.sh plumbline/api:3f9c1a2b4d5e --file services/api/Dockerfile" +
                " --label plumbline.source=3f9c1a2b4d5e00 services/api",
        );
        const odd = {
            ...image,
            context: "my services/api",
            target: "final",
            args: { A: "it's $HOME", B: "`id`; x", C: "" },
        };
        expect(buildCommand(odd)).toBe(
            "sh components/build-image.sh plumbline/api:3f9c1a2b4d5e --file services/api/Dockerfile" +
                " --label plumbline.source=3f9c1a2b4d5e00 --target final" +
                " --build-arg 'A=it'\\''s $HOME' --build-arg 'B=`id`; x' --build-arg C= 'my services/api'",
        );
    });
});

describe("a service's container", () => {
    const service = sampleService("api", "request", [], {
        revision: "3f9c1a2b",
        image,
        spec: { ...emptySpec, environment: { KEY: "<secret:A_KEY>" }, stopGraceSeconds: 20 },
    });
    const declared = () =>
        declare(() => {
            const images = new Images("images", { images: [image], buildTokens: {} });
            const secrets = { A_KEY: "value-of-a" };
            return new ServiceContainer({ service, project: "sample", stack: "local", images, secrets });
        });

    test("is named after its revision, created and not started, without a name of its own", async () => {
        const { registered } = await declared();
        const container = find(registered, "Container", "api-3f9c1a2b");
        expect(container.inputs).toMatchObject({
            image: "plumbline/api:3f9c1a2b4d5e",
            start: false,
            mustRun: false,
            destroyGraceSeconds: 20,
            networksAdvanced: [{ name: "sample_network" }],
        });
        expect(container.inputs).not.toHaveProperty("name");
        expect(container.inputs).not.toHaveProperty("ports");
        expect(container.parent).toBe(find(registered, "ServiceContainer", "api").urn);
    });

    test("is never deleted before its replacement stands, and is replaced where an update would be silent", async () => {
        const { registered } = await declared();
        const container = find(registered, "Container", "api-3f9c1a2b");
        expect(container.deleteBeforeReplace).toBe(false);
        expect(container.replaceOnChanges).toEqual(["healthcheck", "tmpfs", "init"]);
    });

    test("carries the labels by which it is found again", async () => {
        const { registered } = await declared();
        expect(find(registered, "Container", "api-3f9c1a2b").inputs.labels).toEqual([
            { label: "plumbline.project", value: "sample" },
            { label: "plumbline.revision", value: "3f9c1a2b" },
            { label: "plumbline.service", value: "api" },
            { label: "plumbline.stack", value: "local" },
        ]);
    });

    test("gets its files from volumes of its revision, read-only, which go with it and not before", async () => {
        const file = { content: "<secret:A_KEY>", encoding: "text" as const, mode: 0o400 };
        const spec = {
            ...service.spec,
            mounts: [{ type: "volume" as const, source: "sample_data", target: "/data", readOnly: false }],
            files: [
                { ...file, target: "/etc/api/key" },
                { ...file, target: "/run/secrets/key" },
            ],
        };
        const { registered } = await declare(() => {
            const images = new Images("images", { images: [image], buildTokens: {} });
            const secrets = { A_KEY: "value-of-a" };
            const withFiles = { ...service, spec };
            return new ServiceContainer({ service: withFiles, project: "sample", stack: "local", images, secrets });
        });
        const container = find(registered, "Container", "api-3f9c1a2b");
        expect(container.inputs.volumes).toEqual([
            { volumeName: "sample_data", containerPath: "/data", readOnly: false },
            { volumeName: "sample_files_api_3f9c1a2b_0", containerPath: "/etc/api", readOnly: true },
            { volumeName: "sample_files_api_3f9c1a2b_1", containerPath: "/run/secrets", readOnly: true },
        ]);
        for (const name of ["sample_files_api_3f9c1a2b_0", "sample_files_api_3f9c1a2b_1"]) {
            const volume = find(registered, "Volume", name);
            expect(volume.retainOnDelete).toBe(false);
            expect(volume.inputs.labels).toContainEqual({ label: "plumbline.role", value: "files" });
            expect(container.dependencies).toContain(volume.urn);
        }
        expect(JSON.stringify([container.inputs.labels, container.inputs.volumes])).not.toContain("value-of-a");
    });

    test("has a secret environment, also when the values come in clear", async () => {
        const { registered } = await declared();
        const container = find(registered, "Container", "api-3f9c1a2b");
        expect(container.inputs.envs).toEqual(["KEY=value-of-a", "PLUMBLINE_REVISION=3f9c1a2b"]);
        expect(container.secretInputs).toEqual(["envs"]);
    });

    test("waits for its image, and tells its id and the engine's name", async () => {
        const { made, registered } = await declared();
        const build = find(registered, "Command", "plumbline-api-3f9c1a2b4d5e");
        expect(find(registered, "Container", "api-3f9c1a2b").dependencies).toContain(build.urn);
        expect(await resolved(made.declared)).toEqual({ id: "id-api-3f9c1a2b", name: "api-3f9c1a2b-0abcdef" });
        expect(made.service).toBe("api");
    });
});

const sample = sampleRelease().edge;
const edge: EdgeRelease = {
    ...sample,
    listeners: [
        {
            service: "api",
            port: 8000,
            protocol: "http",
            kind: "request",
            published: { hostIp: "127.0.0.1", port: 18000 },
        },
        {
            service: "postgres",
            port: 5432,
            protocol: "tcp",
            kind: "stateful",
            published: { hostIp: "0.0.0.0", port: 54322 },
        },
        { service: "internal", port: 9000, protocol: "tcp", kind: "request" },
    ],
    gateways: [{ name: "supabase", port: 54321, published: { hostIp: "127.0.0.1", port: 64321 }, routes: [] }],
    networks: [
        { network: "sample_network", aliases: ["api", "postgres"] },
        { network: "sample_inner", aliases: ["postgres", "db"] },
    ],
    probePort: 54390,
};

describe("the edge", () => {
    const declared = () =>
        declare(() => new Edge("edge", { edge, project: "sample", stack: "local", images: noImages() }));

    test("publishes what is published, the gateways and the probe listener, sorted", () => {
        const tcp = (internal: number, external: number, ip: string) => ({ internal, external, ip, protocol: "tcp" });
        const expected = [
            tcp(5432, 54322, "0.0.0.0"),
            tcp(8000, 18000, "127.0.0.1"),
            tcp(19_000, 54390, "127.0.0.1"),
            tcp(54321, 64321, "127.0.0.1"),
        ];
        expect(edgePorts(edge)).toEqual(expected);
        expect(edgePorts({ ...edge, listeners: [...edge.listeners].reverse() })).toEqual(expected);
    });

    test("answers to the services' names, on each network for that network's own only [R04]", async () => {
        const { registered } = await declared();
        expect(find(registered, "Container", "edge-0000000e").inputs.networksAdvanced).toEqual([
            { name: "sample_network", aliases: ["api", "postgres"] },
            { name: "sample_inner", aliases: ["postgres", "db"] },
        ]);
    });

    test("is created and not started, locked down, with its configuration on a volume", async () => {
        const { registered } = await declared();
        const container = find(registered, "Container", "edge-0000000e");
        expect(container.inputs).toMatchObject({
            start: false,
            mustRun: false,
            user: "10006:10006",
            readOnly: true,
            capabilities: { drops: ["ALL"] },
            securityOpts: ["no-new-privileges:true"],
            ports: edgePorts(edge),
            volumes: [{ volumeName: "sample_edge_config", containerPath: edgeConfigFolder }],
        });
        expect(container.inputs).not.toHaveProperty("name");
        expect(container.deleteBeforeReplace).toBe(false);
        const volume = find(registered, "Volume", "sample_edge_config");
        expect(volume.inputs).toEqual({ name: "sample_edge_config", labels: ownLabels });
        expect(container.dependencies).toContain(volume.urn);
        expect(container.parent).toBe(find(registered, "Edge", "edge").urn);
    });

    test("tells its container's id and the engine's name", async () => {
        const { made } = await declared();
        expect(await resolved(made.declared)).toEqual({ id: "id-edge-0000000e", name: "edge-0000000e-0abcdef" });
    });
});

test("a component that depends on networks registers its container after them", async () => {
    const network = { name: "sample_network", driver: "bridge", internal: false, labels: {} };
    const { registered } = await declare(() => {
        const networks = new StackNetworks("networks", { networks: [network], owner });
        const service = sampleService("api", "request");
        return new ServiceContainer(
            { service, project: "sample", stack: "local", images: noImages(), secrets: pulumi.secret({}) },
            { dependsOn: [networks] },
        );
    });
    const component = find(registered, "ServiceContainer", "api");
    expect(component.dependencies).toContain(find(registered, "Network", "sample_network").urn);
    const order = registered.map(({ name }) => name);
    expect(order.indexOf("sample_network")).toBeLessThan(order.indexOf("api-00000001"));
});
