/** Whether the engine is new enough. Pure. */
import type { EngineInfo } from "../../../engine/docker.ts";
import { fail, inconclusive, type PreflightFinding, pass } from "../finding.ts";

/** @param least oldest API version, as in `1.41` */
export function judgeEngine(
    address: string,
    { apiVersion, serverVersion }: Pick<EngineInfo, "apiVersion" | "serverVersion">,
    least: string,
): PreflightFinding[] {
    const [own, wanted] = [parsed(apiVersion), parsed(least)];
    const found = `The Docker engine at ${address} (${serverVersion})`;
    if (own === undefined || wanted === undefined) {
        return [
            inconclusive({
                check: "engine",
                category: "engine",
                message: `${found} does not tell the version of its API, so nobody knows whether it is new enough`,
                remedy: "Look what answers there: `docker version` shows it.",
                refuses: true,
            }),
        ];
    }
    if (own.major > wanted.major || (own.major === wanted.major && own.minor >= wanted.minor)) {
        return [pass("engine", `${found} has API ${apiVersion}`)];
    }
    return [
        fail({
            check: "engine",
            category: "engine",
            message: `${found} is too old: it has API ${apiVersion}, ${least} or newer is needed`,
            remedy: "Upgrade the Docker engine to 20.10 or newer, or name another one in docker:host; plumbline:preflight.engineApi is the limit.",
        }),
    ];
}

function parsed(version: string): { major: number; minor: number } | undefined {
    const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
    return major === undefined || minor === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}
