/** What the processes themselves show: who they are, what they may do, and that a read-only root cannot be written. */
import { type Fact, known } from "../facts/fact.ts";
import type { NamedId, ProcessFacts, ProcessStatus } from "../facts/process.ts";
import { capabilityNames, securityOptions } from "./parity-power.ts";
import { equal, type Outcome, open, type ParityCheck, type Subject } from "./parity-property.ts";

export const processes: ParityCheck = {
    knows: {},
    compare(subject) {
        return evidence(subject).map((outcome) => ({ ...outcome, ofProcess: true }));
    },
};

function evidence(subject: Subject): Outcome[] {
    const { service, container, process } = subject;
    const { Status: status, ExitCode: exitCode } = container.State;
    const paths = [["user"], ["cap_drop"], ["security_opt", "no-new-privileges"], ["security_opt", "seccomp"]];
    if (service.spec.readOnly) paths.push(["read_only"]);
    if (service.kind === "job" && (status === "created" || (status === "exited" && exitCode === 0))) {
        const why = status === "created" ? "the job had run before" : "the job has ended";
        return paths.map((path) => ({
            path,
            result: "intended",
            rule: "finished-job",
            expected: "as the engine says",
            actual: `no process: ${why}`,
        }));
    }
    if (!process.known) return paths.map((path) => open(path, process.reason));
    const facts = process.value;
    return [
        identity(subject, facts),
        capabilities(subject, facts),
        noNewPrivileges(subject, facts),
        seccomp(subject, facts),
        ...(service.spec.readOnly ? [readOnlyRoot(facts)] : []),
    ];
}

function declaredUser({ service, expectedImage }: Subject): Fact<string> {
    if (service.spec.user !== undefined) return known(service.spec.user);
    return expectedImage.known ? known(expectedImage.value.Config.User) : expectedImage;
}

function identity(subject: Subject, facts: ProcessFacts): Outcome {
    const declared = declaredUser(subject);
    const actual = perProcess(facts, describeIds);
    if (!declared.known) return open(["user"], declared.reason, actual);
    const expected = resolveUser(declared.value, facts);
    if (expected === undefined)
        return open(["user"], `${declared.value} stands in no /etc/passwd or /etc/group`, actual);
    const outcome = equal(["user"], expected, actual);
    // Started as root, now somebody else for good: no id of root is left.
    const rootAtFirst = expected.startsWith("0:");
    const settled = ({ uids }: ProcessStatus) => uids.every((uid) => uid === uids[0]);
    const weaker = rootAtFirst && [facts.first, facts.main].every(settled);
    return outcome.result === "drift" && weaker ? { ...outcome, result: "intended", rule: "power-given-up" } : outcome;
}

/** `10001:10001`, where all four ids are the same one; otherwise all of them. */
function describeIds({ uids, gids }: ProcessStatus): string {
    const one = (ids: readonly number[]) => (new Set(ids).size === 1 ? String(ids[0]) : ids.join("/"));
    return `${one(uids)}:${one(gids)}`;
}

/** One text where the engine's init and the program agree, otherwise both. */
function perProcess(facts: ProcessFacts, describe: (status: ProcessStatus) => string): string {
    const [first, main] = [describe(facts.first), describe(facts.main)];
    return first === main ? first : `${first} as process 1, ${main} as the program`;
}

/** The engine's own rule: names are looked up, a user without a group has its own one, otherwise 0. */
export function resolveUser(declared: string, facts: Pick<ProcessFacts, "users" | "groups">): string | undefined {
    const [user = "", group] = declared.split(":");
    const byName = (list: readonly NamedId[], name: string) =>
        list.find((entry) => entry.name === name) ?? (/^\d+$/.test(name) ? { id: Number(name) } : undefined);
    const entry = user === "" ? { id: 0 } : byName(facts.users, user);
    if (entry === undefined) return undefined;
    if (group !== undefined && group !== "") {
        const found = byName(facts.groups, group);
        return found === undefined ? undefined : `${entry.id}:${found.id}`;
    }
    const own = facts.users.find(({ id }) => id === entry.id);
    return `${entry.id}:${own?.gid ?? 0}`;
}

/** The kernel's capabilities by number. */
const kernelNames = [
    ..."CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE".split(" "),
    ..."NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT".split(" "),
    ..."SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE".split(" "),
    ..."AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND".split(" "),
    ..."AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE".split(" "),
];

