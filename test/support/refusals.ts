/**
 * One refusal through every door: `pulumi up`, `npm run deploy` and the function `deploy`. What stood before must stand
 * after: containers, networks, volumes, Pulumi's state, and every file that a person has written.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { StackName } from "../../release/settings-schema.ts";
import { filesBelow, type Project, type Ran, type RunOptions } from "./project.ts";

/** A door that a deploy can come in by. */
export interface Door {
    readonly name: string;
    readonly isOurs: boolean;
    run(stack: string, options?: RunOptions): Promise<Ran>;
}

const script = `import { deploy } from "./automation/deploy.ts";
const { outcome, exitCode, failure } = await deploy({ stack: process.argv[2], ...JSON.parse(process.argv[3] ?? "{}") });
console.log(JSON.stringify({ outcome, category: failure?.category }));
console.log(failure?.message);
console.log(failure?.remedy);
process.exitCode = exitCode;
`;

/** The three doors of a project. `wrap` puts a command line into another one, as into a namespace of its own. */
export function doorsOf(
    project: Project,
    wrap: (command: string, args: readonly string[]) => readonly [string, readonly string[]] = (...it) => it,
): Door[] {
    const run = (command: string, args: readonly string[], options: RunOptions = {}) =>
        project.exec(...wrap(command, args), { timeoutMs: 300_000, ...options });
    const node = path.join(project.folder, "node_modules/.bin/node");
    return [
        {
            name: "pulumi up",
            isOurs: false,
            run: (stack, options) =>
                run("pulumi", ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", stack], options),
        },
        {
            name: "npm run deploy",
            isOurs: true,
            run: (stack, options) => run(node, ["automation/main.ts", "deploy", "--stack", stack], options),
        },
        {
            name: "deploy()",
            isOurs: true,
            run: async (stack, options) => {
                await writeScript(project);
                return run(node, ["script.ts", stack], options);
            },
        },
    ];
}

/** The script of a person who uses the function. */
export async function writeScript(project: Project): Promise<void> {
    await writeFile(path.join(project.folder, "script.ts"), script);
}

/** Everything that a refusal must leave as it is. */
export interface Standing {
    readonly engine: string;
    /** What Pulumi knows of each stack, resource by resource, without its own book-keeping. */
    readonly state: Readonly<Record<string, unknown>>;
    /** The files of the state, byte for byte: of our commands, which refuse before Pulumi begins. */
    readonly stateFiles: string;
    /** `Pulumi.*.yaml` as they stand. */
    readonly settings: Readonly<Record<string, string>>;
}

/** What stands now, of the stacks that the project has claimed. */
export async function standing(project: Project, stacks: readonly StackName[]): Promise<Standing> {
    const folder = path.join(project.folder, ".plumbline/state");
    const files = await filesBelow(folder);
    const states = files.filter((file) => /\/stacks\/.*\.json$/.test(file));
    const names = (await readdir(project.folder)).filter((name) => /^Pulumi\..*yaml$/.test(name)).sort();
    return {
        engine: await engineOf(project, stacks),
        state: Object.fromEntries(
            await Promise.all(states.map(async (file) => [path.basename(file), await resourcesOf(file)] as const)),
        ),
        stateFiles: await digestOf(files),
        settings: Object.fromEntries(
            await Promise.all(names.map(async (name) => [name, await project.read(name)] as const)),
        ),
    };
}

/** Containers with what they are and since when they run, networks and volumes, of each of these stacks. */
async function engineOf(project: Project, stacks: readonly StackName[]): Promise<string> {
    const lines = await Promise.all(
        stacks.map(async (stack) => {
            const { containers, networks, volumes } = await project.remains(stack);
            const format = "{{.Id}} {{.Name}} {{.Image}} {{.State.Status}} {{.State.StartedAt}}";
            const shown =
                containers.length === 0 ? "" : await project.docker(["inspect", "--format", format, ...containers]);
            return [stack, ...shown.split("\n").sort(), ...networks, ...volumes];
        }),
    );
    return lines.flat().join("\n");
}

async function resourcesOf(file: string): Promise<unknown> {
    const { checkpoint } = JSON.parse(await readFile(file, "utf8")) as {
        checkpoint?: {
            latest?: { resources?: { urn: string; type: string; outputs?: object }[]; pending_operations?: object[] };
        };
    };
    const { resources: all = [], pending_operations = [] } = checkpoint?.latest ?? {};
    // A stack that was never deployed gets an empty entry for itself when Pulumi tries, and one for a process that it started.
    const resources = all.filter(
        ({ type, outputs }) =>
            (type !== "pulumi:pulumi:Stack" || outputs !== undefined) && !type.startsWith("pulumi:providers:"),
    );
    return {
        resources: Object.fromEntries(resources.map((it) => [it.urn, textOf(it)])),
        pending: textOf(pending_operations),
    };
}

/**
 * Without the place in the program that declared it, without the order of its dependencies, which Pulumi writes as they
 * happened to be ready, and without ciphers: Pulumi encrypts anew whenever it writes.
 */
function textOf(value: unknown): string {
    const places = new Set(["sourcePosition", "stackTrace"]);
    const text = JSON.stringify(value, (key, member) => {
        if (places.has(key)) return undefined;
        return isOfUrns(member) ? member.toSorted() : member;
    });
    return text.replace(/"ciphertext":"[^"]*"/g, '"ciphertext":"…"');
}

/** Dependencies of a resource or of one of its properties. */
function isOfUrns(value: unknown): value is string[] {
    return Array.isArray(value) && value.every((it) => typeof it === "string" && it.startsWith("urn:pulumi:"));
}

async function digestOf(files: readonly string[]): Promise<string> {
    const hash = createHash("sha256");
    for (const file of [...files].sort()) hash.update(file).update(await readFile(file));
    return hash.digest("hex");
}
