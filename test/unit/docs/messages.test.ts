/** The messages that docs/troubleshooting.md quotes are those of the code, word for word. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";

const root = path.resolve(import.meta.dirname, "../../..");
const rooms = ["automation", "components", "engine", "providers", "release", "rollout", "toolchain", "validation"];
/** Messages of the Docker engine, of Pulumi and of compose, which the page quotes too. */
const foreign = [
    "port is already allocated",
    "address already in use",
    "no space left on device",
    "invalid YAML file",
    "required variable",
    "is missing a value",
];

/** The whole source text, with one mark for every value that is put into a message, and quotes as they are printed. */
const source = rooms
    .flatMap((room) =>
        readdirSync(path.join(root, room), { recursive: true, encoding: "utf8" }).map((name) =>
            path.join(root, room, name),
        ),
    )
    .filter((file) => /\.(ts|mjs|sh)$/.test(file))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n")
    .replace(/\$\{[^{}]*(\{[^{}]*\}[^{}]*)*\}/g, "…");

/** Pieces of the quoted messages that the source does not have. */
function unknownPieces(page: string): string[] {
    const rows = page.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| ---"));
    return (
        rows
            .map((row) => row.split(" | ")[0] ?? "")
            .flatMap((cell) => Array.from(cell.matchAll(/`([^`]+)`/g), (match) => match[1] ?? ""))
            // Values stand in a message where the page has an ellipsis, a number, or a quoted word.
            .flatMap((message) => message.split(/…|\d+|"/))
            .map((piece) => piece.trim())
            .filter((piece) => piece.length >= 6 && !foreign.includes(piece) && !source.includes(piece))
    );
}

test("every message that the page quotes is one of the code", () => {
    expect(unknownPieces(readFileSync(path.join(root, "docs/troubleshooting.md"), "utf8"))).toEqual([]);
});

test("a message that the code does not have is found", () => {
    expect(unknownPieces("| `the moon … is not supported by Plumbline` | … |")).toEqual(["the moon"]);
});

test("every category of an error has its place on the page, or is named as one that no error carries", () => {
    const page = readFileSync(path.join(root, "docs/troubleshooting.md"), "utf8");
    const union = /export type ErrorCategory =([^;]*);/.exec(
        readFileSync(path.join(root, "release/errors.ts"), "utf8"),
    );
    const categories = Array.from((union?.[1] ?? "").matchAll(/"([a-z-]+)"/g), ([, name]) => name ?? "");
    expect(categories.length).toBeGreaterThan(10);
    const unborn = /^(.*) are names for parts that are not there yet/m.exec(page)?.[1] ?? "";
    const isThere = (name: string) => page.includes(`\n## ${name}\n`) || unborn.includes(`\`${name}\``);
    expect(categories.filter((name) => !isThere(name))).toEqual([]);
    const carried = new Set(
        Array.from(source.matchAll(/new PlumblineError\(\s*"([a-z-]+)"/g), ([, name]) => name ?? ""),
    );
    expect([...carried].filter((name) => unborn.includes(`\`${name}\``))).toEqual([]);
});

test("every table of the page has a head", () => {
    const lines = readFileSync(path.join(root, "docs/troubleshooting.md"), "utf8").split("\n");
    const first = lines.filter((line, index) => line.startsWith("|") && lines[index - 1]?.startsWith("|") !== true);
    expect(first.length).toBeGreaterThan(10);
    expect(first.filter((line) => !/^\| (message|symptom) /.test(line))).toEqual([]);
});
