/** The edge's probe listener: its port inside the edge, and where it is reached from this machine. */
import type { Release } from "./types.ts";

/** Port of the edge's container. */
export const probeListenerPort = 19_000;

/**
 * The listener's own address, or the engine's machine where the engine is another one.
 *
 * @param engineAddress as in `unix:///var/run/docker.sock` or `tcp://10.0.0.5:2376`
 */
export function probeAddress(release: Release, engineAddress: string): { host: string; port: number } {
    const { probeHostIp, probePort } = release.edge;
    const anyAddress = probeHostIp === "0.0.0.0" || probeHostIp === "::" || probeHostIp === "";
    if (!anyAddress) return { host: probeHostIp, port: probePort };
    const [, remote] = /^(?:tcp|https?):\/\/(.+)$/.exec(engineAddress) ?? [];
    if (remote === undefined) return { host: "127.0.0.1", port: probePort };
    return { host: new URL(`http://${remote}`).hostname.replace(/^\[|\]$/g, ""), port: probePort };
}
