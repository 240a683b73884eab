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
import { refuseGateSkippingVariables } from "./release/gate-skipping.ts";
import { builtImages } from "./release/images.ts";
import { loadRelease } from "./release/load.ts";
import { checkPassphrase } from "./release/settings.ts";
import { requireSettings } from "./release/stack-file.ts";
import { supabaseOutputs } from "./release/supabase.ts";
import { chooseRelease } from "./rollout/choose.ts";
import { withFreePorts } from "./rollout/free-ports.ts";
import { Ledger } from "./rollout/ledger.ts";
import { lookAtEngine } from "./validation/preflight/look.ts";
import { preflight } from "./validation/preflight/preflight.ts";

const stack = pulumi.getStack();
refuseGateSkippingVariables(process.env);
checkPassphrase(stack, process.env);
const raw = stackConfiguration(pulumi.runtime.allConfig());
requireSettings(stack, raw);
const loaded = await loadRelease(".", stack, raw);
const { settings, release: frozen } = loaded;
const engineHost = new pulumi.Config("docker").get("host");
const engine = connectEngine(engineHost, frozen.network);
const { project } = frozen;
const ledger = new Ledger(engine, project, frozen.edge.image.reference);
const look = await lookAtEngine(engine);
const run = { engine, env: process.env, isPreview: pulumi.runtime.isDryRun() };
const baseline = await withFreePorts(frozen, settings, look, ledger);
const choice = await chooseRelease(baseline, { ...run, ledger, isReached: look.reached });
const { release, text, abandoned, renewals } = choice;
// A release that is put back in the place of the baseline's was made on this engine.
const platforms = release.id === baseline.id ? loaded.platforms : {};
const checked = await preflight(release, { ...run, settings, look, history: ledger, platforms });
for (const note of [...loaded.notes, ...choice.notes, ...checked.notes]) pulumi.log.warn(note);
const at = engineHost === undefined ? {} : { engineHost };

const credentials = new Credentials("credentials", {
    sources: { ...release.secretSources },
    versions: { ...release.secretVersions },
    given: pulumi.secret({ ...settings.secrets }),
    ledger: { project, image: release.edge.image.reference, ...at },
});
const secrets = credentials.values;

// After the credentials, which refuse to be made for a stack that another Pulumi state has deployed.
const owner = { project, stack };
const networks = new StackNetworks("networks", { networks: release.networks, owner }, { dependsOn: [credentials] });
const volumes = new DataVolumes("volumes", { volumes: release.volumes, owner });
const images = new Images("images", { images: builtImages(release), buildTokens: checked.buildTokens, ...at });
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
    { dependsOn: [networks, volumes, images, edge, ...services] },
);
const validation = new Validation("validation", {
    release: text,
    outcome: rollout.outcome,
    edge: edge.declared,
    secrets,
    composeFile: settings.composeFile,
    retention: { ...settings.reports },
    ...at,
});

export const summary = rollout.outcome;
export const verdicts = validation.verdicts;
export const parity = validation.parity;
export const successRates = validation.rates;
export const releaseId = release.id;
// What `recover` needs to ask the services of the stack.
export const credentialValues = secrets;
export const supabase = secrets.apply((values) => supabaseOutputs(release.supabase, values));
