/** Commands through a shell that is kept in a container: the same answers as plain ones, and nothing left behind. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import Docker from "dockerode";
import { connectEngine } from "../../../engine/docker.ts";
import { engineAddress } from "../../../engine/docker-address.ts";
import { KeptShell, ShellEnded, shellArgv } from "../../../engine/kept-shell.ts";
import { inTemporaryFolder } from "../../toolchain/support/temporary.ts";
import { buildImage, edgeImage } from "../edge/stage.ts";

const engine = connectEngine();
const docker = new Docker();
const labels = { "plumbline.test": randomBytes(4).toString("hex") };
let id = "";

beforeAll(async () => {
    await buildImage("edge");
    id = await engine.create({ image: edgeImage, labels, entrypoint: ["sleep", "600"], init: true });
    await engine.start(id);
}, 300_000);

afterEach(() => engine.close());

afterAll(async () => {
    for (const container of await engine.list(labels)) await engine.remove(container.id);
});

/** How many shells run in the container. */
async function shells(): Promise<number> {
    const top = (await docker.getContainer(id).top()) as { readonly Processes: readonly string[][] };
    return top.Processes.filter((columns) => columns.at(-1) === shellArgv.join(" ")).length;
}

async function untilShells(expected: number): Promise<void> {
    for (let looked = 0; looked < 100 && (await shells()) !== expected; looked += 1) await sleep(50);
    expect(await shells()).toBe(expected);
}

const kept = (argv: readonly string[], stdin?: string, timeoutMs = 10_000) =>
    engine.exec(id, argv, { kept: true, timeoutMs, ...(stdin === undefined ? {} : { stdin }) });

describe("commands through a kept shell", () => {
    test.each([
        ["input, both outputs and an exit code", ["sh", "-c", "cat; echo wrong >&2; exit 3"], "in\n"],
        ["words and input that a shell would read as its own", ["printf", "%s|", "it's", "$HOME", "a\\b", "`id`"], "x"],
        ["input that is left as it is", ["cat"], "$HOME `id` 'a' \\n \"b\"\n\nEOF\n"],
        ["no output at all", ["true"], undefined],
        ["output without a line end", ["printf", "a\nb"], undefined],
        ["a line end alone", ["echo"], undefined],
        ["no input, for a command that reads it", ["wc", "-c"], ""],
        ["more than a pipe holds, both ways", ["sh", "-c", "cat; cat /etc/services >&2"], `${"é".repeat(100_000)}\n`],
        ["a command that is not there", ["nobody-has-this"], undefined],
    ])("answer as plain ones do: %s", async (_, argv, stdin) => {
        const plain = await engine.exec(id, argv, stdin === undefined ? {} : { stdin });
        const { stderr, ...rest } = await kept(argv, stdin);
        expect({ ...rest, stderr: argv[0] === "nobody-has-this" ? "" : stderr }).toEqual(
            argv[0] === "nobody-has-this" ? { exitCode: 127, stdout: "", stderr: "" } : plain,
        );
    });

    test("share one shell, and are run one after the other", async () => {
        const script = (number: number) => ["sh", "-c", `echo begin ${number}; sleep 0.05; echo end ${number}`];
        const answers = await Promise.all([1, 2, 3].map((number) => kept(script(number))));
        expect(answers.map(({ stdout }) => stdout)).toEqual([1, 2, 3].map((n) => `begin ${n}\nend ${n}\n`));
        expect(await shells()).toBe(1);
    });

    test("that hang are an error with its time, and the next ones go through another shell", async () => {
        const hanging = kept(["sleep", "2"], undefined, 300);
        const behind = kept(["echo", "behind"]);
        await expect(hanging).rejects.toMatchObject({ category: "engine", message: expect.stringContaining("300 ms") });
        expect((await behind).stdout).toBe("behind\n");
        expect((await kept(["echo", "next"])).stdout).toBe("next\n");
    });
});

test("an engine that stalls for longer than a command may take is waited for", async () => {
    await inTemporaryFolder(async (folder) => {
        let moves: Promise<unknown> = Promise.resolve();
        const real = engineAddress(undefined).replace(/^unix:\/\//, "");
        const server = createServer((client) => {
            const behind = connect(real);
            const ends = () => [client, behind].map((socket) => socket.destroy());
            client.on("data", (chunk) => void moves.then(() => behind.write(chunk)));
            behind.on("data", (chunk) => void moves.then(() => client.write(chunk)));
            for (const socket of [client, behind]) socket.on("close", ends).on("error", ends);
        });
        const socket = path.join(folder, "engine.sock");
        await new Promise<void>((resolve) => server.listen(socket, resolve));
        const slow = connectEngine(`unix://${socket}`);
        try {
            const ask = (word: string) => slow.exec(id, ["echo", word], { kept: true, timeoutMs: 500 });
            expect((await ask("at once")).stdout).toBe("at once\n");
            moves = sleep(1_500);
            expect((await ask("late")).stdout).toBe("late\n");
            expect((await ask("again")).stdout).toBe("again\n");
        } finally {
            slow.close();
            server.close();
        }
    });
});

describe("a kept shell", () => {
    test("ends with the door, which opens another one when it is used again", async () => {
        await kept(["true"]);
        engine.close();
        await untilShells(0);
        expect((await kept(["echo", "again"])).stdout).toBe("again\n");
        expect(await shells()).toBe(1);
    });

    test("ends when the process that had it is killed", async () => {
        await untilShells(0);
        const script = `
            const { connectEngine } = await import(${JSON.stringify(path.resolve("engine/docker.ts"))});
            const engine = connectEngine();
            await engine.exec(${JSON.stringify(id)}, ["true"], { kept: true });
            console.log("open");
            setInterval(() => undefined, 1000);`;
        const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
            stdio: ["ignore", "pipe", "inherit"],
        });
        await once(child.stdout, "data");
        expect(await shells()).toBe(1);
        child.kill("SIGKILL");
        await untilShells(0);
    });

    test("keeps no process from its end", async () => {
        const script = `
            const { connectEngine } = await import(${JSON.stringify(path.resolve("engine/docker.ts"))});
            await connectEngine().exec(${JSON.stringify(id)}, ["true"], { kept: true });`;
        const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: "inherit" });
        expect(await once(child, "exit")).toEqual([0, null]);
    });

    test("that goes with its container leaves the word to the plain way, and comes back with it", async () => {
        // The plain way is asked while the container ends, or after that.
        const waiting = kept(["sleep", "30"], undefined, 20_000).then(
            ({ exitCode }) => exitCode,
            (error: unknown) => error,
        );
        await untilShells(1);
        await engine.stop(id, 0);
        expect(await waiting).not.toBe(0);
        await expect(kept(["true"])).rejects.toMatchObject({ message: expect.stringContaining("is not running") });
        await engine.start(id);
        expect((await kept(["echo", "back"])).stdout).toBe("back\n");
    });

    test("that nobody has asked for a while is given up, and so is every question behind its end", async () => {
        const exec = await docker
            .getContainer(id)
            .exec({ Cmd: [...shellArgv], AttachStdin: true, AttachStdout: true, AttachStderr: true });
        const shell = new KeptShell(await exec.start({ hijack: true, stdin: true }), 100);
        expect((await shell.run(["echo", "asked"], { timeoutMs: 10_000 })).stdout).toBe("asked\n");
        expect(shell.isUsable).toBe(true);
        await sleep(200);
        expect(shell.isUsable).toBe(false);
        await expect(shell.run(["true"], { timeoutMs: 10_000 })).rejects.toThrow(ShellEnded);
        await untilShells(0);
    });
});
