/** In which ways a deployment differs on purpose from the baseline as plain compose runs it: one table, a reason a row. */
import type { LiveRule } from "./live.ts";

const any = () => true;
const none = "none";

export const liveRules: readonly LiveRule[] = [
    {
        name: "ports-on-edge",
        reason: "The edge publishes a service's ports, so that another container can take over without a refused connection.",
        property: /^[^:]+: ports\.\d+$/,
        allows: (expected, actual) => / on the container$/.test(expected) && / on the edge$/.test(actual),
    },
    {
        name: "name-on-edge",
        reason: "The edge answers to a service's names on each of its networks, so that services keep their connections' address.",
        property: /^[^:]+: networks\.[^.]+\.aliases$/,
        allows: (expected, actual) => actual === `${expected} on the edge`,
    },
    {
        name: "labels-of-the-deployer",
        reason: "Compose and Plumbline each mark their own containers, networks and volumes with labels of their own.",
        property: /^[^:]+: labels\.(com\.docker\.compose|plumbline)\./,
        allows: (expected, actual) => expected === none || actual === none,
    },
    {
        name: "container-name",
        reason: "A container's name carries its revision, so that two revisions can stand side by side.",
        property: /^[^:]+: container_name$/,
        allows: any,
    },
    {
        name: "built-image-name",
        reason: "An image that is built here is named after the digest of its source, not after the project.",
        property: /^[^:]+: image$/,
        allows: any,
    },
    {
        name: "image-built-apart",
        reason: "An image that is built here carries that digest as a label, and two builds of one source differ in times: an image is compared by what its containers are and answer.",
        property: /^[^:]+: image\.(id|source)$/,
        allows: any,
    },
    {
        name: "revision-variable",
        reason: "PLUMBLINE_REVISION tells the service which revision it is; the image says `development` for itself.",
        property: /^[^:]+: environment\.PLUMBLINE_REVISION$/,
        allows: any,
    },
    {
        name: "network-of-provider",
        reason: "Pulumi's provider makes a container on the engine's own network and moves it to its networks before it starts.",
        property: /^[^:]+: network_mode$/,
        allows: (expected) => expected === "its networks",
    },
    {
        name: "buckets-of-baseline",
        reason: "Buckets under x-plumbline have the limits declared there (R05); plain compose leaves them to the first client, who sets none.",
        property: /^[^:]+: bucket /,
        allows: (expected, actual) =>
            actual !== none && (expected === none || withoutLimits(actual, expected) === withoutLimits(expected)),
    },
];

/** A bucket without the limits that only the declaration sets: what another has set beside it is no such limit. */
function withoutLimits(bucket: string, other: string = bucket): string {
    const [own, beside] = [JSON.parse(bucket), JSON.parse(other)] as Record<string, unknown>[];
    const limits = ["file_size_limit", "allowed_mime_types"].filter((key) => (beside?.[key] ?? null) === null);
    return JSON.stringify(Object.fromEntries(Object.entries(own ?? {}).filter(([key]) => !limits.includes(key))));
}
