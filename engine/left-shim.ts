/** What an engine that crashed while it started a container leaves of that start, and how it is cleared. */
import path from "node:path";
import type Docker from "dockerode";
import { PlumblineError } from "../release/errors.ts";
import { statusOf, wordsOf } from "./docker-errors.ts";

/** How the engine's refusals read while the shim of an earlier start is there: it depends on how far that start had come. */
const refusals = [
    /task \S+: already exists/,
    /id already in use/,
    /failed to start shim: mkdir \S+: file exists/,
] as const;

/**
 * Run on the engine's machine, among all of its processes: ends the shims of the containers whose ids it is given. It looks
 * for the program and for the id as a word of its own, so that it never meets anything that only speaks of them.
 */
const script = `
for id in "$@"; do
    for file in $(grep -laF -e "$id" /proc/[0-9]*/cmdline 2>/dev/null); do
        words=$(tr '\\0' ' ' 2>/dev/null < "$file")
        case "\${words%% *}" in containerd-shim* | */containerd-shim*) ;; *) continue ;; esac
        pid=\${file#/proc/}
        case "$words" in *" -id $id "*) kill -9 "\${pid%/cmdline}" ;; esac
    done
done
true`;

/** Whether the engine refuses to start a container because a shim of it is left. */
export function isHeldByShim(error: unknown): boolean {
    const text = wordsOf(error);
    return refusals.some((refusal) => refusal.test(text));
}

/**
 * The error for a person, with what clears it. Restarting the engine does not.
 *
 * @param id the whole id
 * @param failure why it could not be cleared from here
 */
export function heldByShim(id: string, refusal: unknown, failure?: unknown): PlumblineError {
    const hindered = failure === undefined ? "" : `, which could not be ended from here: ${wordsOf(failure)}`;
    return new PlumblineError(
        "engine",
        `${wordsOf(refusal)}. A crash of the engine has left a process of an earlier start${hindered}`,
        {
            remedy: `On the engine's machine, as root: \`pkill -9 -f '[c]ontainerd-shim.* -id ${id}'\`. Then \`npm run recover\`, or deploy again.`,
            cause: refusal,
        },
    );
}

/** The folder of a start that the engine refuses to begin anew: named by the container, below those of all tasks. */
export function leftFolder(refusal: unknown, id: string): string | undefined {
    const [, folder = ""] = /failed to start shim: mkdir (\/\S+): file exists/.exec(wordsOf(refusal)) ?? [];
    const isIts = path.posix.basename(folder) === id && folder.includes("/io.containerd.runtime.v2.task/");
    return isIts && path.posix.normalize(folder) === folder ? folder : undefined;
}

/**
 * Removes a folder that `leftFolder` has named, once the shims of its container are ended: where the engine crashed within
 * the first milliseconds of a start, containerd would take it away only when it is started anew itself. What is mounted in
 * it is left alone.
 */
export async function removeLeftFolder(docker: Docker, folder: string, image: string): Promise<void> {
    const { dir, base } = path.posix.parse(folder);
    await runHelper(docker, {
        Image: image,
        Entrypoint: ["rm", "-rf", "--one-file-system", "--", path.posix.join("/left", base)],
        Cmd: [],
        HostConfig: { UsernsMode: "host", Binds: [`${dir}:/left`] },
    });
}

/**
 * The same error where that could not be done either.
 */
export function heldByFolder(refusal: unknown): PlumblineError {
    return new PlumblineError(
        "engine",
        `${wordsOf(refusal)}. A crash of the engine has left the folder of an earlier start`,
        {
            remedy: "Restart the engine (systemctl restart docker), which removes it. Then `npm run recover`, or deploy again.",
            cause: refusal,
        },
    );
}

/**
 * Ends the shims that a crash has left of containers which do not run. The shim is the process that stands between
 * containerd and a container; it outlives both the engine and its containerd. Where the engine crashes before it has written
 * down that the container runs (seen with Docker 20.10), it does not know the shim when it is back, so that neither `stop`
 * nor `kill` nor another restart reaches it, and its containerd refuses a second one. Once the shim is gone, containerd
 * takes away what that had begun, and the very same container can be started.
 *
 * No call of the engine does that, so a container does, which sees the machine's processes and may do nothing but kill.
 *
 * @param ids whole ids of containers of which the engine says that they do not run
 * @param image one with a shell
 */
export async function endLeftShims(docker: Docker, ids: readonly string[], image: string): Promise<void> {
    await runHelper(docker, {
        Image: image,
        Entrypoint: ["/bin/sh", "-c", script, "sh"],
        Cmd: [...ids],
        HostConfig: {
            PidMode: "host",
            UsernsMode: "host",
            CapAdd: ["KILL"],
            // AppArmor's usual profile lets a container send signals to containers alone.
            SecurityOpt: ["apparmor=unconfined", "no-new-privileges"],
        },
    });
}

/** Runs a container that may do no more than it is told, as root, and removes it. */
async function runHelper(docker: Docker, options: Docker.ContainerCreateOptions): Promise<void> {
    const helper = await docker.createContainer({
        ...options,
        User: "0:0",
        NetworkDisabled: true,
        HostConfig: {
            NetworkMode: "none",
            ReadonlyRootfs: true,
            CapDrop: ["ALL"],
            SecurityOpt: ["no-new-privileges"],
            ...options.HostConfig,
        },
    });
    try {
        await helper.start();
        const { StatusCode: code } = (await helper.wait()) as { readonly StatusCode: number };
        if (code !== 0) throw new Error(`the helper ended with exit code ${code}`);
    } finally {
        await helper.remove({ force: true }).catch((error: unknown) => {
            if (statusOf(error) !== 404) throw error;
        });
    }
}
