/** The program: what `pulumi preview` plans and `pulumi up` carries out, in order. */
import * as pulumi from "@pulumi/pulumi";
import { Edge } from "./components/edge.ts";
import { Images } from "./components/images.ts";
import { StackNetworks } from "./components/networks.ts";
import { ServiceContainer } from "./components/service-container.ts";
import { DataVolumes } from "./components/volumes.ts";
import { imageBuildTokens } from "./engine/build-tokens.ts";
import { connectEngine } from "./engine/docker.ts";
import { Credentials } from "./providers/credentials.ts";
import { Rollout } from "./providers/rollout.ts";
import { Validation } from "./providers/validation.ts";
import { stackConfiguration } from "./release/config.ts";
import { builtImages } from "./release/images.ts";
import { loadRelease } from "./release/load.ts";
import { checkPassphrase } from "./release/settings.ts";
import { chooseRelease } from "./rollout/choose.ts";
import { Ledger } from "./rollout/ledger.ts";

const stack = pulumi.getStack();
checkPassphrase(stack, process.env);
const { settings, release: baseline } = await loadRelease(".", stack, stackConfiguration(pulumi.runtime.allConfig()));
const engineHost = new pulumi.Config("docker").get("host");
const engine = connectEngine(engineHost, baseline.network);
const { project } = baseline;
const ledger = new Ledger(engine, project, baseline.edge.image.reference);
const choice = await chooseRelease(baseline, {
    engine,
    ledger,
    env: process.env,
    isPreview: pulumi.runtime.isDryRun(),
});
for (const note of choice.notes) pulumi.log.warn(note);
const { release, text, abandoned } = choice;
const at = engineHost === undefined ? {} : { engineHost };

const credentials = new Credentials("credentials", {
    sources: { ...release.secretSources },
    versions: { ...release.secretVersions },
    given: pulumi.secret({ ...settings.secrets }),
    ledger: { project, image: release.edge.image.reference, ...at },
});
const secrets = credentials.values;

// After the credentials, which refuse to be made for a stack that another Pulumi state has deployed.
const networks = new StackNetworks("networks", { networks: release.networks }, { dependsOn: [credentials] });
const volumes = new DataVolumes("volumes", { volumes: release.volumes });
const images = new Images("images", {
    images: builtImages(release),
    buildTokens: await imageBuildTokens(engine, builtImages(release)),
    ...at,
});
const edge = new Edge("edge", { edge: release.edge, project, stack, images }, { dependsOn: [networks] });
const services = release.services.map(
    (service) => new ServiceContainer({ service, project, stack, images, secrets }, { dependsOn: [networks, volumes] }),
);

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
    },
    { dependsOn: [networks, volumes, images, edge, ...services] },
);
const validation = new Validation("validation", {
    release: text,
    outcome: rollout.outcome,
    secrets,
    retention: { ...settings.reports },
    ...at,
});

export const summary = rollout.outcome;
export const verdicts = validation.verdicts;
export const releaseId = release.id;
// What `recover` needs to ask the services of the stack.
export const credentialValues = secrets;
export const supabase = secrets.apply((values) => ({
    projectId: release.supabase?.projectId,
    apiUrl: release.supabase?.apiUrl,
    anonKey: values[release.supabase?.anonKey ?? ""],
    serviceRoleKey: values[release.supabase?.serviceRoleKey ?? ""],
}));
