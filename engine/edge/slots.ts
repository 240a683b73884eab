/**
 * Which container stands behind which slot of the edge, and how one arrangement is turned into the next. Pure.
 *
 * Slots belong to an entry of the release: a service, or one of its replicas. The replicas of a service share its backends,
 * where their servers are called `a` and `b`, `a2` and `b2`, and so on.
 */
import { entriesOf, replicaName } from "../../release/replicas.ts";

/** Two server slots per entry, so that the next one is set up while the other serves. */
export type SlotName = "a" | "b";

/** One entry at the edge. */
export interface ServiceSlots {
    /** Container name in slot a; null when it is empty. */
    readonly a: string | null;
    readonly b: string | null;
    /** The slot that gets new connections; null when nobody does (never started, removed, or held). */
    readonly active: SlotName | null;
    /** New connections wait instead of being refused. */
    readonly held: boolean;
    /** Container behind the candidate listener. */
    readonly candidate: string | null;
}

/** Name of an entry to its slots. An entry that is missing is one with empty slots. */
export type EdgeSlots = Readonly<Record<string, ServiceSlots>>;

/** Service of the baseline to its container ports behind the edge, and to how many entries answer there. */
export type EdgeShape = Readonly<Record<string, { readonly ports: readonly number[]; readonly replicas: number }>>;

export const emptySlots: ServiceSlots = { a: null, b: null, active: null, held: false, candidate: null };

/** The name that an empty slot has; it never resolves. */
export const nobody = "none.invalid";

/** The container that serves; null when nobody does. */
export function activeContainer(slots: EdgeSlots, service: string): string | null {
    const own = slots[service];
    return own?.active ? own[own.active] : null;
}

/** The backend of a port of a service, as HAProxy names it. */
export function backendName(service: string, port: number): string {
    return `${service}_${port}`;
}

/** The slot for a container: the one where it stands already, else the one that does not serve. */
export function slotFor(own: ServiceSlots, container: string): SlotName {
    if (own.a === container) return "a";
    if (own.b === container) return "b";
    if (own.active !== null) return own.active === "a" ? "b" : "a";
    return own.a === null ? "a" : "b";
}

/** A container behind the candidate listener, and in the free slot so that a switch is immediate; or nobody. */
export function withCandidate(own: ServiceSlots, container: string | null): ServiceSlots {
    if (container === null) return { ...own, candidate: null };
    return { ...own, candidate: container, [slotFor(own, container)]: container };
}

/** This container serves, a hold ends; the one that served keeps its slot. */
export function withActive(own: ServiceSlots, container: string): ServiceSlots {
    const slot = slotFor(own, container);
    return { ...own, [slot]: container, active: slot, held: false, candidate: null };
}

/** Nobody serves and new connections wait. Only the slot that served stays known, so that the other one is free. */
export function withHold(own: ServiceSlots): ServiceSlots {
    if (own.held) return own;
    return {
        ...own,
        a: own.active === "b" ? null : own.a,
        b: own.active === "a" ? null : own.b,
        active: null,
        held: true,
    };
}

/** What HAProxy's `show servers state` says about one server. */
export interface ServerState {
    readonly backend: string;
    readonly server: string;
    readonly address: string;
    /** The name; `none.invalid` or `-` when nobody is meant. */
    readonly fqdn: string;
    /** HAProxy's bits; see `ready` and `resolved`. */
    readonly admin: number;
}

/** Maintenance or drain by command or inheritance; maintenance because a name has no address is not among them. */
const outOfService = 0x01 | 0x02 | 0x08 | 0x10;
const unresolved = 0x20;

export function isReady(server: ServerState): boolean {
    return (server.admin & outOfService) === 0;
}

export function isResolved(server: ServerState): boolean {
    return (server.admin & unresolved) === 0 && server.address !== "-";
}

