/** Networks and volumes: what belongs to no single service. Pure. */
import type { NetworkRelease, Release } from "../../release/types.ts";
import type { Fact } from "../facts/fact.ts";
import type { NetworkInspection, VolumeInspection } from "../facts/network-volume.ts";
import { isEmpty } from "../parity/defaults.ts";
import { drift, equal, equalEntries, intended, type Outcome, open, shown } from "./parity-property.ts";

const networkRemedy =
    "No new container changes a network. Take the stack down and deploy it again (npm run destroy, then npm run deploy): data volumes stay, the network is made as the compose file says.";
const volumeRemedy =
    "No new container changes a volume, and nothing changes one that exists. Copy its data, remove the volume, deploy again; or declare what it is in the compose file.";

/** Facts of the engine that are no property: names, times, places, and who is on it now. */
const networkFactsOnly = ["Id", "Created", "Scope", "Containers", "Peers", "Services", "Status", "EnableIPv4"];
const volumeFactsOnly = ["CreatedAt", "Mountpoint", "Scope", "Status", "UsageData"];

/** Whose networks and volumes they are, as their labels say. */
export type Owner = Pick<Release, "project" | "stack">;

export function compareNetwork(
    expected: NetworkRelease,
    fact: Fact<NetworkInspection | undefined>,
    owner: Owner,
): Outcome[] {
    return found("(network)", fact, networkRemedy, (actual) => {
        const { Name, Driver, Internal, Attachable, EnableIPv6, Labels, Options, IPAM, ...rest } = actual;
        return [
            equal(["name"], expected.name, Name),
            equal(["driver"], expected.driver, Driver),
            equal(["internal"], expected.internal, Internal),
            equal(["attachable"], false, Attachable),
            equal(["enable_ipv6"], false, EnableIPv6),
            ...labels(expected.labels, owner, Labels),
            ...nothingSet(["driver_opts"], Options),
            equal(["ipam", "driver"], "default", IPAM.Driver),
            ...nothingSet(["ipam", "options"], IPAM.Options),
            addresses(IPAM.Config),
            ...unknownKeys(rest, networkFactsOnly),
        ];
    });
}

/** What is expected of a volume: its own labels, the engine's own driver, no options. */
export interface ExpectedVolume {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
}

export function compareVolume(
    expected: ExpectedVolume,
    fact: Fact<VolumeInspection | undefined>,
    owner: Owner,
): Outcome[] {
    return found("(volume)", fact, volumeRemedy, (actual) => {
        const { Name, Driver, Labels, Options, ...rest } = actual;
        const ofCompose = (name: string) => name.startsWith("com.docker.compose.");
        const [left, own] = parted(Labels, ofCompose);
        return [
            equal(["name"], expected.name, Name),
            equal(["driver"], "local", Driver),
            ...labels(expected.labels, owner, own),
            ...Object.entries(left).map(([name, value]) => intended(["labels", name], "adopted-volume", "none", value)),
            ...nothingSet(["driver_opts"], Options),
            ...unknownKeys(rest, volumeFactsOnly),
        ];
    });
}

/** The baseline's own, and those that name the owner; what is older than these stands without them. */
function labels(
    expected: Readonly<Record<string, string>>,
    { project, stack }: Owner,
    actual: Readonly<Record<string, string>>,
): Outcome[] {
    const ours: Readonly<Record<string, string>> = { "plumbline.project": project, "plumbline.stack": stack };
    const [marks, others] = parted(actual, (name) => Object.hasOwn(ours, name));
    return [
        ...equalEntries(["labels"], expected, others),
        ...Object.entries(marks).map(([name, value]) => equal(["labels", name], ours[name], value, "plumbline-labels")),
    ];
}

/** The entries whose names are meant, and the others. */
function parted(
    entries: Readonly<Record<string, string>>,
    isMeant: (name: string) => boolean,
): [Record<string, string>, Record<string, string>] {
    const all = Object.entries(entries);
    return [
        Object.fromEntries(all.filter(([name]) => isMeant(name))),
        Object.fromEntries(all.filter(([name]) => !isMeant(name))),
    ];
}

/** Every drift of it gets the same next step: it is not one that a new container mends. */
function found<T>(
    itself: string,
    fact: Fact<T | undefined>,
    remedy: string,
    compare: (actual: T) => Outcome[],
): Outcome[] {
    if (!fact.known) return [open([itself], fact.reason)];
    if (fact.value === undefined) return [drift([itself], "there", "missing", remedy)];
    return compare(fact.value).map((outcome) => (outcome.result === "drift" ? { remedy, ...outcome } : outcome));
}

/** One finding where nothing is set, otherwise one for each key: the baseline declares none. */
function nothingSet(path: readonly string[], actual: Readonly<Record<string, string>>): Outcome[] {
    return Object.keys(actual).length === 0 ? [equal(path, "none", "none")] : equalEntries(path, {}, actual);
}

/** The baseline leaves addresses to the engine, which gives one range and its gateway. */
function addresses(config: readonly Readonly<Record<string, unknown>>[]): Outcome {
    const path = ["ipam", "config"];
    const chosen = "one range that the engine chose";
    const [first = {}] = config;
    const plain = config.length === 1 && Object.keys(first).every((key) => key === "Subnet" || key === "Gateway");
    return equal(path, chosen, plain ? chosen : shown(config));
}

function unknownKeys(rest: Readonly<Record<string, unknown>>, known: readonly string[]): Outcome[] {
    return Object.entries(rest)
        .filter(([key, value]) => !known.includes(key) && !isEmpty(value) && !isEmptyInside(value))
        .map(([key, value]) => ({
            ...drift([key], "not known to the comparison", value, "Teach the comparison this property."),
            unknown: true,
        }));
}

/** As `{ "Network": "" }`, which is how the engine says that there is none. */
function isEmptyInside(value: unknown): boolean {
    return typeof value === "object" && value !== null && Object.values(value).every(isEmpty);
}
