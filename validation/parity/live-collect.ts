/** Collects what one running deployment is made of and answers, in the same words whoever has made it. */
import type { Engine } from "../../engine/docker.ts";
import type { PublishedAddress } from "../../engine/published.ts";
import { redactor } from "../../release/redact.ts";
import { baselineName } from "../../release/replicas.ts";
import { substituteDeep } from "../../release/secrets.ts";
import type { Release, ServiceRelease } from "../../release/types.ts";
import { compareContainer, findingOf, type Wording } from "../checks/parity.ts";
import { compareNetwork, compareVolume } from "../checks/parity-infrastructure.ts";
import type { Outcome } from "../checks/parity-property.ts";
import { attempt } from "../facts/attempt.ts";
import { containerEvidence, defaultsFact } from "../facts/container.ts";
import { type Fact, known, unknown } from "../facts/fact.ts";
import { answerFacts, redisFacts, storageFacts } from "../facts/live-answers.ts";
import { databaseFacts } from "../facts/live-database.ts";
import { networkFact, volumeFact } from "../facts/network-volume.ts";
import type { Finding } from "./finding.ts";
import type { LiveFacts } from "./live.ts";

/** One deployment of a release, wherever it came from. */
export interface LivePlace {
    /** What to ask: its services, probes and buckets. The answers do not depend on what it expects. */
    readonly release: Release;
    /** Compose project under which it runs: its name in the names of networks and volumes. */
    readonly project: string;
    /** Service to its container, by name or id. */
    readonly containers: Readonly<Record<string, string>>;
    /** The edge's container; absent where services carry their own ports and names. */
    readonly edge?: string;
    /** Where a port of a service is reached from here. */
    addressOf(service: string, port: number): PublishedAddress;
    readonly secrets: Readonly<Record<string, string>>;
    /** Names a value that must not be shown; the same function for both deployments of a comparison. */
    digest(value: string): string;
}

/** Everything, by property. Never throws: what could not be asked is unknown, and so never a match. */
export async function collectLive(engine: Engine, place: LivePlace): Promise<LiveFacts> {
    const release = underProject(place.release, place.project);
    const each = await Promise.all([
        ...release.services.flatMap((service) => [
            containerFacts(engine, place, release, service),
            answersOf(place, service),
        ]),
        infrastructure(engine, release),
    ]);
    const entries = each
        .flat()
        .map(([property, fact]): [string, Fact<string>] => [
            property,
            fact.known ? known(neutral(fact.value, place)) : fact,
        ]);
    return Object.fromEntries(entries);
}

type Entry = readonly [property: string, fact: Fact<string>];

/** The release with the names of another project: of networks and volumes. */
function underProject(release: Release, project: string): Release {
    const renamed = JSON.stringify(release).replaceAll(`"${release.project}_`, `"${project}_`);
    return { ...(JSON.parse(renamed) as Release), project };
}

/** Names that are each deployment's own. */
function neutral(text: string, { project }: LivePlace): string {
    return text.replaceAll(`${project}_`, "<project>_");
}

/** What the parity checks find: their own words for what a container is, whatever they expect of it. */
async function containerFacts(
    engine: Engine,
    place: LivePlace,
    release: Release,
    service: ServiceRelease,
): Promise<Entry[]> {
    const { secrets, digest } = place;
    const name = place.containers[service.name] ?? "none";
    const { readOnly, files } = service.spec;
    const found = await containerEvidence(engine, {
        container: name,
        image: (await engine.inspect(name))?.imageId ?? service.image.reference,
        readOnlyRoot: readOnly,
        files: files.map(({ target }) => target),
    });
    const container = found.container.known ? found.container.value : undefined;
    if (container === undefined) {
        const reason = found.container.known ? `there is no container ${name}` : found.container.reason;
        return [[`${service.name}: (container)`, unknown(reason)]];
    }
    const edge =
        place.edge === undefined
            ? known(container)
            : await containerEvidence(engine, {
                  container: place.edge,
                  image: release.edge.image.reference,
                  readOnlyRoot: false,
                  files: [],
              }).then((evidence) =>
                  evidence.container.known && evidence.container.value !== undefined
                      ? known(evidence.container.value)
                      : unknown<typeof container>("the edge cannot be asked"),
              );
    const findings = compareContainer(
        {
            service,
            stack: release.stack,
            project: release.project,
            container,
            expectedImage: found.expectedImage,
            actualImage: found.actualImage,
            process: found.process,
            files: found.files,
            engine: await defaultsFact(engine),
            edge,
            // Without an edge a port is published as it is.
            listeners:
                place.edge === undefined
                    ? []
                    : release.edge.listeners.filter((it) => it.service === baselineName(service)),
            secrets,
            digest,
        },
        wordingFor(secrets),
    );
    const id = container.Id.slice(0, 12);
    return entriesOf(findings, (text) => text.replaceAll(id, "<id>"));
}

