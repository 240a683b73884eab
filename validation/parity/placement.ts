/** Compares everything that runs of a release with its baseline: collects the facts, then judges them (R30). */
import { createHmac, randomBytes } from "node:crypto";
import type { ContainerSummary, Engine } from "../../engine/docker.ts";
import { redactor } from "../../release/redact.ts";
import { baselineName } from "../../release/replicas.ts";
import type { Release, ServiceRelease } from "../../release/types.ts";
import { compareContainer, findingOf, type Wording } from "../checks/parity.ts";
import { compareNetwork, compareVolume } from "../checks/parity-infrastructure.ts";
import { drift, equal, intended, type Outcome, open } from "../checks/parity-property.ts";
import { type ContainerEvidence, containerEvidence, defaultsFact, type Inspection } from "../facts/container.ts";
import { type Fact, known, unknown } from "../facts/fact.ts";
import { networkFact, volumeFact } from "../facts/network-volume.ts";
import { compareEdge } from "./edge.ts";
import { type Finding, type Findings, summarize } from "./finding.ts";
import { lineFinder } from "./lines.ts";

/** The calls to the engine that a comparison needs. */
export type PlacementEngine = Pick<
    Engine,
    "inspect" | "imageDetails" | "networkDetails" | "volumeDetails" | "exec" | "getFile" | "defaults" | "list"
>;

export interface PlacementOptions {
    /** Values of the secrets whose placeholders stand in the release; what lacks one is inconclusive. @default {} */
    readonly secrets?: Readonly<Record<string, string>>;
    /** Service (and `edge`) to the image id of the commit. @default what the references stand for on the engine */
    readonly committedImages?: Readonly<Record<string, string>>;
    /** The compose file: name for the findings, text for the lines. @default docker-compose.yml without lines */
    readonly composeFile?: { readonly file: string; readonly text: string };
    /** During an update the previous containers still stand. @default false */
    readonly previousMayRun?: boolean;
}

/**
 * Compares each service of the release, the edge that carries their names and ports, the networks and the volumes.
 *
 * @param containers service name (and `edge`) to its container, by name or id, as the rollout declared them
 * @returns every property as a finding; never throws for what the engine does: what could not be asked is inconclusive
 */
export async function comparePlacement(
    engine: PlacementEngine,
    release: Release,
    containers: Readonly<Record<string, { readonly name: string }>>,
    options: PlacementOptions = {},
): Promise<Findings> {
    const { secrets = {}, committedImages = {}, composeFile } = options;
    const wording: Wording = {
        file: composeFile?.file ?? "docker-compose.yml",
        lineOf: composeFile === undefined ? () => undefined : lineFinder(composeFile.text),
        redact: redactor(secrets),
    };
    // A key of this comparison alone: a digest that is read in a report cannot be tried against a list of passwords.
    const key = randomBytes(32);
    const digest = (value: string) => createHmac("sha256", key).update(value).digest("hex").slice(0, 8);
    const declared = (name: string) => (Object.hasOwn(containers, name) ? containers[name] : undefined);
    const committed = (name: string) => (Object.hasOwn(committedImages, name) ? committedImages[name] : undefined);
    const evidenceOf = async (
        name: string,
        image: string,
        readOnlyRoot: boolean,
        files: readonly string[],
    ): Promise<ContainerEvidence> => {
        const container = declared(name);
        if (container === undefined) return withoutContainer("nobody declared a container for it");
        return containerEvidence(engine, {
            container: container.name,
            image: committed(name) ?? image,
            readOnlyRoot,
            files,
        });
    };
    const [defaults, edgeEvidence, strangers, around, ...evidence] = await Promise.all([
        defaultsFact(engine),
        evidenceOf("edge", release.edge.image.reference, true, []),
        findStrangers(engine, release, containers),
        compareAround(engine, release),
        ...release.services.map(({ name, image, spec }) =>
            evidenceOf(
                name,
                image.reference,
                spec.readOnly,
                (spec.files ?? []).map(({ target }) => target),
            ),
        ),
    ]);
    const edge = presentContainer(edgeEvidence, "the edge's container is missing");
    const common = { stack: release.stack, project: release.project, engine: defaults, secrets, digest };
    const judge = (service: ServiceRelease, found: ContainerEvidence): Finding[] => {
        const absent = absence(service, found, wording);
        if (absent !== undefined) return absent;
        const container = presentContainer(found, "");
        if (!container.known) return [];
        const committedImage = committed(service.name);
        return compareContainer(
            {
                ...common,
                service,
                container: container.value,
                expectedImage: found.expectedImage,
                actualImage: found.actualImage,
                process: found.process,
                files: found.files,
                edge,
                listeners: release.edge.listeners.filter((listener) => listener.service === baselineName(service)),
                ...(committedImage === undefined ? {} : { committedImage }),
            },
            wording,
        );
    };
    const findings = [
        ...release.services.flatMap((service, index) => {
            const found = evidence[index];
            return found === undefined ? [] : judge(service, found);
        }),
        ...compareEdge(release, edgeEvidence, committed("edge")).map((outcome) =>
            findingOf({ name: "edge" }, outcome, wording),
        ),
        ...strangersAmong(strangers, release, options.previousMayRun ?? false).map(([service, outcome]) =>
            findingOf(release.services.find(({ name }) => name === service) ?? { name: service }, outcome, wording),
        ),
        ...around.map(([subject, outcome]) => findingOf({ name: subject }, outcome, wording)),
    ];
    return { findings, summary: summarize(findings) };
}

