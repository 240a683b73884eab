/** The baseline: the compose file as `docker compose config` normalises it, in our own vocabulary. */
import { realpath } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import type { z } from "zod";
import { besideNotes } from "./compose-beside.ts";
import { composeConfig } from "./compose-command.ts";
import { type BaselineFile, type FileOrigin, fileProblems, filesOf } from "./compose-files.ts";
import { type KeyMessage, misspelledExtensions, siftKeys } from "./compose-keys.ts";
import { type ComposeModel, type ComposeService, composeModel } from "./compose-model.ts";
import { type ComposeSource, readComposeSource } from "./compose-source.ts";
import { PlumblineError } from "./errors.ts";
import type { ProjectExtension, ServiceExtension } from "./extension.ts";
import { startOrder } from "./graph.ts";
import { inProject } from "./in-project.ts";
import { sortedEntries } from "./revision.ts";
import { placeholderOf } from "./secrets.ts";
import { type BaselineSpec, specOf } from "./service-spec.ts";
import { fileOf, type Settings } from "./settings.ts";
import { didYouMean } from "./suggest.ts";
import type { Dependency, NetworkRelease, VolumeRelease } from "./types.ts";

export interface BaselineBuild {
    /** Relative to the project folder, with forward slashes. */
    readonly context: string;
    readonly dockerfile: string;
    readonly target?: string;
    readonly args: Readonly<Record<string, string>>;
}

export interface BaselinePort {
    readonly target: number;
    readonly published: number;
    /** Compose's `app_protocol`. */
    readonly protocol?: string;
    /** Address of the host in the file; absent, compose takes all of them. The stack's `bindAddress` decides. */
    readonly hostIp?: string;
}

export interface BaselineService {
    readonly name: string;
    readonly image?: string;
    readonly build?: BaselineBuild;
    readonly spec: BaselineSpec;
    /** Compose's `configs` and `secrets`; their content is read when the release is frozen. */
    readonly files: readonly BaselineFile[];
    readonly dependsOn: readonly Dependency[];
    readonly ports: readonly BaselinePort[];
    readonly expose: readonly number[];
    /** Compose's `deploy.replicas`, or `scale`. */
    readonly replicas: number;
    readonly extension: ServiceExtension;
    /** Platform that the file asks for, as `linux/amd64`. */
    readonly platform?: string;
}

export interface Baseline {
    /** The compose file's name as it stands in messages. */
    readonly file: string;
    readonly project: string;
    readonly services: readonly BaselineService[];
    readonly networks: readonly NetworkRelease[];
    readonly volumes: readonly VolumeRelease[];
    readonly extension: ProjectExtension;
    /** What the file says and Plumbline does not use, harmless as it is: every plan lists it. */
    readonly notes: readonly string[];
}

/**
 * Reads the compose file of the settings for the stack's project name, with a placeholder for every secret.
 * @throws PlumblineError of category `baseline` for what compose or Plumbline cannot accept, with file and line, all
 * problems at once; of category `dependency` for a broken dependency graph
 */
export async function loadBaseline(
    projectDir: string,
    settings: Settings,
    options: { readonly composeCommand: readonly string[] },
): Promise<Baseline> {
    // Compose answers with real paths.
    const folder = await realpath(projectDir);
    const source = await readComposeSource(join(folder, settings.composeFile), settings.composeFile);
    const call = {
        projectDir: folder,
        file: settings.composeFile,
        project: settings.project,
        variables: {
            ...settings.variables,
            ...Object.fromEntries(source.secretNames.map((name) => [name, placeholderOf(name)])),
        },
        profiles: settings.profiles,
        askProfiles: source.mayHaveProfiles,
        command: options.composeCommand,
    };
    const output = await composeConfig(call).catch(async (error: unknown) => {
        await explainDependencies(call);
        throw error;
    });
    refuseUnknownProfiles(settings, output.profiles, source.file);
    const baseline = parseBaseline(output.text, source, folder, settings.variables);
    const beside = await besideNotes(folder, source, Object.keys(settings.variables));
    const off = offNotes(output.offServices, source.file);
    return { ...baseline, notes: [...output.warnings, ...beside, ...off, ...baseline.notes] };
}

