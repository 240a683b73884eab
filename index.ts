/** The program: what `pulumi preview` plans and `pulumi up` carries out, in order. */
import * as pulumi from "@pulumi/pulumi";
import { Edge } from "./components/edge.ts";
import { Images } from "./components/images.ts";
import { StackNetworks } from "./components/networks.ts";
import { ServiceContainer } from "./components/service-container.ts";
import { DataVolumes } from "./components/volumes.ts";
import { connectEngine } from "./engine/docker.ts";
import { Credentials } from "./providers/credentials.ts";
import { Rollout } from "./providers/rollout.ts";
import { Validation } from "./providers/validation.ts";
import { stackConfiguration } from "./release/config.ts";
import { builtImages } from "./release/images.ts";
import { loadRelease } from "./release/load.ts";
import { checkPassphrase } from "./release/settings.ts";
import { chooseRelease } from "./rollout/choose.ts";
import { withFreePorts } from "./rollout/free-ports.ts";
import { Ledger } from "./rollout/ledger.ts";
import { lookAtEngine } from "./validation/preflight/look.ts";
import { preflight } from "./validation/preflight/preflight.ts";

const stack = pulumi.getStack();
checkPassphrase(stack, process.env);
const { settings, release: frozen } = await loadRelease(".", stack, stackConfiguration(pulumi.runtime.allConfig()));
const engineHost = new pulumi.Config("docker").get("host");
const engine = connectEngine(engineHost, frozen.network);
const { project } = frozen;
const ledger = new Ledger(engine, project, frozen.edge.image.reference);
const look = await lookAtEngine(engine);
const run = { engine, env: process.env, isPreview: pulumi.runtime.isDryRun() };
const baseline = await withFreePorts(frozen, settings, look, ledger);
const choice = await chooseRelease(baseline, { ...run, ledger, isReached: look.reached });
const { release, text, abandoned } = choice;
const checked = await preflight(release, { ...run, settings, look, history: ledger });
for (const note of [...choice.notes, ...checked.notes]) pulumi.log.warn(note);
const at = engineHost === undefined ? {} : { engineHost };

const credentials = new Credentials("credentials", {
    sources: { ...release.secretSources },
    versions: { ...release.secretVersions },
    given: pulumi.secret({ ...settings.secrets }),
});
const secrets = credentials.values;

const networks = new StackNetworks("networks", { networks: release.networks, owner: { project, stack } });
const volumes = new DataVolumes("volumes", { volumes: release.volumes, owner: { project, stack } });
const images = new Images("images", {
    images: builtImages(release),
    buildTokens: checked.buildTokens,
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
