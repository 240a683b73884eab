/** What the processes of a container say of themselves: who they are and what they may do, as the kernel has it. */
import type { Engine } from "../../engine/docker.ts";
import { type Fact, known, unknown } from "./fact.ts";

/** One process, from `/proc/<pid>/status`. */
export interface ProcessStatus {
    /** Real, effective, saved and file system id. */
    readonly uids: readonly number[];
    readonly gids: readonly number[];
    readonly capEffective: bigint;
    readonly capBounding: bigint;
    /** 0: off, 1: strict, 2: filter. */
    readonly seccomp: number;
    readonly noNewPrivileges: boolean;
}

/** A line of `/etc/passwd` or `/etc/group`: `gid` is the user's own group, or the group itself. */
export interface NamedId {
    readonly name: string;
    readonly id: number;
    readonly gid: number;
}

export interface ProcessFacts {
    /** Process 1: the engine's init, or the program itself. */
    readonly first: ProcessStatus;
    /** The program: process 1, or the child of the engine's init. */
    readonly main: ProcessStatus;
    readonly users: readonly NamedId[];
    readonly groups: readonly NamedId[];
    /** What a write to the root file system gave: `written`, or the refusal in the system's words; absent when not tried. */
    readonly rootWrite?: string;
}

/**
 * One command in the container answers all questions: `$1` is `init` where the engine's init is process 1, `$2` is
 * `write` where a write to the root is to be tried. Sections are separated, since a file may be empty.
 */
const script = `
export LC_ALL=C
echo '== first'; cat /proc/1/status || exit 3
main=1
if [ "$1" = init ]; then
    main=
    for pid in $(cat /proc/1/task/1/children); do
        if [ -z "$main" ] || [ "$pid" -lt "$main" ]; then main=$pid; fi
    done
fi
echo '== main'; cat "/proc/$main/status" || exit 4
echo '== passwd'; cat /etc/passwd 2>/dev/null
echo '== group'; cat /etc/group 2>/dev/null
if [ "$2" = write ]; then
    echo '== write'
    if (: > /.plumbline-write-check) 2>&1; then rm -f /.plumbline-write-check; echo written; fi
fi
exit 0
`;

export interface ProcessQuestion {
    /** The engine's init is process 1. */
    readonly init: boolean;
    /** Try to write to the root file system; what was written is removed. */
    readonly tryWrite: boolean;
    /** Longest time for the command. @default 10000 */
    readonly timeoutMs?: number;
}

/** Asks a running container. Never throws: what could not be asked is unknown, with the reason. */
export async function processFacts(
    engine: Pick<Engine, "exec">,
    container: string,
    question: ProcessQuestion,
): Promise<Fact<ProcessFacts>> {
    const words = [question.init ? "init" : "direct", question.tryWrite ? "write" : "keep"];
    try {
        const answer = await engine.exec(container, ["sh", "-c", script, "sh", ...words], {
            timeoutMs: question.timeoutMs ?? 10_000,
        });
        if (answer.exitCode !== 0) {
            const said = (answer.stderr || answer.stdout).trim().split("\n").at(-1) ?? "";
            return unknown(`the command in the container ended with ${answer.exitCode}: ${said}`);
        }
        return parseProcessFacts(answer.stdout, question);
    } catch (error) {
        return unknown(error instanceof Error ? error.message : String(error));
    }
}

/** Pure: from the command's output. An answer that lacks a section or a line is unknown, never a default. */
export function parseProcessFacts(output: string, question: Pick<ProcessQuestion, "tryWrite">): Fact<ProcessFacts> {
    const sections = new Map<string, string>();
    for (const part of output.split(/^== /m).slice(1)) {
        const end = part.indexOf("\n");
        sections.set(part.slice(0, end), part.slice(end + 1));
    }
    const first = parseStatus(sections.get("first") ?? "");
    const main = parseStatus(sections.get("main") ?? "");
    const rootWrite = sections.get("write")?.trim();
    if (first === undefined || main === undefined) return unknown("/proc/<pid>/status lacks a line");
    if (question.tryWrite && !rootWrite) return unknown("nothing tells what the write to the root gave");
    return known({
        first,
        main,
        users: namedIds(sections.get("passwd") ?? "", 3),
        groups: namedIds(sections.get("group") ?? "", 2),
        ...(rootWrite ? { rootWrite } : {}),
    });
}

function parseStatus(text: string): ProcessStatus | undefined {
    const line = (name: string) => new RegExp(`^${name}:\\s*(.+)$`, "m").exec(text)?.[1]?.trim();
    const ids = (name: string) => line(name)?.split(/\s+/).map(Number);
    const mask = (name: string) => {
        const hex = line(name);
        return hex === undefined || !/^[0-9a-f]+$/i.test(hex) ? undefined : BigInt(`0x${hex}`);
    };
    const [uids, gids, capEffective, capBounding] = [ids("Uid"), ids("Gid"), mask("CapEff"), mask("CapBnd")];
    const [seccomp, noNewPrivileges] = [line("Seccomp"), line("NoNewPrivs")];
    if (uids?.length !== 4 || gids?.length !== 4 || capEffective === undefined || capBounding === undefined) return;
    if (seccomp === undefined || noNewPrivileges === undefined) return;
    return {
        uids,
        gids,
        capEffective,
        capBounding,
        seccomp: Number(seccomp),
        noNewPrivileges: noNewPrivileges === "1",
    };
}

function namedIds(text: string, gidColumn: number): NamedId[] {
    return text
        .split("\n")
        .map((line) => line.split(":"))
        .filter((columns) => columns.length > gidColumn)
        .map((columns) => ({ name: columns[0] ?? "", id: Number(columns[2]), gid: Number(columns[gidColumn]) }));
}