/** Reads the answer of `show servers state`, by the names in its heading. */
export function parseServerStates(text: string): readonly ServerState[] {
    const lines = text.split("\n").map((line) => line.trim());
    const heading =
        lines
            .find((line) => line.startsWith("# "))
            ?.slice(2)
            .split(" ") ?? [];
    const column = (values: readonly string[], name: string) => values[heading.indexOf(name)] ?? "";
    return lines
        .filter((line) => line.includes(" ") && !line.startsWith("#"))
        .map((line) => line.split(" "))
        .map((values) => ({
            backend: column(values, "be_name"),
            server: column(values, "srv_name"),
            address: column(values, "srv_addr"),
            fqdn: column(values, "srv_fqdn"),
            admin: Number(column(values, "srv_admin_state")),
        }));
}

/** What a backend is for: its service's clients, probes of a container under test, or probes of one replica. */
export type BackendPart = "clients" | "candidate" | "active";

/** Takes a backend's name apart; undefined for what is no backend of a service. */
export function parseBackend(name: string): { service: string; port: number; part: BackendPart } | undefined {
    const [, service, port, part] = /^(.+)_(\d+)(?:_(candidate|active))?$/.exec(name) ?? [];
    if (service === undefined || port === undefined) return undefined;
    return { service, port: Number(port), part: part === "candidate" || part === "active" ? part : "clients" };
}

/** A server of a backend: the slot that it is, and of which entry. A hold is that of all entries of the service. */
export interface ServerPlace {
    readonly entry: string;
    readonly slot: SlotName | "hold" | "candidate";
    readonly part: BackendPart;
}

/** What a server stands for; undefined where it is no slot. */
export function placeOfServer(backend: string, server: string): ServerPlace | undefined {
    const parsed = parseBackend(backend);
    if (parsed === undefined) return undefined;
    const { service, part } = parsed;
    const [, slot, ordinal] = /^([ab])(\d*)$/.exec(server) ?? [];
    if (slot === "a" || slot === "b") return { entry: replicaName(service, Number(ordinal || 1)), slot, part };
    return server === "hold" || server === "candidate" ? { entry: service, slot: server, part } : undefined;
}

/** The slots as HAProxy has them. Ports of one service are always set together, so any of them tells. */
export function slotsFromStates(states: readonly ServerState[]): EdgeSlots {
    const slots: Record<string, ServiceSlots> = {};
    for (const state of states) {
        const place = placeOfServer(state.backend, state.server);
        // What serves probes alone follows the others.
        if (place === undefined || place.part === "active") continue;
        const { entry, slot } = place;
        const ready = isReady(state);
        if (slot === "hold") {
            for (const name of entriesBehind(states, state.backend)) {
                slots[name] = { ...(slots[name] ?? emptySlots), held: ready };
            }
            continue;
        }
        const own = slots[entry] ?? emptySlots;
        const container = state.fqdn === nobody || state.fqdn === "-" ? null : state.fqdn;
        slots[entry] =
            slot === "candidate"
                ? { ...own, candidate: ready ? container : null }
                : { ...own, [slot]: container, active: ready && container !== null ? slot : own.active };
    }
    return slots;
}

function entriesBehind(states: readonly ServerState[], backend: string): string[] {
    const places = states.flatMap((state) => (state.backend === backend ? [placeOfServer(backend, state.server)] : []));
    return places.flatMap((place) => (place?.slot === "a" ? [place.entry] : []));
}

/** The ports and replicas that the running edge knows. */
export function shapeFromStates(states: readonly ServerState[]): EdgeShape {
    const shape: Record<string, { ports: readonly number[]; replicas: number }> = {};
    for (const { backend, server } of states) {
        const parsed = parseBackend(backend);
        if (parsed?.part !== "clients" || server !== "a") continue;
        const ports = [...(shape[parsed.service]?.ports ?? []), parsed.port];
        shape[parsed.service] = { ports, replicas: entriesBehind(states, backend).length };
    }
    return shape;
}

/** Whether new connections wait: somebody is held, and nobody else is there who answers to the name. */
export function isHeld(slots: EdgeSlots, entries: readonly string[]): boolean {
    const all = entries.map((entry) => slots[entry] ?? emptySlots);
    return all.some(({ held }) => held) && all.every(({ active }) => active === null);
}

