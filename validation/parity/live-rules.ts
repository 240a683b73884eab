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
        name: "image-label",
        reason: "An image that is built here carries that digest as a label, so its id is another one; its layers are compared.",
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
        reason: "Buckets under x-plumbline are made by the rollout (R05); plain compose leaves them to the first client.",
        property: /^[^:]+: bucket /,
        allows: (expected, actual) => expected === none && actual !== none,
    },
];
