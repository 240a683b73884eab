/** What is left of the engine's machine, disk and memory: read here when the engine is on this machine, otherwise asked in a container. */
import { readFile, statfs } from "node:fs/promises";
import type { Engine } from "./docker.ts";

/** Bytes that are left; undefined where nobody could tell. */
export interface MachineSpace {
    readonly diskFree: number | undefined;
    readonly memoryAvailable: number | undefined;
}

/** Of this machine. @param folder on the disk that is meant */
export async function localSpace(folder: string): Promise<MachineSpace> {
    const [disk, memory] = await Promise.all([
        statfs(folder).catch(() => undefined),
        readFile("/proc/meminfo", "utf8").catch(() => ""),
    ]);
    return {
        diskFree: disk === undefined ? undefined : disk.bavail * disk.bsize,
        memoryAvailable: availableMemory(memory),
    };
}

/**
 * Of another machine, as a running container on it sees it: its root lies on the engine's disk, and the kernel's memory is
 * that of the machine.
 */
export async function remoteSpace(engine: Pick<Engine, "exec">, container: string): Promise<MachineSpace> {
    const script = "df -kP / | tail -n 1; cat /proc/meminfo";
    const answer = await engine.exec(container, ["sh", "-c", script], { timeoutMs: 10_000 }).catch(() => undefined);
    return answer?.exitCode === 0 ? parseSpace(answer.stdout) : { diskFree: undefined, memoryAvailable: undefined };
}

/** Reads the last line of `df -kP`, followed by `/proc/meminfo`. Pure. */
export function parseSpace(text: string): MachineSpace {
    const [, free] = /^\S+\s+\d+\s+\d+\s+(\d+)\s/.exec(text) ?? [];
    return { diskFree: free === undefined ? undefined : Number(free) * 1024, memoryAvailable: availableMemory(text) };
}

function availableMemory(meminfo: string): number | undefined {
    const [, kilobytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}
