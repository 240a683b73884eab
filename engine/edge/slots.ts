/** Which container stands behind which slot of the edge, and how one arrangement is turned into the next. Pure. */

/** Two server slots per service, so that the next one is set up while the other serves. */
export type SlotName = "a" | "b";

/** One service at the edge. (With replicas each would have two slots of its own; there is one replica now.) */
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

/** Service name to its slots. A service that is missing is one with empty slots. */
export type EdgeSlots = Readonly<Record<string, ServiceSlots>>;

/** Service name to its container ports behind the edge. */
export type EdgePorts = Readonly<Record<string, readonly number[]>>;

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

/** Takes a backend's name apart; undefined for backends that belong to no service's slots. */
export function parseBackend(name: string): { service: string; port: number; candidate: boolean } | undefined {
    const [, service, port, candidate] = /^(.+)_(\d+)(_candidate)?$/.exec(name) ?? [];
    if (service === undefined || port === undefined) return undefined;
    return { service, port: Number(port), candidate: candidate !== undefined };
}

/** The slots as HAProxy has them. Ports of one service are always set together, so any of them tells. */
export function slotsFromStates(states: readonly ServerState[]): EdgeSlots {
    const slots: Record<string, ServiceSlots> = {};
    for (const state of states) {
        const backend = parseBackend(state.backend);
        if (backend === undefined) continue;
        const own = slots[backend.service] ?? emptySlots;
        slots[backend.service] = { ...own, ...slotChange(state, own) };
    }
    return slots;
}

function slotChange(state: ServerState, own: ServiceSlots): Partial<ServiceSlots> {
    const container = state.fqdn === nobody || state.fqdn === "-" ? null : state.fqdn;
    switch (state.server) {
        case "a":
        case "b":
            return {
                [state.server]: container,
                active: isReady(state) && container !== null ? state.server : own.active,
            };
        case "hold":
            return { held: isReady(state) };
        case "candidate":
            return { candidate: isReady(state) ? container : null };
        default:
            return {};
    }
}

export function portsFromStates(states: readonly ServerState[]): EdgePorts {
    const ports: Record<string, number[]> = {};
    for (const { backend, server } of states) {
        const parsed = parseBackend(backend);
        if (parsed === undefined || parsed.candidate || server !== "a") continue;
        ports[parsed.service] = [...(ports[parsed.service] ?? []), parsed.port];
    }
    return ports;
}

/** Services whose slots differ, by name. */
export function changedServices(from: EdgeSlots, to: EdgeSlots): readonly string[] {
    const names = new Set([...Object.keys(from), ...Object.keys(to)]);
    return [...names]
        .filter((name) => JSON.stringify(ordered(from[name])) !== JSON.stringify(ordered(to[name])))
        .sort();
}

function ordered(own: ServiceSlots = emptySlots): readonly unknown[] {
    return [own.a, own.b, own.active, own.held, own.candidate];
}

/** Commands that name the containers of `to` in slots that do not serve; they change nothing for clients. */
export function namingCommands(ports: EdgePorts, from: EdgeSlots, to: EdgeSlots): readonly string[] {
    return changedServices(from, to).flatMap((service) => {
        const before = from[service] ?? emptySlots;
        const after = to[service] ?? emptySlots;
        return (ports[service] ?? []).flatMap((port) => {
            const backend = backendName(service, port);
            const commands = (["a", "b"] as const)
                .filter((slot) => after[slot] !== null && after[slot] !== before[slot])
                .map((slot) => `set server ${backend}/${slot} fqdn ${after[slot]}`);
            if (after.candidate !== null && after.candidate !== before.candidate) {
                commands.push(`set server ${backend}_candidate/candidate fqdn ${after.candidate}`);
            }
            return commands;
        });
    });
}

/** Commands that make `to` effective, to be said in one call: first who serves, then who no longer does. */
export function stateCommands(ports: EdgePorts, from: EdgeSlots, to: EdgeSlots): readonly string[] {
    const up: string[] = [];
    const down: string[] = [];
    for (const service of changedServices(from, to)) {
        const after = to[service] ?? emptySlots;
        for (const port of ports[service] ?? []) {
            const backend = backendName(service, port);
            (after.held ? up : down).push(`set server ${backend}/hold state ${after.held ? "ready" : "maint"}`);
            for (const slot of ["a", "b"] as const) {
                if (after.active === slot) up.push(`set server ${backend}/${slot} state ready`);
                else down.push(`set server ${backend}/${slot} state ${after[slot] === null ? "maint" : "drain"}`);
            }
            const candidate = after.candidate === null ? "maint" : "ready";
            (after.candidate === null ? down : up).push(`set server ${backend}_candidate/candidate state ${candidate}`);
        }
    }
    return [...up, ...down];
}

/** Commands that empty the slots which `to` leaves; said last, so that nobody is served by a slot without a name. */
export function clearingCommands(ports: EdgePorts, from: EdgeSlots, to: EdgeSlots): readonly string[] {
    return changedServices(from, to).flatMap((service) =>
        (ports[service] ?? []).flatMap((port) =>
            (["a", "b"] as const)
                .filter((slot) => (to[service] ?? emptySlots)[slot] === null && from[service]?.[slot] != null)
                .map((slot) => `set server ${backendName(service, port)}/${slot} fqdn ${nobody}`),
        ),
    );
}
