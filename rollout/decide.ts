/** What a run of the program deploys, decided before the first resource is declared: read, chosen and judged. */
import { connectEngine } from "../engine/docker.ts";
import { stackConfiguration } from "../release/config.ts";
import { networkPolicy } from "../release/freeze.ts";
import { refuseGateSkippingVariables } from "../release/gate-skipping.ts";
import { loadWith } from "../release/load.ts";
import { checkPassphrase, parseSettings, type Settings } from "../release/settings.ts";
import { requireSettings } from "../release/stack-file.ts";
import { lookAtEngine } from "../validation/preflight/look.ts";
import { preflight } from "../validation/preflight/preflight.ts";
import { changeNotes } from "./change-notes.ts";
import { type Choice, chooseRelease } from "./choose.ts";
import { withFreePorts } from "./free-ports.ts";
import { Ledger } from "./ledger.ts";

/** The run of the program for which it is decided. */
export interface ProgramRun {
    readonly stack: string;
    /** The stack's whole configuration, secrets in clear. */
    readonly config: Readonly<Record<string, string>>;
    readonly env: Readonly<NodeJS.ProcessEnv>;
    /** Nothing is changed by it. */
    readonly isPreview: boolean;
    /** Address of the engine; default: `DOCKER_HOST`, or the engine on this machine. */
    readonly engineHost: string | undefined;
}

/** What is deployed: the release of the checkout, or the one that is pinned or put back in its place. */
export interface Decision extends Pick<Choice, "release" | "text" | "abandoned" | "renewals"> {
    readonly settings: Settings;
    /** For each built image what makes its build run; undefined where no engine could be asked. */
    readonly buildTokens: Readonly<Record<string, string>> | undefined;
    /** False where no engine could be asked, and in a plan from nothing: then nothing that runs is the stack's. */
    readonly isItsEngine: boolean;
    /** What a person must know about it, in the order in which it was found. */
    readonly notes: readonly string[];
}

/**
 * Reads the baseline and the stack's settings, chooses the release by the ledger, and judges it by preflight.
 * @throws PlumblineError with everything that preflight refuses, or with the one thing that hindered the way there
 */
export async function decideRelease(run: ProgramRun): Promise<Decision> {
    const { stack, env, isPreview } = run;
    refuseGateSkippingVariables(env);
    checkPassphrase(stack, env);
    const raw = stackConfiguration(run.config);
    requireSettings(stack, raw);
    const settings = parseSettings(stack, raw);
    const engine = connectEngine(run.engineHost, networkPolicy(settings));
    // Side by side: the engine is asked while the baseline is read.
    const [loaded, look] = await Promise.all([loadWith(settings, "."), lookAtEngine(engine)]);
    const { release: frozen } = loaded;
    const ledger = new Ledger(engine, frozen.project, frozen.edge.image.reference);
    const baseline = await withFreePorts(frozen, settings, look, ledger);
    const choice = await chooseRelease(baseline, { engine, env, isPreview, ledger, isReached: look.reached });
    const { release, text, abandoned, renewals } = choice;
    // A release that is put back in the place of the baseline's was made on this engine.
    const platforms = release.id === baseline.id ? loaded.platforms : {};
    const checked = await preflight(release, { engine, env, isPreview, settings, look, history: ledger, platforms });
    return {
        release,
        text,
        abandoned,
        renewals,
        settings,
        buildTokens: checked.buildTokens,
        isItsEngine: checked.isItsEngine,
        notes: [...loaded.notes, ...choice.notes, ...(await changeNotes(choice, ledger)), ...checked.notes],
    };
}
