/** Whether the engine is of the platform that the compose file asks for: images are built and pulled for its own. */
import type { Engine } from "../engine/docker.ts";
import { PlumblineError } from "../release/errors.ts";

/** Other names for the same architecture. */
const sameArchitecture: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64", armhf: "arm" };

/**
 * Asks the engine only where the file names a platform.
 *
 * @param platforms service to platform, as `linux/amd64` or `linux/arm64/v8`
 * @throws PlumblineError of category `image` when a service asks for another one than the engine's
 */
export async function refuseOtherPlatforms(
    platforms: Readonly<Record<string, string>>,
    engine: Pick<Engine, "info">,
): Promise<void> {
    if (Object.keys(platforms).length === 0) return;
    const { os, architecture } = await engine.info();
    const own = `${os}/${nameOf(architecture)}`;
    for (const [service, platform] of Object.entries(platforms)) {
        const [wantedOs = "", wanted = ""] = platform.toLowerCase().split("/");
        if (`${wantedOs}/${nameOf(wanted)}` === own) continue;
        throw new PlumblineError("image", `${service} is for ${platform}, and the engine is ${own}`, {
            service,
            remedy: "Take `platform` out of the compose file, or deploy to an engine of that platform.",
        });
    }
}

function nameOf(architecture: string): string {
    return sameArchitecture[architecture] ?? architecture;
}