function offNotes(services: readonly string[], file: string): string[] {
    if (services.length === 0) return [];
    return [`${file}: ${services.join(", ")}: left out, since its profile is not on under plumbline:profiles`];
}

function refuseUnknownProfiles(settings: Settings, known: readonly string[], file: string): void {
    const unknown = settings.profiles.filter((profile) => !known.includes(profile));
    if (unknown.length === 0) return;
    const lines = unknown.map(
        (name) => `  - plumbline:profiles: ${file} has no profile ${name}${didYouMean(name, known)}`,
    );
    throw new PlumblineError("settings", [`${fileOf(settings.stack)} is not valid:`, ...lines].join("\n"), {
        remedy: `Correct ${fileOf(settings.stack)}; docs/settings.md lists every key.`,
    });
}

/** Compose says less about a broken dependency graph than ours does: where it is the graph, let ours speak. */
async function explainDependencies(call: Parameters<typeof composeConfig>[0]): Promise<void> {
    const output = await composeConfig({ ...call, lenient: true, askProfiles: false }).catch(() => undefined);
    if (output === undefined) return;
    const model = composeModel.safeParse(siftKeys(withoutForeignExtensions(parse(output.text))).value);
    if (model.success) startOrder(graphOf(model.data));
}

function graphOf(model: ComposeModel): Record<string, string[]> {
    return Object.fromEntries(
        Object.entries(model.services).map(([name, service]) => [
            name,
            dependenciesOf(service, model).map((d) => d.service),
        ]),
    );
}

/** From the text of `docker compose config` to the baseline. `variables` are those that a config may name. */
export function parseBaseline(
    text: string,
    source: ComposeSource,
    projectDir: string,
    variables: Readonly<Record<string, string>> = {},
): Baseline {
    const written = unescaped(parse(text));
    const sifted = siftKeys(withoutForeignExtensions(written));
    const unusable = [...misspelledExtensions(written), ...sifted.problems];
    const parsed = composeModel.safeParse(sifted.value);
    if (!parsed.success) throw refusalOf([...unusable, ...issueProblems(parsed.error.issues)], source);
    const model = parsed.data;
    const origin = { model, projectDir, variables };
    const problems = [
        ...unusable,
        ...fixedNames(model),
        ...fileProblems(origin),
        ...Object.entries(model.services).flatMap(([name, it]) => conflicts(name, it)),
    ];
    if (problems.length > 0) throw refusalOf(problems, source);
    return {
        file: source.file,
        project: model.name,
        services: sortedEntries(model.services).map(([name, it]) => serviceOf(name, it, origin, source)),
        networks: sortedEntries(model.networks).map(([, { name, driver, internal, labels }]) => ({
            name,
            driver,
            internal,
            labels,
        })),
        volumes: sortedEntries(model.volumes).map(([key, { name, labels }]) => ({ key, name, labels })),
        extension: model["x-plumbline"],
        notes: sifted.notes.map((note) => said(note, source)),
    };
}

function serviceOf(name: string, service: ComposeService, origin: FileOrigin, source: ComposeSource): BaselineService {
    const { model, projectDir } = origin;
    const build = service.build;
    const platform = service.platform ?? build?.platforms?.[0];
    return {
        name,
        ...(service.image === undefined ? {} : { image: service.image }),
        ...(build === undefined
            ? {}
            : {
                  build: {
                      ...contextOf(name, build, source, projectDir),
                      ...(build.target === undefined ? {} : { target: build.target }),
                      args: build.args,
                  },
              }),
        spec: specOf(service, model),
        files: filesOf(service, origin),
        dependsOn: dependenciesOf(service, model),
        ports: service.ports
            .map(({ target, published, app_protocol: protocol, host_ip: hostIp }) => ({
                target,
                published,
                ...(protocol === undefined ? {} : { protocol }),
                ...(hostIp === undefined ? {} : { hostIp }),
            }))
            .sort((a, b) => a.target - b.target || a.published - b.published),
        expose: [...new Set(service.expose.flat())].sort((a, b) => a - b),
        replicas: service.deploy?.replicas ?? service.scale ?? 1,
        extension: service["x-plumbline"],
        ...(platform === undefined ? {} : { platform }),
    };
}

