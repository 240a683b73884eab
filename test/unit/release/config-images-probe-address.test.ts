/** Three small readers: the stack's own keys, the images that are built, and where the probe listener is. */
import { describe, expect, test } from "@jest/globals";
import { stackConfiguration } from "../../../release/config.ts";
import { builtImages } from "../../../release/images.ts";
import { probeAddress } from "../../../release/probe-address.ts";
import { sampleRelease, sampleService, sampleServices } from "../rollout/sample-release.ts";

describe("the stack's configuration", () => {
    test("is what stands under plumbline:, without that prefix, and nothing else", () => {
        const all = {
            "plumbline:project": "insurance_navigator",
            "plumbline:ports": '{"offset":10000}',
            "docker:host": "tcp://10.0.0.5:2375",
            "plumbline-other:project": "no",
            "plumbline:a:b": "kept whole",
        };
        expect(stackConfiguration(all)).toEqual({
            project: "insurance_navigator",
            ports: '{"offset":10000}',
            "a:b": "kept whole",
        });
        expect(stackConfiguration({})).toEqual({});
    });
});

describe("the images that are built", () => {
    test("are the edge's and each service's, in their order", () => {
        expect(builtImages(sampleRelease()).map(({ reference }) => reference)).toEqual(
            ["edge", "postgres", "redis", "storage", "api", "worker"].map((name) => `plumbline/${name}:000000000001`),
        );
    });

    test("stand once when two services use one, and not at all when they are pulled", () => {
        const [postgres, ...rest] = sampleServices();
        const shared = rest.map((service) => ({ ...service, image: sampleService("api", "request").image }));
        const pulled = { kind: "pulled", reference: "supabase/postgres:15" } as const;
        const services = postgres === undefined ? [] : [{ ...postgres, image: pulled }, ...shared];
        expect(builtImages(sampleRelease(services)).map(({ reference }) => reference)).toEqual([
            "plumbline/edge:000000000001",
            "plumbline/api:000000000001",
        ]);
    });
});

describe("the address of the probe listener", () => {
    const at = (probeHostIp: string, engine: string) => {
        const release = sampleRelease();
        return probeAddress({ ...release, edge: { ...release.edge, probeHostIp, probePort: 54390 } }, engine);
    };

    test("is its own address where it has one, whatever the engine", () => {
        for (const engine of ["unix:///var/run/docker.sock", "tcp://10.0.0.5:2376"]) {
            expect(at("127.0.0.1", engine)).toEqual({ host: "127.0.0.1", port: 54390 });
        }
    });

    test.each([
        ["unix:///var/run/docker.sock", "127.0.0.1"],
        ["npipe:////./pipe/docker_engine", "127.0.0.1"],
        ["tcp://10.0.0.5:2376", "10.0.0.5"],
        ["tcp://engine.example:2375", "engine.example"],
        ["tcp://engine.example", "engine.example"],
        ["https://engine.example:2376", "engine.example"],
        ["tcp://[fd00::5]:2375", "fd00::5"],
    ])("that listens everywhere is the machine of the engine %s", (engine, host) => {
        for (const any of ["0.0.0.0", "::", ""]) expect(at(any, engine)).toEqual({ host, port: 54390 });
    });
});
