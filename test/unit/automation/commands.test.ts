/** The command line as a person meets it: the real program, started by node. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";

const main = path.resolve("automation/main.ts");

const commands = ["deploy", "preview", "status", "rollback", "recover", "releases", "validate", "destroy", "secrets"];

function run(...args: string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
        encoding: "utf8",
        env: { PATH: process.env.PATH },
        input: "",
    });
    return { status, stdout, stderr };
}

describe("the command line", () => {
    test("lists every command and every exit code with --help", () => {
        const { status, stdout } = run("--help");
        expect(status).toBe(0);
        for (const command of commands) {
            expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
        }
        expect(stdout).toMatch(/^ {2}10 {2}rolled back/m);
        expect(stdout).toMatch(/^ {2}64 {2}wrong usage/m);
    });

    test.each(commands)("explains %s with options, examples and exit codes", (command) => {
        const { status, stdout } = run(command, "--help");
        expect(status).toBe(0);
        expect(stdout).toContain("--stack <name>");
        expect(stdout).toContain("--json");
        expect(stdout).toContain(`$ npm run ${command}`);
        expect(stdout).toContain("Exit codes:");
    });

    test.each([
        ["a mistyped command", ["deplyo"], "Did you mean deploy?"],
        ["a mistyped option", ["deploy", "--stak", "local"], "Did you mean --stack?"],
        ["an argument too many", ["deploy", "staging"], "too many arguments"],
        ["no command", [], "Usage:"],
        [
            "a question to an engine that is not to be asked",
            ["preview", "--refresh", "--without-engine"],
            "cannot be used",
        ],
        ["deleting data where nobody can be asked", ["destroy", "--volumes"], "--yes"],
    ])("takes %s as wrong usage", (_name, args, text) => {
        const { status, stderr } = run(...args);
        expect(stderr).toContain(text);
        expect(status).toBe(64);
    });

    test("refuses what would skip gates", () => {
        const { status, stderr } = run("deploy", "--target", "urn");
        expect(stderr).toContain("--target is refused");
        expect(status).toBe(30);
    });

    test("refuses an unknown stack, and says the outcome in the last line", () => {
        const { status, stdout, stderr } = run("deploy", "--stack", "stagin");
        expect(stderr).toContain("Did you mean --stack staging?");
        expect(stdout.trim().split("\n").at(-1)).toMatch(/^stagin: refused before any change · release none · /);
        expect(status).toBe(30);
    });

    test("gives the refusal as JSON when asked to", () => {
        const { status, stdout } = run("preview", "--stack", "stagin", "--json");
        expect(JSON.parse(stdout)).toMatchObject({
            command: "preview",
            outcome: "refused",
            exitCode: 30,
            failure: { category: "settings" },
        });
        expect(status).toBe(30);
    });
});
