/** The program: what `pulumi preview` plans and `pulumi up` carries out, in order. */
import * as pulumi from "@pulumi/pulumi";
import { Edge } from "./components/edge.ts";
import { Images } from "./components/images.ts";
import { StackNetworks } from "./components/networks.ts";
import { ServiceContainer } from "./components/service-container.ts";
import { DataVolumes } from "./components/volumes.ts";
import { Credentials } from "./providers/credentials.ts";
import { DynamicHost } from "./providers/dynamic-resource.ts";
import { Rollout } from "./providers/rollout.ts";
import { Validation } from "./providers/validation.ts";
import { builtImages } from "./release/images.ts";
import { supabaseOutputs } from "./release/supabase.ts";

// Node runs what stands here: the source maps that Pulumi's hook would read for each stack trace tell nothing.
Reflect.deleteProperty(Error, "prepareStackTrace");

const host = new DynamicHost("host");
const stack = pulumi.getStack();
const engineHost = new pulumi.Config("docker").get("host");
// Loaded while the host starts.
const { decideRelease } = await import("./rollout/decide.ts");
const decided = await decideRelease({
    stack,
    config: pulumi.runtime.allConfig(),
    env: process.env,
    isPreview: pulumi.runtime.isDryRun(),
    engineHost,
});
for (const note of decided.notes) pulumi.log.warn(note);
const { release, text, settings, buildTokens, isItsEngine, abandoned, renewals } = decided;
const { project, network } = release;
const at = engineHost === undefined ? {} : { engineHost };

const credentials = new Credentials(
    "credentials",
    {
        sources: { ...release.secretSources },
        versions: { ...release.secretVersions },
        given: pulumi.secret({ ...settings.secrets }),
        ...(isItsEngine ? { ledger: { project, image: release.edge.image.reference, network, ...at } } : {}),
    },
    { provider: host },
);
const secrets = credentials.values;

// After the credentials, which refuse, in a plan too, a stack that another Pulumi state has deployed.
const owner = { project, stack };
const networks = new StackNetworks("networks", { networks: release.networks, owner }, { dependsOn: [credentials] });
const volumes = new DataVolumes("volumes", { volumes: release.volumes, owner });
const images = new Images("images", { images: builtImages(release), buildTokens, ...at });
const edge = new Edge("edge", { edge: release.edge, project, stack, images, renewals }, { dependsOn: [networks] });
const shared = { project, stack, images, renewals, secrets };
const after = { dependsOn: [networks, volumes] };
const services = release.services.map((service) => new ServiceContainer({ service, ...shared }, after));

// The backup of what runs comes here, before anything is touched.
const containers = Object.fromEntries(services.map(({ service, declared }) => [service, declared]));
const rollout = new Rollout(
    "rollout",
    {
        release: text,
        edge: edge.declared,
        containers,
        secrets,
        ...at,
        ...(abandoned === undefined ? {} : { abandoned }),
        ...(Object.keys(renewals).length === 0 ? {} : { renewals }),
    },
    { provider: host, dependsOn: [networks, volumes, images, edge, ...services] },
);
const validation = new Validation(
    "validation",
    {
        release: text,
        outcome: rollout.outcome,
        edge: edge.declared,
        secrets,
        composeFile: settings.composeFile,
        retention: { ...settings.reports },
        ...at,
    },
    { provider: host },
);

export const summary = rollout.outcome;
export const verdicts = validation.verdicts;
export const parity = validation.parity;
export const successRates = validation.rates;
export const releaseId = release.id;
// What `recover` needs to ask the services of the stack.
export const credentialValues = secrets;
export const supabase = secrets.apply((values) => supabaseOutputs(release.supabase, values));
