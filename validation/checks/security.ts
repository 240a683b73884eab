/** Whether a new container may do more than the one it follows: the minimal security gate (R50). Pure. */
import type { ContainerFacts } from "../../engine/docker.ts";
import type { Release } from "../../release/types.ts";

/** What a container may do, as the engine says. */
export interface Powers {
    readonly privileged: boolean;
    /** Runs as root: no user, `root`, or user id 0. */
    readonly root: boolean;
    readonly capabilities: readonly string[];
    /** Capabilities were taken away, all of them. */
    readonly dropsAll: boolean;
    /** Capabilities that were taken away one by one. */
    readonly dropped: readonly string[];
    readonly readOnlyRoot: boolean;
    readonly noNewPrivileges: boolean;
    /** Host paths that are mounted, with `:ro` where they cannot be written. */
    readonly hostPaths: readonly string[];
    /** Namespaces of the host that it shares. */
    readonly hostNamespaces: readonly string[];
}

export function powersOf(facts: Pick<ContainerFacts, "raw">): Powers {
    const { HostConfig: host, Config: config, Mounts: mounts } = facts.raw;
    const user = (config.User ?? "").split(":")[0] ?? "";
    const drops = (host.CapDrop ?? []) as string[];
    const options = (host.SecurityOpt ?? []) as string[];
    const shared = { pid: host.PidMode, ipc: host.IpcMode, network: host.NetworkMode, user: host.UsernsMode };
    return {
        privileged: host.Privileged === true,
        root: user === "" || user === "root" || user === "0",
        capabilities: [...((host.CapAdd ?? []) as string[])].sort(),
        dropsAll: drops.some((name) => /^(CAP_)?ALL$/i.test(name)),
        dropped: [...drops].sort(),
        readOnlyRoot: host.ReadonlyRootfs === true,
        noNewPrivileges: options.some((option) => option.startsWith("no-new-privileges") && !option.endsWith("false")),
        hostPaths: (mounts ?? [])
            .filter((mount) => mount.Type === "bind")
            .map((mount) => (mount.RW ? mount.Source : `${mount.Source}:ro`))
            .sort(),
        hostNamespaces: Object.entries(shared).flatMap(([name, mode]) => (mode === "host" ? [name] : [])),
    };
}

/** What the candidate may do and the container before it may not, a phrase each; empty when nothing got worse. */
export function weakenings(before: Powers, after: Powers): string[] {
    const gained = (what: string, old: readonly string[], now: readonly string[]) =>
        now.filter((entry) => !old.includes(entry)).map((entry) => `${what} ${entry}`);
    // What could be written before may be read now.
    const paths = [...before.hostPaths, ...before.hostPaths.map((path) => `${path}:ro`)];
    const keeps =
        before.dropsAll || after.dropsAll ? [] : before.dropped.filter((name) => !after.dropped.includes(name));
    const lost = (what: string, old: boolean, now: boolean) => (old && !now ? [what] : []);
    return [
        ...lost("privileged", !before.privileged, !after.privileged),
        ...lost("runs as root", !before.root, !after.root),
        ...lost("keeps the default capabilities", before.dropsAll, after.dropsAll),
        ...lost("a root file system that can be written", before.readOnlyRoot, after.readOnlyRoot),
        ...lost("may gain privileges", before.noNewPrivileges, after.noNewPrivileges),
        ...gained("capability", before.capabilities, [...after.capabilities, ...keeps]),
        ...gained("host path", paths, after.hostPaths),
        ...gained("namespace of the host:", before.hostNamespaces, after.hostNamespaces),
    ];
}

/** Ports that were published on loopback only, or not at all, and that other machines would reach now. */
export function widerPublished(before: Release, after: Release): string[] {
    const open = (release: Release) =>
        [...release.edge.listeners, ...release.edge.gateways]
            .flatMap(({ published }) => (published === undefined ? [] : [published]))
            .filter(({ hostIp }) => !hostIp.startsWith("127.") && hostIp !== "::1")
            .map(({ hostIp, port }) => ({ address: `${hostIp}:${port}`, everywhere: `0.0.0.0:${port}` }));
    const known = new Set(open(before).map(({ address }) => address));
    return open(after).flatMap(({ address, everywhere }) =>
        known.has(address) || known.has(everywhere) ? [] : [address],
    );
}
