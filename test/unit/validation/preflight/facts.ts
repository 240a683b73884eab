/** Facts of an engine that holds nothing, for checks before a deploy: each test adds what it is about. */
import type { ContainerOverview, NetworkFacts, VolumeFacts } from "../../../../engine/docker.ts";
import type { Release } from "../../../../release/types.ts";
import type { NameFacts } from "../../../../validation/preflight/checks/names.ts";
import type { PreflightFinding } from "../../../../validation/preflight/finding.ts";
import { sampleRelease, sampleServices } from "../../rollout/sample-release.ts";

/** Labels of the stack that the sample release is of. */
export const own = { "plumbline.project": "sample", "plumbline.stack": "local" };
export const compose = { "com.docker.compose.project": "sample" };

/** The sample release with a volume, and the names that its edge answers to. */
export function release(change: Partial<Release> = {}): Release {
    const volumes = [{ key: "data", name: "sample_data", labels: {} }];
    return sampleRelease(sampleServices(), { volumes, ...change });
}

export function container(name: string, change: Partial<ContainerOverview> = {}): ContainerOverview {
    const nothing = { labels: {}, ports: [], volumes: [], networks: [], imageId: "sha256:0" };
    return { id: `id-${name}`, name, state: "running", ...nothing, ...change };
}

/** A container of a service of the stack. */
export function ownContainer(service: string, revision: string, change: Partial<ContainerOverview> = {}) {
    const labels = { ...own, "plumbline.service": service, "plumbline.revision": revision };
    return container(`${service}-${revision}`, { labels, ...change });
}

export function network(change: Partial<NetworkFacts> = {}): NetworkFacts {
    return { id: "n1", name: "sample_network", labels: own, driver: "bridge", internal: false, ...change };
}

export function volume(change: Partial<VolumeFacts> = {}): VolumeFacts {
    return { name: "sample_data", labels: own, driver: "local", ...change };
}

export function names(change: Partial<NameFacts> = {}): NameFacts {
    return { containers: [], networks: [], volumes: [], known: new Set(), aliases: {}, ...change };
}

export const results = (findings: readonly PreflightFinding[]) => findings.map(({ result }) => result);
export const messages = (findings: readonly PreflightFinding[]) =>
    findings.filter(({ result }) => result !== "pass").map(({ message }) => message);
