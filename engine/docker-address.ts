/** Where the engine is: from the setting or the usual variable to what its client wants. */

import { existsSync, readFileSync } from "node:fs";
import { homedir, platform } from "node:os";
import { join } from "node:path";
import type Docker from "dockerode";
import { PlumblineError } from "../release/errors.ts";

/** The address to use: the given one, then DOCKER_HOST, then the socket where an engine usually listens. */
export function engineAddress(host: string | undefined, environment: NodeJS.ProcessEnv = process.env): string {
    const given = host || environment.DOCKER_HOST;
    if (given) return given;
    if (platform() === "win32") return "npipe:////./pipe/docker_engine";
    const desktop = join(homedir(), ".docker", "run", "docker.sock");
    return `unix://${!existsSync("/var/run/docker.sock") && existsSync(desktop) ? desktop : "/var/run/docker.sock"}`;
}

/**
 * The client's options for an address.
 *
 * @throws PlumblineError `engine` when it is of a kind that is not supported
 */
export function clientOptions(address: string, environment: NodeJS.ProcessEnv = process.env): Docker.DockerOptions {
    const [, scheme, rest] = /^([a-z]+):\/\/(.*)$/.exec(address) ?? [];
    if ((scheme === "unix" || scheme === "npipe") && rest) return { socketPath: rest };
    if ((scheme === "tcp" || scheme === "http" || scheme === "https") && rest) {
        const url = new URL(`http://${rest}`);
        const secure = scheme === "https" || environment.DOCKER_TLS_VERIFY === "1" || url.port === "2376";
        const common = { host: url.hostname, port: Number(url.port || (secure ? 2376 : 2375)) };
        return secure
            ? { ...common, protocol: "https", ...certificates(environment) }
            : { ...common, protocol: "http" };
    }
    if (scheme === "ssh") {
        throw new PlumblineError(
            "engine",
            `The engine's address ${address} is an ssh address, which is not supported`,
            {
                remedy: "Forward the engine's socket (ssh -L /tmp/engine.sock:/var/run/docker.sock …) and use unix:///tmp/engine.sock.",
            },
        );
    }
    throw new PlumblineError("engine", `The engine's address ${address} is not understood`, {
        remedy: "Use unix:///path/to/docker.sock, tcp://host:port or npipe:////./pipe/name in docker:host or DOCKER_HOST.",
    });
}

function certificates(environment: NodeJS.ProcessEnv): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
    const folder = environment.DOCKER_CERT_PATH;
    if (!folder) return {};
    return {
        ca: readFileSync(join(folder, "ca.pem")),
        cert: readFileSync(join(folder, "cert.pem")),
        key: readFileSync(join(folder, "key.pem")),
    };
}