/** Entries whose slots differ, by name. */
export function changedServices(from: EdgeSlots, to: EdgeSlots): readonly string[] {
    const names = new Set([...Object.keys(from), ...Object.keys(to)]);
    return [...names]
        .filter((name) => JSON.stringify(ordered(from[name])) !== JSON.stringify(ordered(to[name])))
        .sort();
}

function ordered(own: ServiceSlots = emptySlots): readonly unknown[] {
    return [own.a, own.b, own.active, own.held, own.candidate];
}

/** One port of an entry behind the edge, with the names of its servers. */
interface Place {
    /** All entries that answer there. */
    readonly entries: readonly string[];
    /** `api_8000/hold` */
    readonly hold: string;
    readonly candidate: string;
    /** The servers of a slot: that of clients and, of one replica among several, that of its own probes. */
    servers(slot: SlotName): readonly string[];
}

/** Whether the edge has a place for an entry. */
export function hasPlace(shape: EdgeShape, entry: string): boolean {
    return placesOf(shape, entry).length > 0;
}

function placesOf(shape: EdgeShape, entry: string): readonly Place[] {
    return Object.entries(shape).flatMap(([service, { ports, replicas }]) => {
        const entries = entriesOf({ service, replicas });
        const index = entries.indexOf(entry);
        if (index < 0) return [];
        const suffix = index === 0 ? "" : String(index + 1);
        return ports.map((port): Place => {
            const backend = backendName(service, port);
            const own = backendName(entry, port);
            return {
                entries,
                hold: `${backend}/hold`,
                candidate: `${own}_candidate/candidate`,
                servers: (slot) => [`${backend}/${slot}${suffix}`, ...(replicas > 1 ? [`${own}_active/${slot}`] : [])],
            };
        });
    });
}

const slotNames = ["a", "b"] as const;

/** Commands that name the containers of `to` in slots that do not serve; they change nothing for clients. */
export function namingCommands(shape: EdgeShape, from: EdgeSlots, to: EdgeSlots): readonly string[] {
    return changedServices(from, to).flatMap((entry) => {
        const before = from[entry] ?? emptySlots;
        const after = to[entry] ?? emptySlots;
        return placesOf(shape, entry).flatMap((place) => {
            const commands = slotNames
                .filter((slot) => after[slot] !== null && after[slot] !== before[slot])
                .flatMap((slot) => place.servers(slot).map((server) => `set server ${server} fqdn ${after[slot]}`));
            if (after.candidate !== null && after.candidate !== before.candidate) {
                commands.push(`set server ${place.candidate} fqdn ${after.candidate}`);
            }
            return commands;
        });
    });
}

/** Commands that make `to` effective, to be said in one call: first who serves, then who no longer does. */
export function stateCommands(shape: EdgeShape, from: EdgeSlots, to: EdgeSlots): readonly string[] {
    const up: string[] = [];
    const down: string[] = [];
    for (const entry of changedServices(from, to)) {
        const after = to[entry] ?? emptySlots;
        for (const place of placesOf(shape, entry)) {
            const held = isHeld(to, place.entries);
            (held ? up : down).push(`set server ${place.hold} state ${held ? "ready" : "maint"}`);
            for (const slot of slotNames) {
                const state = after.active === slot ? "ready" : after[slot] === null ? "maint" : "drain";
                const commands = place.servers(slot).map((server) => `set server ${server} state ${state}`);
                (state === "ready" ? up : down).push(...commands);
            }
            const candidate = after.candidate === null ? "maint" : "ready";
            (after.candidate === null ? down : up).push(`set server ${place.candidate} state ${candidate}`);
        }
    }
    return [...new Set([...up, ...down])];
}

/** Commands that empty the slots which `to` leaves; said last, so that nobody is served by a slot without a name. */
export function clearingCommands(shape: EdgeShape, from: EdgeSlots, to: EdgeSlots): readonly string[] {
    return changedServices(from, to).flatMap((entry) =>
        placesOf(shape, entry).flatMap((place) =>
            slotNames
                .filter((slot) => (to[entry] ?? emptySlots)[slot] === null && from[entry]?.[slot] != null)
                .flatMap((slot) => place.servers(slot).map((server) => `set server ${server} fqdn ${nobody}`)),
        ),
    );
}
