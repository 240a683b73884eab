/** A folder that cannot be written to, not even by root. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** The words of a command that runs in a namespace of its own, where a folder is mounted read-only. */
export function onReadOnly(folder: string, command: string, args: readonly string[]): readonly [string, string[]] {
    const mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
    return ["unshare", ["--mount", "--map-root-user", "sh", "-c", mount, folder, command, ...args]];
}

/** Why no command can be run so on this machine, as under Ubuntu's AppArmor; null when it can. */
export function whyNoReadOnly(env: NodeJS.ProcessEnv = process.env): string | null {
    const folder = mkdtempSync(path.join(tmpdir(), "plumbline-read-only-"));
    const { error, status, stderr } = spawnSync(...onReadOnly(folder, "true", []), { encoding: "utf8", env });
    rmdirSync(folder);
    return status === 0 ? null : `no folder can be mounted read-only here: ${error?.message ?? stderr.trim()}`;
}