function withoutContainer(reason: string): ContainerEvidence {
    return {
        container: unknown(reason),
        expectedImage: unknown(reason),
        actualImage: unknown(reason),
        process: unknown(reason),
        files: {},
    };
}

function presentContainer({ container }: ContainerEvidence, missing: string): Fact<Inspection> {
    if (!container.known) return container;
    return container.value === undefined ? unknown(missing) : known(container.value);
}

/** One finding for a container that is not there, or that the engine does not tell of: there is nothing to compare. */
function absence(service: ServiceRelease, found: ContainerEvidence, wording: Wording): Finding[] | undefined {
    const path = ["(container)"];
    const { container } = found;
    if (!container.known) return [findingOf(service, open(path, container.reason), wording)];
    if (container.value !== undefined) return undefined;
    return [findingOf(service, drift(path, "a container", "missing"), wording)];
}

/** Networks and volumes, those of the edge among them: findings about `networks.<key>` and `volumes.<key>`. */
async function compareAround(
    engine: PlacementEngine,
    release: Release,
): Promise<(readonly [subject: string, outcome: Outcome])[]> {
    const keyOf = (name: string) =>
        name.startsWith(`${release.project}_`) ? name.slice(release.project.length + 1) : name;
    const volumes = [
        ...release.volumes.map(({ key, name, labels }) => ({ key, name, labels })),
        { key: keyOf(release.edge.configVolume), name: release.edge.configVolume, labels: {} },
    ];
    const outcomes = await Promise.all([
        ...release.networks.map(async (network) => {
            const found = compareNetwork(network, await networkFact(engine, network.name), release);
            return found.map((outcome) => [`networks.${keyOf(network.name)}`, outcome] as const);
        }),
        ...volumes.map(async (volume) => {
            const found = compareVolume(volume, await volumeFact(engine, volume.name), release);
            return found.map((outcome) => [`volumes.${volume.key}`, outcome] as const);
        }),
    ]);
    return outcomes.flat();
}

/** What runs under the stack's labels beside the containers that were given. */
async function findStrangers(
    engine: PlacementEngine,
    release: Release,
    containers: Readonly<Record<string, { readonly name: string }>>,
): Promise<Fact<readonly ContainerSummary[]>> {
    const given = new Set(Object.values(containers).map(({ name }) => name));
    const labels = { "plumbline.project": release.project, "plumbline.stack": release.stack };
    try {
        const all = await engine.list(labels);
        return known(all.filter(({ state, name, id }) => state === "running" && !given.has(name) && !given.has(id)));
    } catch (error) {
        return unknown(error instanceof Error ? error.message : String(error));
    }
}

function strangersAmong(
    strangers: Fact<readonly ContainerSummary[]>,
    release: Release,
    previousMayRun: boolean,
): [service: string, outcome: Outcome][] {
    const path = ["(other containers)"];
    if (!strangers.known) return [["edge", open(path, strangers.reason)]];
    if (strangers.value.length === 0) return [["edge", equal(path, "none", "none")]];
    return strangers.value.map(({ name, labels }) => {
        const service = labels["plumbline.service"] ?? "edge";
        const isService = service === "edge" || release.services.some((one) => one.name === service);
        if (previousMayRun && isService) {
            return [service, intended(path, "previous-until-deleted", "none", `${name} runs`)];
        }
        const remedy = `Find out who started ${name}; stop and remove it, or deploy again.`;
        return [service, drift(path, "none", `${name} runs`, remedy)];
    });
}
