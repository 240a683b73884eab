/** Running `docker compose config`: the same text for the same files, whatever the machine and the shell. */
import { type ExecFileException, execFile } from "node:child_process";
import { devNull, homedir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { PlumblineError } from "./errors.ts";

export interface ComposeCall {
    /** Folder of the project, absolute. */
    readonly projectDir: string;
    /** The baseline, relative to it. */
    readonly file: string;
    readonly project: string;
    /** Everything that may be interpolated into the file. */
    readonly variables: Readonly<Record<string, string>>;
    /** How compose is called, as in `["docker", "compose"]`. */
    readonly command: readonly string[];
    /** Profiles that are on. */
    readonly profiles: readonly string[];
    /** Asks compose which profiles there are, and what is left out without them: two calls more. */
    readonly askProfiles: boolean;
    /** Leaves out compose's own check of dependencies, networks and volumes. */
    readonly lenient?: boolean;
}

/** What compose makes of a file. */
export interface ComposeOutput {
    /** The normalised file as YAML: compose's JSON leaves out the extensions of services. */
    readonly text: string;
    /** What compose warns of, as of a key that is obsolete. */
    readonly warnings: readonly string[];
    /** Profiles of the file, on or off. */
    readonly profiles: readonly string[];
    /** Services that are left out, since none of their profiles is on. */
    readonly offServices: readonly string[];
}

const timeoutMs = 30_000;

/**
 * Reads the file as compose does.
 *
 * The environment is emptied but for PATH and the place of Docker's own configuration, where the plugins are: HOME or
 * any other variable of the shell cannot come into the release. `.env` is not read.
 * @throws PlumblineError of category `baseline`, with compose's own words where it refuses the file
 */
export async function composeConfig(call: ComposeCall): Promise<ComposeOutput> {
    const on = call.profiles.flatMap((profile) => ["--profile", profile]);
    const [config, profiles, every] = await Promise.all([
        ask(call, on, ["--format", "yaml"]),
        call.askProfiles ? ask(call, [], ["--profiles"]) : nothing,
        call.askProfiles ? ask(call, ["--profile", "*"], ["--services"]) : nothing,
    ]);
    if (config.failure !== null) throw composeError(call, config.failure, config.stderr);
    refuseUnsetVariables(call.file, config.stderr);
    refuseSearchPath(call.file, config.stdout);
    return {
        text: config.stdout,
        warnings: warningsOf(config.stderr, call.projectDir),
        profiles: words(profiles),
        offServices: absent(words(every), config.stdout),
    };
}

/** Those of the services that the text leaves out. */
function absent(services: readonly string[], text: string): string[] {
    if (services.length === 0) return [];
    const named: unknown = parse(text)?.services;
    const present = named !== null && typeof named === "object" ? Object.keys(named) : [];
    return services.filter((name) => !present.includes(name));
}

const nothing: Outcome = { failure: null, stdout: "", stderr: "" };

/** One call of `compose config`. */
function ask(call: ComposeCall, options: readonly string[], kind: readonly string[]): Promise<Outcome> {
    const [program = "docker", ...first] = call.command;
    const place = ["-f", call.file, "-p", call.project, "--env-file", devNull, ...options];
    const lenient = call.lenient ? ["--no-consistency"] : [];
    return run(program, [...first, ...place, "config", ...kind, ...lenient], {
        cwd: call.projectDir,
        env: { ...machineEnvironment(), ...call.variables },
    });
}

/** The lines of a list, sorted; none where compose refuses to make it. */
function words({ failure, stdout }: Outcome): string[] {
    return failure === null ? stdout.split("\n").filter(Boolean).sort() : [];
}

/** The texts of compose's warnings, with paths as they stand in the project. */
function warningsOf(stderr: string, projectDir: string): string[] {
    const texts = Array.from(stderr.matchAll(/^time=\S+ level=warning msg="((?:[^"\\]|\\.)*)"/gm), (match) =>
        (match[1] ?? "").replaceAll('\\"', '"').replaceAll(`${projectDir}/`, ""),
    );
    return [...new Set(texts)];
}

/** What compose needs of the machine. `SystemRoot` is needed by every program on Windows. */
function machineEnvironment(): NodeJS.ProcessEnv {
    const { PATH, DOCKER_CONFIG, SystemRoot } = process.env;
    return {
        PATH,
        DOCKER_CONFIG: DOCKER_CONFIG ?? join(homedir(), ".docker"),
        ...(SystemRoot === undefined ? {} : { SystemRoot }),
    };
}

interface Outcome {
    readonly failure: ExecFileException | null;
    readonly stdout: string;
    readonly stderr: string;
}

function run(
    program: string,
    args: readonly string[],
    options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<Outcome> {
    return new Promise((resolve) => {
        const limits = { timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024, encoding: "utf8" } as const;
        execFile(program, [...args], { ...options, ...limits }, (failure, stdout, stderr) => {
            resolve({ failure, stdout, stderr });
        });
    });
}

/** What the Docker CLI says when it has no plugin `compose`, depending on its version. */
const withoutPlugin = /Usage: +docker \[OPTIONS\] COMMAND|^docker: (unknown command|'compose' is not)/;

function composeError(call: ComposeCall, failure: ExecFileException, stderr: string): PlumblineError {
    if (failure.code === "ENOENT" || withoutPlugin.test(stderr)) {
        return new PlumblineError("baseline", `${call.command.join(" ")} cannot be started.`, {
            remedy: "Run `npm run setup`, which installs compose.",
            cause: failure,
        });
    }
    const told = stderr
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("time="))
        .join("\n  ");
    const reason = failure.killed ? `no answer within ${timeoutMs / 1000} s` : told || failure.message;
    return new PlumblineError("baseline", `${call.file} is refused by compose:\n  ${reason}`, {
        remedy: `Correct ${call.file}.`,
        cause: failure,
    });
}

/** The one value of the machine that could come in, as by `environment: [PATH]`. */
function refuseSearchPath(file: string, text: string): void {
    const { PATH } = process.env;
    if (PATH === undefined || PATH === "" || !text.includes(PATH)) return;
    throw new PlumblineError("baseline", `${file} takes PATH from the machine that deploys.`, {
        remedy: `Write the value of PATH in ${file}.`,
    });
}

/** A variable without value and default would silently become an empty text. */
function refuseUnsetVariables(file: string, stderr: string): void {
    const names = Array.from(stderr.matchAll(/The \\?"([^"\\]+)\\?" variable is not set/g), (match) => match[1] ?? "");
    if (names.length === 0) return;
    const list = [...new Set(names)].sort().join(", ");
    throw new PlumblineError("baseline", `${file} uses variables that have no value: ${list}.`, {
        remedy: `Set them under plumbline:variables of the stack, or give a default in ${file} as in \${NAME:-value}.`,
    });
}