function wordingFor(secrets: LivePlace["secrets"]): Wording {
    return { file: "docker-compose.yml", lineOf: () => undefined, redact: redactor(secrets) };
}

/** Of a property that a check speaks of twice, as a port of edge and container, the last word. A count of defaults is no property. */
function entriesOf(findings: readonly Finding[], clean: (text: string) => string = (text) => text): Entry[] {
    const said = new Map<string, string>();
    const open = new Map<string, string>();
    for (const { service, property, result, expected, actual } of findings) {
        if (property === "(HostConfig)" || property === "(Config)") continue;
        const name = `${service}: ${property}`;
        // What is unknown may be what was expected, which is of no interest here.
        if (result === "inconclusive" && expected === "not compared") open.set(name, actual);
        else said.set(name, clean(actual));
    }
    return [
        ...[...said].map(([name, text]): Entry => [name, known(text)]),
        ...[...open].map(([name, reason]): Entry => [name, unknown(reason)]),
    ];
}

async function infrastructure(engine: Engine, release: Release): Promise<Entry[]> {
    const keyOf = (name: string) => name.slice(release.project.length + 1);
    const wording = wordingFor({});
    const worded = (subject: string, outcomes: readonly Outcome[]) =>
        entriesOf(outcomes.map((outcome) => findingOf({ name: subject }, outcome, wording)));
    const found = await Promise.all([
        ...release.networks.map(async (network) =>
            worded(
                `networks.${keyOf(network.name)}`,
                compareNetwork(network, await networkFact(engine, network.name), release),
            ),
        ),
        ...release.volumes.map(async (volume) =>
            worded(`volumes.${volume.key}`, compareVolume(volume, await volumeFact(engine, volume.name), release)),
        ),
    ]);
    return found.flat();
}

/** A path that no service has: how it is refused is part of how it answers. */
const nowhere = "/plumbline-nothing-is-here";

/** Every probe of the service, asked for all that is in its answer; its buckets; a path that it does not have. */
async function answersOf(place: LivePlace, service: ServiceRelease): Promise<Entry[]> {
    const { secrets, digest } = place;
    const facts = await Promise.all(
        substituteDeep(service.probes, secrets).map((probe) => {
            const at = place.addressOf(service.name, probe.port);
            if (probe.type === "postgres") return asked("database", () => databaseFacts(at, probe));
            if (probe.type === "redis") return asked("redis", () => redisFacts(at, probe.password, digest));
            if (probe.type === "tcp") return [];
            const { path, headers } = probe;
            return asked(`GET ${path}`, async () => ({
                ...(await answerFacts(at, { method: "GET", path, headers })),
                ...(await answerFacts(at, { method: "GET", path: nowhere })),
            }));
        }),
    );
    const { buckets } = service;
    if (buckets !== undefined) {
        const key = substituteDeep(buckets.serviceKey, secrets);
        const at = place.addressOf(service.name, buckets.port);
        facts.push(await asked("buckets", () => storageFacts(at, key)));
    }
    return facts.flat().map(([property, fact]): Entry => [`${service.name}: ${property}`, fact]);
}

/** All facts of one question, or one that is unknown. */
async function asked(about: string, question: () => Promise<Record<string, string>>): Promise<Entry[]> {
    const answer = await attempt(question);
    if (!answer.known) return [[about, unknown(answer.reason)]];
    return Object.entries(answer.value).map(([property, value]): Entry => [property, known(value)]);
}
