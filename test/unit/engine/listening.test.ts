/** What this machine listens on, and who: the kernel's own tables, with real sockets and processes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import { canListen, listeningSockets, parseSockets, socketOwners } from "../../../engine/listening.ts";

const servers: Server[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    for (const child of children.splice(0)) {
        child.kill("SIGKILL");
        await once(child, "exit");
    }
});

async function listen(host: string, ipv6Only = false): Promise<number> {
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) => server.listen({ host, port: 0, ipv6Only }, resolve));
    return (server.address() as { port: number }).port;
}

describe("the kernel's table", () => {
    test("tells address and port of what listens, and nothing of what is connected", () => {
        const text = [
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
            "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1",
            "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1",
            "   2: 0100007F:1F41 0100007F:1F40 01 00000000:00000000 00:00000000 00000000     0        0 4713 1",
        ].join("\n");
        expect(parseSockets(text)).toEqual([
            { hostIp: "127.0.0.1", port: 8000, inode: 4711 },
            { hostIp: "0.0.0.0", port: 22, inode: 4712 },
        ]);
    });

    test("tells addresses of IPv6 too, and IPv4 in their clothes", () => {
        const line = (address: string) => `   0: ${address}:1F40 x:0000 0A a b c 0 0 7 1`;
        const parsed = parseSockets(
            [
                "header",
                line("00000000000000000000000000000000"),
                line("00000000000000000000000001000000"),
                line("0000000000000000FFFF00000100007F"),
            ].join("\n"),
        );
        expect(parsed.map(({ hostIp }) => hostIp)).toEqual(["::", "0:0:0:0:0:0:0:1", "127.0.0.1"]);
    });
});

describe("this machine [R12]", () => {
    test("shows a socket while it listens, with its process", async () => {
        const port = await listen("127.0.0.1");
        const place = { hostIp: "127.0.0.1", port };
        const socket = (await listeningSockets([place])).find((it) => it.port === port);
        expect(socket).toMatchObject(place);
        expect(await canListen(place)).toBe(false);
        const owners = await socketOwners([socket?.inode ?? 0]);
        expect(owners.get(socket?.inode ?? 0)?.pid).toBe(process.pid);
        for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
        expect((await listeningSockets([place])).some((it) => it.port === port)).toBe(false);
        expect(await canListen(place)).toBe(true);
    });

    test("names another process by number and command, without its options", async () => {
        const script =
            "require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })";
        const child = spawn(process.execPath, ["-e", script, "--", "--password=hush"], {
            stdio: ["ignore", "pipe", "inherit"],
        });
        children.push(child);
        const [line] = (await once(child.stdout, "data")) as [Buffer];
        const socket = (await listeningSockets([])).find(({ port }) => port === Number(String(line)));
        const owner = (await socketOwners([socket?.inode ?? 0])).get(socket?.inode ?? 0);
        expect(owner).toEqual({ pid: child.pid, command: expect.stringContaining("node") });
        expect(owner?.command).not.toContain("hush");
    });

    test("does not take a socket of IPv6 alone for one that is in the way of IPv4", async () => {
        const [both, only] = [await listen("::"), await listen("::", true)];
        const asked = [both, only].map((port) => ({ hostIp: "127.0.0.1", port }));
        const ports = (await listeningSockets(asked)).map(({ port }) => port);
        expect([ports.includes(both), ports.includes(only)]).toEqual([true, false]);
    });

    test("shows a port that is lent to a connection as taken, until that has ended", async () => {
        const connection = connect(await listen("127.0.0.1"), "127.0.0.1");
        await once(connection, "connect");
        const place = { hostIp: "127.0.0.1", port: connection.localPort ?? 0 };
        const lent = (await listeningSockets([place])).find(({ port }) => port === place.port);
        expect((await socketOwners([lent?.inode ?? 0])).get(lent?.inode ?? 0)?.pid).toBe(process.pid);
        // Nobody asks for it, nobody minds.
        expect((await listeningSockets([])).some(({ port }) => port === place.port)).toBe(false);
        const closed = once(connection, "close");
        connection.end();
        await closed;
        while ((await listeningSockets([place])).some(({ port }) => port === place.port)) await sleep(20);
    });

    test("finds no process for a socket that nobody has", async () => {
        expect((await socketOwners([])).size).toBe(0);
        expect((await socketOwners([2 ** 31])).size).toBe(0);
    });
});
