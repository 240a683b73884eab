/** What the engine's lists say, in our words. */
import { expect, test } from "@jest/globals";
import type Docker from "dockerode";
import { containerOverview } from "../../../engine/docker-facts.ts";

const line = {
    Id: "4f5e",
    Names: ["/web-1"],
    ImageID: "sha256:1",
    Labels: { a: "1" },
    State: "running",
    Ports: [
        { IP: "127.0.0.1", PrivatePort: 80, PublicPort: 8000, Type: "tcp" },
        { IP: "", PrivatePort: 81, PublicPort: 8001, Type: "tcp" },
        { IP: "127.0.0.1", PrivatePort: 53, PublicPort: 5353, Type: "udp" },
        { PrivatePort: 90, Type: "tcp" },
    ],
    Mounts: [
        { Type: "volume", Name: "data" },
        { Type: "bind", Source: "/srv" },
    ],
    NetworkSettings: { Networks: { inner: {} } },
} as unknown as Docker.ContainerInfo;

test("a container has the TCP ports that it publishes, its named volumes and its networks [R12]", () => {
    expect(containerOverview(line)).toEqual({
        id: "4f5e",
        name: "web-1",
        labels: { a: "1" },
        state: "running",
        imageId: "sha256:1",
        ports: [
            { hostIp: "127.0.0.1", port: 8000 },
            { hostIp: "0.0.0.0", port: 8001 },
        ],
        volumes: ["data"],
        networks: ["inner"],
    });
});

test("a container of which the engine tells next to nothing has nothing", () => {
    const bare = { Id: "4f5e", Names: [], ImageID: "", State: "created" } as unknown as Docker.ContainerInfo;
    expect(containerOverview(bare)).toMatchObject({ name: "4f5e", labels: {}, ports: [], volumes: [], networks: [] });
});