/** What the engine leaves a container that says nothing. */
const engineDefault = [
    ..."CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP".split(" "),
    ..."NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE".split(" "),
];

/** The most that a process of the service may ever hold, by the engine's rule; undefined means everything. */
export function grantedCapabilities(spec: Subject["service"]["spec"]): string[] | undefined {
    const [add, drop] = [capabilityNames(spec.capAdd), capabilityNames(spec.capDrop)];
    if (spec.privileged || (add.includes("ALL") && drop.length === 0)) return undefined;
    if (drop.includes("ALL")) return add.filter((name) => name !== "ALL");
    const start = add.includes("ALL") ? kernelNames : [...engineDefault, ...add];
    return [...new Set(start)].filter((name) => !drop.includes(name)).sort();
}

export function namesOf(mask: bigint): string[] {
    return kernelNames.filter((_, number) => (mask >> BigInt(number)) % 2n === 1n).sort();
}

function capabilities(subject: Subject, facts: ProcessFacts): Outcome {
    const granted = grantedCapabilities(subject.service.spec);
    // Everything is what the engine has itself, which may be confined too; only then is it not listed.
    const all = (mask: bigint) => granted === undefined && namesOf(mask).includes("SYS_ADMIN");
    const describe = ({ capBounding: bounding, capEffective: effective }: ProcessStatus) =>
        `bounding ${describeMask(bounding, all)}, effective ${describeMask(effective, all)}`;
    const actual = perProcess(facts, describe);
    const declared = declaredUser(subject);
    if (!declared.known) return open(["cap_drop"], declared.reason, actual);
    const list = granted === undefined ? "all" : describeNames(granted);
    const expected = `bounding ${list}, effective ${isRoot(declared.value) ? list : "none"}`;
    const outcome = equal(["cap_drop"], expected, actual);
    const within = ({ capBounding, capEffective, uids }: ProcessStatus) => {
        const may = (mask: bigint) => granted === undefined || namesOf(mask).every((name) => granted.includes(name));
        const holds = isRoot(declared.value) || capEffective === 0n || uids[1] === 0;
        return may(capBounding) && may(capEffective) && holds;
    };
    // Only a program that was started with more can have given something up.
    const weaker = isRoot(declared.value) && within(facts.first) && within(facts.main);
    return outcome.result === "drift" && weaker ? { ...outcome, result: "intended", rule: "power-given-up" } : outcome;
}

function describeMask(mask: bigint, all: (mask: bigint) => boolean): string {
    return all(mask) ? "all" : describeNames(namesOf(mask));
}

function describeNames(names: readonly string[]): string {
    return names.length === 0 ? "none" : names.join(" ");
}

function isRoot(user: string): boolean {
    return ["", "0", "root"].includes(user.split(":")[0] ?? "");
}

function noNewPrivileges({ service }: Subject, facts: ProcessFacts): Outcome {
    const expected = securityOptions(service.spec.securityOpt).includes("no-new-privileges:true");
    const actual = perProcess(facts, (status) => String(status.noNewPrivileges));
    const path = ["security_opt", "no-new-privileges"];
    const outcome = equal(path, String(expected), actual);
    // A program may take the way to more power from itself.
    const weaker = !expected && !actual.includes("as process 1, false");
    return outcome.result === "drift" && weaker ? { ...outcome, result: "intended", rule: "power-given-up" } : outcome;
}

const seccompModes = ["off", "strict", "filter"];

function seccomp({ service: { spec }, engine }: Subject, facts: ProcessFacts): Outcome {
    const path = ["security_opt", "seccomp"];
    const actual = perProcess(facts, (status) => seccompModes[status.seccomp] ?? String(status.seccomp));
    const options = securityOptions(spec.securityOpt);
    if (spec.privileged || options.includes("seccomp:unconfined")) return equal(path, "off", actual);
    const own = options.some((option) => option.startsWith("seccomp:"));
    if (!own && !engine.known) return open(path, engine.reason, actual);
    return equal(path, own || (engine.known && engine.value.seccomp) ? "filter" : "off", actual);
}

function readOnlyRoot(facts: ProcessFacts): Outcome {
    const said = facts.rootWrite;
    if (said === undefined) return open(["read_only"], "no write was tried");
    const refused = "a write is refused: Read-only file system";
    if (/read-only file system/i.test(said)) return equal(["read_only"], refused, refused);
    const is = said.endsWith("written") ? "a write succeeds" : `a write is refused for another reason: ${said}`;
    return equal(["read_only"], refused, is);
}
