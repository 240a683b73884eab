/** Every version that the set-up installs, once. Those of npm packages stand in package.json. */

export const versions = {
    /** Pulumi's CLI, from its official release as from Go modules. */
    pulumi: "3.274.1",
    /** The Node language host as a Go module: the last one inside the sdk module. Official releases bring their own. */
    languageHostModule: "3.60.0",
    dockerPlugin: "5.2.0",
    commandPlugin: "1.2.1",
    /** The last compose whose module builds with the Go of a current Debian. */
    compose: "2.40.3",
    /** An installed `docker compose` older than this is not used. */
    composeAtLeast: "2.20.0",
    /** The least that the modules in `toolchain/go` build with. */
    goAtLeast: "1.26.6",
    /** From here on a Go that may do so fetches the newer one that it needs by itself. */
    goFetchesNewer: "1.21.0",
    baseImage: "debian:bookworm-slim",
    debianSuite: "bookworm",
} as const;

/** Whether a version such as `1.26.8` is at least another; what follows a hyphen or plus sign is left out. */
export function isAtLeast(version: string, least: string): boolean {
    const numbers = (text: string) =>
        (text.split(/[-+]/)[0] ?? "").split(".").map((part) => Number.parseInt(part, 10) || 0);
    const [have, want] = [numbers(version), numbers(least)];
    for (const [index, number] of want.entries()) {
        const difference = (have[index] ?? 0) - number;
        if (difference !== 0) return difference > 0;
    }
    return true;
}
