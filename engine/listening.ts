/** The TCP ports on which this machine listens, and who does: from `/proc`, or by trying where there is none. */
import { readdir, readFile, readlink } from "node:fs/promises";
import { createServer } from "node:net";
import { basename } from "node:path";

/** A socket that listens. */
export interface Listening {
    readonly hostIp: string;
    readonly port: number;
    /** Number of the socket, by which its process is found; 0 where it is not known. */
    readonly inode: number;
}

/** A process that has a socket. */
export interface SocketOwner {
    readonly pid: number;
    /** The program and what it runs, as in `node server.js`: options may hold secrets, and are left out. */
    readonly command: string;
}

const isListening = (state: string) => state === "0A";
const isConnected = (state: string) => !isListening(state);

/**
 * Every listening TCP socket of this machine. Where there is no `/proc`, only the given addresses are known: each is tried
 * by listening there for a moment.
 */
export async function listeningSockets(
    asked: readonly { readonly hostIp: string; readonly port: number }[],
): Promise<readonly Listening[]> {
    const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(readTable));
    if (tables[0] !== undefined) {
        const sockets = tables.flatMap((text) => parseSockets(text ?? ""));
        const harmless = await harmlessPorts(sockets, asked);
        const listening = sockets.filter(({ hostIp, port }) => hostIp !== "::" || !harmless.has(port));
        const connected = tables
            .flatMap((text) => parseSockets(text ?? "", isConnected))
            .filter(({ inode }) => inode > 0);
        return [...listening, ...(await lentPorts(listening, connected, asked))];
    }
    const taken = await Promise.all(asked.map(async (it) => ((await canListen(it)) ? [] : [{ ...it, inode: 0 }])));
    return taken.flat();
}

/**
 * Ports that the system has lent to connections of processes: nobody listens there, but nobody else can either. (One whose
 * connection has just ended belongs to no process any more, and is left out: that is over in a minute.)
 */
async function lentPorts(
    listening: readonly Listening[],
    connected: readonly Listening[],
    asked: readonly { readonly hostIp: string; readonly port: number }[],
): Promise<readonly Listening[]> {
    const lent = await Promise.all(
        asked.map(async (place) => {
            if (listening.some(({ port }) => port === place.port)) return [];
            const holder = connected.find(
                ({ hostIp, port }) => port === place.port && (hostIp === place.hostIp || place.hostIp === "0.0.0.0"),
            );
            return holder === undefined || (await canListen(place)) ? [] : [{ ...place, inode: holder.inode }];
        }),
    );
    return lent.flat();
}

/** Ports of sockets on `::` that leave the addresses of IPv4 alone, which the table does not tell: they are tried. */
async function harmlessPorts(
    sockets: readonly Listening[],
    asked: readonly { readonly hostIp: string; readonly port: number }[],
): Promise<ReadonlySet<number>> {
    const [everywhere, others] = [true, false].map(
        (isWild) => new Set(sockets.filter(({ hostIp }) => (hostIp === "::") === isWild).map(({ port }) => port)),
    );
    const doubtful = asked.filter(({ port }) => everywhere?.has(port) === true && others?.has(port) !== true);
    const free = await Promise.all(doubtful.map(async (it) => ((await canListen(it)) ? [it.port] : [])));
    return new Set(free.flat());
}

async function readTable(file: string): Promise<string | undefined> {
    return readFile(file, "utf8").catch(() => undefined);
}

/** Reads the kernel's table: what listens, or what else is meant. Pure. */
export function parseSockets(text: string, isMeant: (state: string) => boolean = isListening): Listening[] {
    return text
        .split("\n")
        .slice(1)
        .map((line) => line.trim().split(/\s+/))
        .filter((columns) => columns.length > 3 && isMeant(columns[3] ?? ""))
        .map((columns) => {
            const [address = "", port = ""] = (columns[1] ?? "").split(":");
            return { hostIp: addressOf(address), port: Number.parseInt(port, 16), inode: Number(columns[9]) };
        });
}

/** The kernel writes each word of an address as a number of this machine: least byte first. */
function addressOf(hex: string): string {
    const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
    if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
    const all = bytes.join("").toLowerCase();
    if (/^0+$/.test(all)) return "::";
    // An IPv4 address in the clothes of IPv6.
    if (/^0{20}f{4}/.test(all)) return addressOf(hex.slice(-8));
    return (all.match(/.{4}/g) ?? []).map((group) => group.replace(/^0+(?=.)/, "")).join(":");
}

/** Whether somebody could listen there now. */
export function canListen({ hostIp, port }: { readonly hostIp: string; readonly port: number }): Promise<boolean> {
    const server = createServer();
    return new Promise((resolve) => {
        server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "EADDRINUSE"));
        server.listen({ host: hostIp, port, exclusive: true }, () => server.close(() => resolve(true)));
    });
}

/** The processes of these sockets, by socket number. One of another user is only seen by root: then it is left out. */
export async function socketOwners(inodes: readonly number[]): Promise<ReadonlyMap<number, SocketOwner>> {
    const wanted = new Map(inodes.filter((inode) => inode > 0).map((inode) => [`socket:[${inode}]`, inode]));
    const owners = new Map<number, SocketOwner>();
    if (wanted.size === 0) return owners;
    const pids = (await list("/proc")).map(Number).filter((pid) => Number.isInteger(pid) && pid > 0);
    for (const pid of pids) {
        for (const descriptor of await list(`/proc/${pid}/fd`)) {
            const inode = wanted.get(await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => ""));
            if (inode === undefined || owners.has(inode)) continue;
            owners.set(inode, { pid, command: await commandOf(pid) });
        }
        if (owners.size === wanted.size) break;
    }
    return owners;
}

function list(folder: string): Promise<string[]> {
    return readdir(folder).catch(() => []);
}

async function commandOf(pid: number): Promise<string> {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    const [program = "", first = ""] = line.split("\0");
    // A process may write its whole title into the first word.
    const name = basename(program.split(" ")[0] ?? "");
    return first === "" || first.startsWith("-") ? name || "unknown" : `${name} ${first}`.slice(0, 120);
}