/** A dependency that is not required and whose profile is off is none. */
function dependenciesOf(service: ComposeService, model: ComposeModel): Dependency[] {
    return sortedEntries(service.depends_on)
        .filter(([name, { required }]) => required || Object.hasOwn(model.services, name))
        .map(([name, { condition }]) => ({ service: name, condition }));
}

function contextOf(
    name: string,
    build: NonNullable<ComposeService["build"]>,
    source: ComposeSource,
    projectDir: string,
): { context: string; dockerfile: string } {
    const context = inProject(projectDir, build.context);
    const dockerfile = inProject(projectDir, resolve(build.context, build.dockerfile));
    if (context !== undefined && dockerfile !== undefined) return { context, dockerfile };
    throw refusalOf(
        [{ path: ["services", name, "build", "context"], message: "must be a folder inside the project" }],
        source,
    );
}

/** A name that is fixed in the file is the same in every stack: two stacks would share the network or the volume. */
function fixedNames(model: ComposeModel): KeyMessage[] {
    return (["networks", "volumes"] as const).flatMap((section) =>
        Object.entries(model[section])
            .filter(([key, { name }]) => name !== `${model.name}_${key}`)
            .map(([key, { name }]) => ({
                path: [section, key, "name"],
                message: `${name} is the same in every stack; leave the name out, it becomes ${model.name}_${key}`,
            })),
    );
}

function conflicts(name: string, service: ComposeService): KeyMessage[] {
    const problems: KeyMessage[] = [];
    const targets = service.ports.map(({ target }) => target);
    const double = targets.find((target, index) => targets.indexOf(target) !== index);
    if (double !== undefined) {
        problems.push({ path: ["services", name, "ports"], message: `port ${double} is published twice` });
    }
    if (service.image === undefined && service.build === undefined) {
        problems.push({ path: ["services", name], message: "has neither image nor build" });
    }
    return problems;
}

/** `config` writes every dollar twice, so that its output could be read again. */
function unescaped(value: unknown): unknown {
    if (typeof value === "string") return value.replaceAll("$$", "$");
    if (Array.isArray(value)) return value.map(unescaped);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, unescaped(member)]));
}

/** Keys of other tools, and the anchors of people, start with `x-`: they are none of ours. */
function withoutForeignExtensions(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(withoutForeignExtensions);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
        Object.entries(value)
            .filter(([key]) => !key.startsWith("x-") || key === "x-plumbline")
            .map(([key, member]) => [
                key,
                key === "x-plumbline" || isDictionary(key) ? member : withoutForeignExtensions(member),
            ]),
    );
}

/** Their keys are free text of the person, where `x-` means nothing. */
function isDictionary(key: string): boolean {
    return ["environment", "labels", "args", "options", "sysctls"].includes(key);
}

function issueProblems(issues: readonly z.core.$ZodIssue[]): KeyMessage[] {
    return issues.flatMap((issue): KeyMessage[] => {
        if (issue.code === "unrecognized_keys") {
            return issue.keys.map((key) => ({
                path: [...issue.path, key],
                message: "is not supported by Plumbline; leave it out, or say it in another way",
            }));
        }
        return [{ path: issue.path, message: issue.message.replace(/^Invalid input: /, "") }];
    });
}

function refusalOf(problems: readonly KeyMessage[], source: ComposeSource): PlumblineError {
    const lines = problems.map((problem) => `  - ${said(problem, source)}`);
    const first = problems[0]?.path;
    const service = first?.[0] === "services" && first[1] !== undefined ? { service: String(first[1]) } : {};
    return new PlumblineError("baseline", [`${source.file} cannot be deployed as it stands:`, ...lines].join("\n"), {
        ...service,
        remedy: `Correct ${source.file}; docs/your-own-compose-file.md says what may stand in it.`,
    });
}

/** File and line, key and sentence, on one line. */
function said({ path, message }: KeyMessage, source: ComposeSource): string {
    return `${source.locate(path)}: ${path.map(String).join(".")}: ${message}`;
}
