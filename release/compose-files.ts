/** `configs` and `secrets` of a compose file: where each file comes from and where the container finds it. */
import { posix } from "node:path";
import type { ComposeModel, ComposeService } from "./compose-model.ts";
import { fileFolders } from "./file-volumes.ts";
import { inProject } from "./in-project.ts";
import { compareText } from "./revision.ts";
import { placeholderOf } from "./secrets.ts";
import { didYouMean } from "./suggest.ts";

/** A file of a service before its content is read. */
export interface BaselineFile {
    readonly target: string;
    /** `path`: relative to the project folder. */
    readonly source:
        | { readonly type: "text"; readonly text: string }
        | { readonly type: "file"; readonly path: string };
    readonly mode?: number;
    readonly uid?: number;
    readonly gid?: number;
}

/** What the files of a compose file are made of. */
export interface FileOrigin {
    readonly model: ComposeModel;
    /** Folder of the project, absolute. */
    readonly projectDir: string;
    /** The stack's variables, for configs that name one. */
    readonly variables: Readonly<Record<string, string>>;
}

export interface FileProblem {
    readonly path: readonly PropertyKey[];
    readonly message: string;
}

type Section = "configs" | "secrets";
type Use = ComposeService[Section][number];

/** Where compose puts a file whose target is no absolute path. */
const baseFolders: Readonly<Record<Section, string>> = { configs: "/", secrets: "/run/secrets" };

/** The files of a service, by target. Call it only when `fileProblems` has found nothing. */
export function filesOf(service: ComposeService, origin: FileOrigin): BaselineFile[] {
    return (["configs", "secrets"] as const)
        .flatMap((section) => service[section].map((use) => fileOf(section, use, origin)))
        .sort((a, b) => compareText(a.target, b.target));
}

function fileOf(section: Section, use: Use, origin: FileOrigin): BaselineFile {
    const { mode, uid, gid } = use;
    return {
        target: targetOf(section, use),
        source: sourceOf(section, use.source, origin),
        ...(mode === undefined ? {} : { mode }),
        ...(uid === undefined ? {} : { uid }),
        ...(gid === undefined ? {} : { gid }),
    };
}

function targetOf(section: Section, { source, target = source }: Use): string {
    return posix.resolve(baseFolders[section], target);
}

function sourceOf(section: Section, key: string, { model, projectDir, variables }: FileOrigin): BaselineFile["source"] {
    const origin: { file?: string | undefined; content?: string | undefined; environment?: string | undefined } =
        model[section][key] ?? {};
    const { file, content, environment } = origin;
    if (file !== undefined) return { type: "file", path: inProject(projectDir, file) ?? "" };
    if (environment === undefined) return { type: "text", text: content ?? "" };
    const isSecret = Object.hasOwn(model["x-plumbline"].secrets, environment);
    return { type: "text", text: isSecret ? placeholderOf(environment) : (variables[environment] ?? "") };
}

/** What cannot be deployed of `configs` and `secrets`, all of it. */
export function fileProblems(origin: FileOrigin): FileProblem[] {
    const { model } = origin;
    return [
        ...Object.keys(model.configs).flatMap((key) => configProblems(key, origin)),
        ...Object.keys(model.secrets).flatMap((key) => secretProblems(key, origin)),
        ...Object.entries(model.services).flatMap(([name, service]) => useProblems(name, service, model)),
    ];
}

function configProblems(key: string, { model, projectDir, variables }: FileOrigin): FileProblem[] {
    const { file, content, environment } = model.configs[key] ?? {};
    const path = ["configs", key];
    if (file !== undefined) {
        return inProject(projectDir, file) === undefined
            ? [{ path: [...path, "file"], message: "must be a file inside the project" }]
            : [];
    }
    if (environment === undefined) {
        return content === undefined ? [{ path, message: "has neither file, content nor environment" }] : [];
    }
    return Object.hasOwn(model["x-plumbline"].secrets, environment) || Object.hasOwn(variables, environment)
        ? []
        : [
              {
                  path: [...path, "environment"],
                  message: `${environment} has no value: give it one under plumbline:variables of the stack`,
              },
          ];
}

function secretProblems(key: string, { model }: FileOrigin): FileProblem[] {
    const variable = model.secrets[key]?.environment;
    if (variable === undefined) {
        return [{ path: ["secrets", key], message: "names no variable of x-plumbline.secrets under `environment`" }];
    }
    const known = Object.keys(model["x-plumbline"].secrets);
    if (known.includes(variable)) return [];
    const hint = didYouMean(variable, known);
    const message = `${variable} is not declared secret${hint}: declare it under x-plumbline.secrets, so that its value does not come into the release in clear`;
    return [{ path: ["secrets", key, "environment"], message }];
}

function useProblems(name: string, service: ComposeService, model: ComposeModel): FileProblem[] {
    const uses = (["configs", "secrets"] as const).flatMap((section) =>
        service[section].map((use, index) => ({
            section,
            use,
            target: targetOf(section, use),
            path: ["services", name, section, index] as PropertyKey[],
        })),
    );
    const problem = (path: readonly PropertyKey[], message: string): FileProblem[] => [{ path, message }];
    const targets = uses.map(({ target }) => target);
    const folders = fileFolders(targets);
    return uses.flatMap(({ section, use, target, path }, index): FileProblem[] => {
        if (!Object.hasOwn(model[section], use.source)) {
            return problem(path, `${use.source} is not declared under ${section} of the file`);
        }
        const at = [...path, "target"];
        const file = posix.basename(target);
        if (posix.dirname(target) === "/") {
            return problem(
                at,
                `${target} lies directly in /, where no volume can be mounted: give it a folder, as in target: /etc/${file}/${file}`,
            );
        }
        if (targets.indexOf(target) !== index) return problem(at, `${target} is the target of two files`);
        const inside = targets.find((other) => other.startsWith(`${target}/`));
        if (inside !== undefined) return problem(at, `${target} is a file, and the folder of ${inside}`);
        const folder = folders.find((candidate) => target.startsWith(`${candidate}/`)) ?? "";
        const other = mountTargets(service).find(
            (mount) =>
                mount.target === folder ||
                mount.target.startsWith(`${folder}/`) ||
                (mount.readOnly && folder.startsWith(`${mount.target}/`)),
        );
        if (other === undefined) return [];
        return problem(
            at,
            `${target} needs ${folder} for itself, and ${other.target} is mounted too: give the file a folder of its own`,
        );
    });
}

function mountTargets(service: ComposeService): { target: string; readOnly: boolean }[] {
    return [
        ...service.tmpfs.map((entry) => ({ target: entry.split(":")[0] ?? "", readOnly: false })),
        ...service.volumes.map((mount) => ({
            target: mount.target,
            readOnly: mount.type === "volume" && mount.read_only,
        })),
    ].map(({ target, readOnly }) => ({ target: posix.resolve("/", target), readOnly }));
}
