/** What the comparison does not know: never a pass. And what nobody declared: every setting off its default. */
import type { ServiceRelease } from "../../release/types.ts";
import { configDefaults, hostDefaults, isEmpty, type KnownDefault } from "../parity/defaults.ts";
import { drift, equal, type Outcome, open, type ParityCheck, type Subject, shown } from "./parity-property.ts";

/** Keys of a service's record in the release; what is not of the container is judged elsewhere, or is no fact of it. */
const serviceKeys: Readonly<Record<keyof Required<ServiceRelease>, true>> = {
    name: true,
    replicaOf: true,
    kind: true,
    revision: true,
    image: true,
    spec: true,
    dependsOn: true,
    ports: true,
    probes: true,
    buckets: true,
    secretVersions: true,
    startDeadlineMs: true,
};

const teachIt = "Teach the comparison this property (validation/checks), or leave it out of the compose file.";

/** Judges what no check of the list has said that it knows. */
export function everythingElse(checks: readonly ParityCheck[]): ParityCheck {
    const known = (part: keyof ParityCheck["knows"]) =>
        new Set<string>(checks.flatMap(({ knows }) => knows[part] ?? []));
    const [spec, host, config] = [known("spec"), known("host"), known("config")];
    return {
        knows: {},
        compare(subject) {
            const { service, container } = subject;
            return [
                ...unknownKeys(service, new Set(Object.keys(serviceKeys))),
                ...unknownKeys(service.spec, spec),
                ...settings(container.HostConfig, host, hostDefaults, "HostConfig", subject),
                ...settings(container.Config, config, configDefaults, "Config", subject),
            ];
        },
    };
}

function unknownKeys(record: object, known: ReadonlySet<string>): Outcome[] {
    return Object.entries(record)
        .filter(([key, value]) => !known.has(key) && !isEmpty(value))
        .map(([key, value]) => ({
            ...drift([key], value, "not compared: the comparison does not know this property", teachIt),
            unknown: true,
        }));
}

function settings(
    record: Readonly<Record<string, unknown>>,
    known: ReadonlySet<string>,
    defaults: Readonly<Record<string, KnownDefault>>,
    section: string,
    subject: Subject,
): Outcome[] {
    const others = Object.entries(record).filter(([key]) => !known.has(key));
    const found = others.flatMap(([key, value]) => judge(key, value, defaults, section, subject));
    const rest = `${others.length - found.length} further settings at their defaults`;
    return [...found, equal([`(${section})`], rest, rest)];
}

function judge(
    key: string,
    value: unknown,
    defaults: Readonly<Record<string, KnownDefault>>,
    section: string,
    { engine, service }: Subject,
): Outcome[] {
    const known = Object.hasOwn(defaults, key) ? defaults[key] : undefined;
    if (known === undefined) {
        return isEmpty(value)
            ? []
            : [{ ...drift([`${section}.${key}`], "not known to the comparison", value, teachIt), unknown: true }];
    }
    if (known.isDefault(value, engine)) return [];
    const path = known.property.split(".");
    // The engine hides nothing from a privileged container.
    if (service.spec.privileged && (key === "MaskedPaths" || key === "ReadonlyPaths")) return [];
    if (!engine.known && (key === "CgroupnsMode" || key === "Runtime"))
        return [open(path, engine.reason, shown(value))];
    return [drift(path, known.expected, value)];
}
