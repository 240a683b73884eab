/** From the files of a project to the release that a stack is to run: the only call that the program needs. */
import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Baseline, loadBaseline } from "./baseline.ts";
import { freezeRelease } from "./freeze.ts";
import { portlessDependencies } from "./portless.ts";
import { parseSettings, type Settings } from "./settings.ts";
import type { Release } from "./types.ts";

/** What compose takes where a port names no address. */
const everyAddress = "0.0.0.0";

export interface LoadedRelease {
    readonly settings: Settings;
    readonly release: Release;
    /** What the compose file says and this release does not follow, harmless as it is: for every plan. */
    readonly notes: readonly string[];
    /** Platform that the file asks for, by service. */
    readonly platforms: Readonly<Record<string, string>>;
}

export interface LoadOptions {
    /** How compose is called, as in `["docker", "compose"]`. @default the project's own, then `docker compose` */
    readonly composeCommand?: readonly string[];
    /** For the command that makes them: secrets that the stack must give may still be missing. @default false */
    readonly allowMissingSecrets?: boolean;
}

/**
 * Reads settings and baseline and freezes them.
 *
 * @param projectDir the folder of Pulumi.yaml
 * @param rawConfig the stack's configuration as Pulumi gives it, keys without `plumbline:`, structured values as JSON
 * @throws PlumblineError of category `settings`, `baseline` or `dependency`, before anything is touched
 */
export async function loadRelease(
    projectDir: string,
    stack: string,
    rawConfig: Readonly<Record<string, string>>,
    options: LoadOptions = {},
): Promise<LoadedRelease> {
    return await loadWith(parseSettings(stack, rawConfig), projectDir, options);
}

/**
 * The same for settings that were read before.
 * @throws PlumblineError of category `baseline`, `settings` or `dependency`, before anything is touched
 */
export async function loadWith(
    settings: Settings,
    projectDir: string,
    options: LoadOptions = {},
): Promise<LoadedRelease> {
    const folder = resolve(projectDir);
    const composeCommand = options.composeCommand ?? (await findCompose(folder));
    const baseline = await loadBaseline(folder, settings, { composeCommand });
    const { allowMissingSecrets = false } = options;
    const release = await freezeRelease(baseline, settings, folder, { allowMissingSecrets });
    return {
        settings,
        release,
        notes: [...baseline.notes, ...addressNotes(baseline, settings), ...portlessDependencies(release)],
        platforms: Object.fromEntries(
            baseline.services.flatMap(({ name, platform }) => (platform === undefined ? [] : [[name, platform]])),
        ),
    };
}

/** The stack decides on which address ports are published; where the file says another one, a plan says so. */
function addressNotes({ file, services }: Baseline, { bindAddress }: Settings): string[] {
    const others = services.flatMap(({ name, ports }) =>
        ports
            .filter(({ hostIp = everyAddress }) => hostIp !== bindAddress)
            .map(({ published, hostIp = everyAddress }) => `${name} ${hostIp}:${published}`),
    );
    if (others.length === 0) return [];
    return [`${file}: published on ${bindAddress}, as plumbline:bindAddress says: ${others.join(", ")}`];
}

/** How compose is called for a project: the one that the set-up put there, otherwise Docker's plugin. */
export async function findCompose(projectDir: string): Promise<readonly string[]> {
    const tools = resolve(projectDir, process.env.PLUMBLINE_TOOLS || ".plumbline");
    const own = join(tools, "bin", "docker-compose");
    return access(own).then(
        () => [own],
        () => ["docker", "compose"],
    );
}
