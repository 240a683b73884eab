/** The small interface behind which every part of the toolchain stands, and how a source is chosen. */

import { PlumblineError } from "../release/errors.ts";

/** `ordinary`: where most machines get it. `registries`: for machines that reach package registries only. */
export type SourceKind = "ordinary" | "registries";

/** One place from which a part can be had. */
export interface Source {
    /** `any` is the same on both kinds of machine. */
    readonly kind: SourceKind | "any";
    /** Where from, and how long or large it is, as in `built from Go modules, about 5 minutes`. */
    readonly from: string;
    /** It starts what is installed; what else is missing can be known only afterwards. */
    readonly starts?: true;
    /** Whether it can be used from here; answers within a few seconds, and never throws. */
    answers(): Promise<boolean>;
    /** Brings the part; a kill at any point leaves a state from which the next call goes on. */
    install(): Promise<void>;
}

/** One thing that a machine needs. */
export interface Part {
    /** As in file names: `docker-plugin`. */
    readonly name: string;
    /** As a person calls it, with its version. */
    readonly title: string;
    /** What it is needed for. */
    readonly why: string;
    /** The version that is there, or undefined. Looks at files or asks the engine once: milliseconds. */
    present(): Promise<string | undefined>;
    /** In the order in which they are tried. */
    readonly sources: readonly Source[];
    /** What a person can do when no source works. */
    readonly remedy: string;
}

/** A missing part with the sources that answered, in the order in which they will be tried. */
export interface Plan {
    readonly part: Part;
    readonly sources: readonly Source[];
}

/**
 * Asks the sources of a part which of them can be used.
 * @param forced only sources of this kind
 * @throws PlumblineError `dependency` when none answers
 */
export async function plan(part: Part, forced: SourceKind | undefined): Promise<Plan> {
    const allowed = part.sources.filter(
        (source) => forced === undefined || source.kind === forced || source.kind === "any",
    );
    const answers = await Promise.all(allowed.map((source) => source.answers()));
    const sources = allowed.filter((_, index) => answers[index] === true);
    if (sources.length === 0) throw unavailable(part, allowed);
    return { part, sources };
}

/**
 * Installs a part from the first source that works; one that fails is told to `note`, and the next one is tried.
 * @throws PlumblineError `dependency` with the last failure as its cause
 */
export async function install(planned: Plan, note: (text: string) => void): Promise<Source> {
    let failure: unknown;
    for (const source of planned.sources) {
        try {
            await source.install();
            return source;
        } catch (error) {
            failure = error;
            note(`${planned.part.title}: ${source.from} failed: ${error instanceof Error ? error.message : error}`);
        }
    }
    throw unavailable(planned.part, planned.sources, failure);
}

/** The kind of source that PLUMBLINE_SOURCE asks for, if any. */
export function forcedSource(env: Readonly<NodeJS.ProcessEnv>): SourceKind | undefined {
    const forced = env.PLUMBLINE_SOURCE;
    if (forced === undefined || forced === "") return undefined;
    if (forced === "ordinary" || forced === "registries") return forced;
    throw new PlumblineError("usage", `PLUMBLINE_SOURCE is ${JSON.stringify(forced)}.`, {
        remedy: "Set it to ordinary or registries, or leave it out.",
    });
}

function unavailable(part: Part, tried: readonly Source[], cause?: unknown): PlumblineError {
    const from = tried.map((source) => source.from).join("; ") || "no source for this machine";
    return new PlumblineError("dependency", `${part.title} cannot be had from here (tried: ${from}).`, {
        remedy: part.remedy,
        ...(cause === undefined ? {} : { cause }),
    });
}
