/** The ports that a Dockerfile says its image listens on: in compose, others reach a service there without a word of the file. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ImageSource } from "./source-digest.ts";
import { portRange } from "./units.ts";

/** TCP ports that the built image exposes, of its own stages; what a base image exposes is not known here. */
export async function exposedPorts(projectDir: string, source: ImageSource): Promise<number[]> {
    return portsOfDockerfile(await readFile(join(projectDir, source.dockerfile), "utf8"), source);
}

interface Stage {
    readonly name: string;
    readonly ports: Set<number>;
    readonly variables: Map<string, string>;
}

/** Reads `EXPOSE` of the last stage, or of the target, and of the stages that it is made from. Pure. */
export function portsOfDockerfile(text: string, { args, target }: Pick<ImageSource, "args" | "target">): number[] {
    const stages: Stage[] = [];
    const globals = new Map<string, string>();
    for (const [instruction, rest] of instructions(text)) {
        const stage = stages.at(-1);
        const variables = stage?.variables ?? globals;
        if (instruction === "FROM") stages.push(stageOf(filled(rest, globals), stages));
        else if (instruction === "ARG") declare(rest, variables, globals, args);
        else if (instruction === "ENV") assign(filled(rest, variables), variables);
        else if (instruction === "EXPOSE") expose(filled(rest, variables), stage);
    }
    const built = stages.find(({ name }) => target !== undefined && name === target.toLowerCase()) ?? stages.at(-1);
    return [...(built?.ports ?? [])].sort((a, b) => a - b);
}

/** Each instruction in upper case with what follows it; comments left out, continued lines joined. */
function instructions(text: string): [instruction: string, rest: string][] {
    const lines = text
        .split(/\r?\n/)
        .filter((line) => !/^\s*#/.test(line))
        .join("\n")
        .replace(/\\[ \t]*\n/g, " ")
        .split("\n");
    return lines.flatMap((line): [string, string][] => {
        const [, word, rest] = /^\s*([A-Za-z]+)\s+(.*)$/.exec(line) ?? [];
        return word === undefined || rest === undefined ? [] : [[word.toUpperCase(), rest.trim()]];
    });
}

/** A stage that is made from an earlier one has what that one has. */
function stageOf(rest: string, stages: readonly Stage[]): Stage {
    const [base = "", , name = ""] = rest.split(/\s+/).filter((word) => !word.startsWith("--"));
    const from = stages.find((stage) => stage.name !== "" && stage.name === base.toLowerCase());
    return { name: name.toLowerCase(), ports: new Set(from?.ports), variables: new Map(from?.variables) };
}

/** The value that the build is given, else that of the first lines, else the default that stands here. */
function declare(
    rest: string,
    variables: Map<string, string>,
    globals: ReadonlyMap<string, string>,
    args: Readonly<Record<string, string>>,
): void {
    const [name = "", fallback] = splitOnce(rest, "=");
    const given = Object.hasOwn(args, name) ? args[name] : undefined;
    const value = given ?? (fallback === undefined ? globals.get(name) : filled(unquoted(fallback), variables));
    if (value !== undefined) variables.set(name, value);
}

/** `ENV A=1 B=2`, or in the old form `ENV A 1`. */
function assign(rest: string, variables: Map<string, string>): void {
    const pairs = [...rest.matchAll(/(\w+)=("[^"]*"|\S*)/g)];
    const [name = "", value = ""] = splitOnce(rest, " ");
    if (pairs.length === 0) variables.set(name, unquoted(value));
    for (const [, key = "", given = ""] of pairs) variables.set(key, unquoted(given));
}

function expose(rest: string, stage: Stage | undefined): void {
    for (const word of rest.split(/\s+/)) {
        for (const port of portRange(unquoted(word).toLowerCase()) ?? []) stage?.ports.add(port);
    }
}

/** A variable without a value stays as it is written, and then is no port. */
function filled(text: string, variables: ReadonlyMap<string, string>): string {
    return text.replace(
        /\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})/g,
        (whole: string, plain?: string, braced?: string, fallback?: string) =>
            variables.get(plain ?? braced ?? "") ?? fallback ?? whole,
    );
}

function splitOnce(text: string, separator: string): [string, string?] {
    const at = text.indexOf(separator);
    return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1).trim()];
}

function unquoted(text: string): string {
    return text.replace(/^(["'])(.*)\1$/, "$2");
}
