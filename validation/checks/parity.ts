/**
 * Whether a container is what the baseline says, property by property (R30): pure, from evidence to findings. A
 * property that no check knows is an error, never a pass.
 */
import { baselineName } from "../../release/replicas.ts";
import type { ServiceRelease } from "../../release/types.ts";
import { type Finding, findingSchema } from "../parity/finding.ts";
import type { LineFinder } from "../parity/lines.ts";
import { ruleOf } from "../parity/rules.ts";
import { names, networks, ports } from "./parity-network.ts";
import { labels, limits, logging, privileges } from "./parity-power.ts";
import { processes } from "./parity-process.ts";
import { environment, health, image, lifetime, program } from "./parity-program.ts";
import type { Outcome, ParityCheck, Subject } from "./parity-property.ts";
import { files, mounts, tmpfs } from "./parity-storage.ts";
import { everythingElse } from "./parity-unknown.ts";

/** What every check says is compared in this order, which is also that of a report. */
const named: readonly ParityCheck[] = [
    image,
    program,
    environment,
    lifetime,
    health,
    ports,
    networks,
    names,
    mounts,
    files,
    tmpfs,
    privileges,
    processes,
    limits,
    logging,
    labels,
];

export const parityChecks: readonly ParityCheck[] = [...named, everythingElse(named)];

/** How findings are worded and where they point. */
export interface Wording {
    /** The compose file, relative to the project. */
    readonly file: string;
    readonly lineOf: LineFinder;
    /** Keeps secret values out of every text. */
    redact(text: string): string;
}

/** Every finding on one container that is there. */
export function compareContainer(subject: Subject, wording: Wording): Finding[] {
    const outcomes = parityChecks.flatMap((check) => check.compare(subject));
    return outcomes.map((outcome) => findingOf(subject.service, outcome, wording));
}

/** From what a check says to a finding, with the place in the file and the next step. */
export function findingOf(
    entry: Pick<ServiceRelease, "name" | "replicaOf">,
    outcome: Outcome,
    wording: Wording,
): Finding {
    const { name: service } = entry;
    const written = baselineName(entry);
    const { path, result, rule, ofProcess, unknown } = outcome;
    const section = sectionOf(written);
    const line = wording.lineOf([...section, ...path]);
    const property = path.join(".");
    const restoredBy = restorerOf(service, outcome);
    return findingSchema.parse({
        service,
        property: ofProcess === true ? `${property} (process)` : property,
        result,
        expected: wording.redact(outcome.expected),
        actual: wording.redact(outcome.actual),
        where: {
            file: wording.file,
            keyPath: [...section, property].join("."),
            ...(line === undefined ? {} : { line }),
        },
        ...(rule === undefined ? {} : { rule: ruleOf(rule) }),
        remedy: wording.redact(remedyOf(service, outcome)),
        ...(unknown === true ? { unknown } : {}),
        ...(restoredBy === undefined ? {} : { restoredBy }),
    });
}

/** Where in the compose file the subject of a finding stands: `networks.x` and `volumes.x` by themselves, the rest below `services`. */
function sectionOf(subject: string): string[] {
    const [, section, key] = /^(networks|volumes)\.(.+)$/.exec(subject) ?? [];
    return section === undefined || key === undefined ? ["services", subject] : [section, key];
}

/** A new container restores what a container is made of; a next step of another kind says that it does not. */
function restorerOf(service: string, { result, remedy, restoredBy, unknown }: Outcome): string | undefined {
    if (result !== "drift") return undefined;
    return restoredBy ?? (remedy === undefined && unknown !== true ? service : undefined);
}

function remedyOf(service: string, { path, result, expected, remedy, restoredBy = service }: Outcome): string {
    if (result === "same" || result === "intended") return "";
    if (result === "inconclusive") {
        return remedy ?? "Find out why it could not be asked, then validate again; until then it counts as no match.";
    }
    if (remedy !== undefined) return remedy;
    const wanted = path[0] === "environment" ? "as the compose file says" : `${expected}`;
    return `Make the container of ${restoredBy} anew with ${path.join(".")}: ${wanted} (npm run validate -- --fix), or declare the change in the compose file and deploy.`;
}
