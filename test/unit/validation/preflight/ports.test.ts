/** Who has the ports that the edge is to publish. */
import { describe, expect, test } from "@jest/globals";
import type { HostPort } from "../../../../release/ports.ts";
import { known, unknown } from "../../../../validation/facts/fact.ts";
import {
    type ContainerPort,
    isTaken,
    judgePorts,
    type PortFacts,
} from "../../../../validation/preflight/checks/ports.ts";
import { messages, results } from "./facts.ts";

const api: HostPort = { user: "api", target: 8000, hostIp: "127.0.0.1", port: 8000 };
const socket = (hostIp: string, inode = 7) => ({ hostIp, port: 8000, inode });
const published = (change: Partial<ContainerPort> = {}): ContainerPort => ({
    hostIp: "127.0.0.1",
    port: 8000,
    isOwn: false,
    owner: "the container web-1",
    ...change,
});
const facts = (change: Partial<PortFacts> = {}): PortFacts => ({
    published: [],
    listening: known([]),
    owners: new Map(),
    ...change,
});

describe("a port [R12]", () => {
    test("that nobody has is free, also where others are taken", () => {
        expect(results(judgePorts([api], facts()))).toEqual(["pass"]);
        const others = facts({
            published: [published({ port: 8001 }), published({ hostIp: "127.0.0.2" })],
            listening: known([{ hostIp: "127.0.0.1", port: 9000, inode: 1 }, socket("10.0.0.5")]),
        });
        expect(results(judgePorts([api], others))).toEqual(["pass"]);
    });

    test("that the stack's own edge has is no conflict, whatever listens for it", () => {
        const owned = facts({ published: [published({ isOwn: true })], listening: known([socket("127.0.0.1")]) });
        expect(results(judgePorts([api], owned))).toEqual(["pass"]);
        expect(isTaken(owned, api)).toBe(false);
    });

    test.each(["127.0.0.1", "0.0.0.0", "::"])("that a container has on %s is refused, with its name", (hostIp) => {
        const [finding] = judgePorts([api], facts({ published: [published({ hostIp })] }));
        expect(finding).toMatchObject({ result: "fail", category: "port-conflict", service: "api" });
        expect(finding?.message).toBe("api needs the port 127.0.0.1:8000, which the container web-1 has");
        expect(finding?.remedy).toContain("plumbline:ports.auto");
    });

    test.each(["127.0.0.1", "0.0.0.0", "::"])("that a process has on %s is refused, with its number and name", (at) => {
        const owners = new Map([[7, { pid: 4711, command: "python3 server.py" }]]);
        const held = facts({ listening: known([socket(at)]), owners });
        expect(messages(judgePorts([api], held))).toEqual([
            "api needs the port 127.0.0.1:8000, which the process 4711 (python3 server.py) has",
        ]);
        expect(isTaken(held, api)).toBe(true);
    });

    test("that somebody has whom nobody may see is refused all the same", () => {
        expect(messages(judgePorts([api], facts({ listening: known([socket("127.0.0.1")]) })))).toEqual([
            "api needs the port 127.0.0.1:8000, which an unknown process has",
        ]);
    });

    test("that the engine holds for a container which it does not list is not certain", () => {
        const owners = new Map([[7, { pid: 1, command: "docker-proxy" }]]);
        expect(results(judgePorts([api], facts({ listening: known([socket("127.0.0.1")]), owners })))).toEqual([
            "inconclusive",
        ]);
    });

    test("on an address that the machine does not have is an error of the settings", () => {
        const away = { ...api, hostIp: "10.1.2.3" };
        const [finding] = judgePorts([away], facts({ addresses: ["10.1.2.4"] }));
        expect(finding).toMatchObject({ result: "fail", category: "settings" });
        for (const addresses of [["10.1.2.3"], undefined]) {
            const given = facts(addresses === undefined ? {} : { addresses });
            expect(results(judgePorts([away], given))).toEqual(["pass"]);
        }
        expect(results(judgePorts([{ ...api, hostIp: "0.0.0.0" }], facts({ addresses: [] })))).toEqual(["pass"]);
    });

    test("of a gateway and of the probes is about no service", () => {
        const uses = [
            { ...api, user: "gateway supabase" },
            { ...api, user: "probes" },
        ];
        const findings = judgePorts(uses, facts({ published: [published()] }));
        expect(findings.map(({ service }) => service)).toEqual([undefined, undefined]);
        expect(messages(findings)[1]).toMatch(/^the probes of the edge need the port/);
    });
});

describe("ports of an engine on another machine [R12] [R96]", () => {
    const listening = unknown<never>("the engine is on another machine (far)");

    test("are not certain where no container has them, never a pass", () => {
        const findings = judgePorts([api], facts({ listening }));
        expect(results(findings)).toEqual(["inconclusive"]);
        expect(messages(findings)[0]).toContain("the engine is on another machine (far)");
    });

    test("are no question where the stack has them already", () => {
        const owned = facts({ listening, published: [published({ isOwn: true })] });
        expect(results(judgePorts([api], owned))).toEqual(["pass"]);
    });

    test("are refused where a container has them", () => {
        expect(results(judgePorts([api], facts({ listening, published: [published()] })))).toContain("fail");
    });
});
