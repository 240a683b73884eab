/** Whether the engine is of the platform that the compose file asks for: images are built and pulled for its own. Pure. */
import type { EngineInfo } from "../../../engine/docker.ts";
import { fail, type PreflightFinding, pass } from "../finding.ts";

/** Other names for the same architecture. */
const sameArchitecture: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64", armhf: "arm" };

/** @param platforms service to platform, as `linux/amd64` or `linux/arm64/v8` */
export function judgePlatforms(
    platforms: Readonly<Record<string, string>>,
    { os, architecture }: Pick<EngineInfo, "os" | "architecture">,
): PreflightFinding[] {
    const own = `${os}/${nameOf(architecture)}`;
    return Object.entries(platforms).map(([service, platform]) => {
        const [wantedOs = "", wanted = ""] = platform.toLowerCase().split("/");
        if (`${wantedOs}/${nameOf(wanted)}` === own) return pass("engine", `${service} is for ${own}`);
        return fail({
            check: "engine",
            category: "image",
            service,
            message: `${service} is for ${platform}, and the engine is ${own}`,
            remedy: "Take `platform` out of the compose file, or deploy to an engine of that platform.",
        });
    });
}

function nameOf(architecture: string): string {
    return sameArchitecture[architecture] ?? architecture;
}
