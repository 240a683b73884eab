/** Which container stands behind which slot of the edge, and how one arrangement is turned into the next. Pure. */

/** Two server slots per service, so that the next one is set up while the other serves. */
export type SlotName = "a" | "b";

/** One service at the edge. */
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

export const emptySlots: ServiceSlots = { a: null, b: null, active: null, held: false, candidate: null };

/** The container that serves; null when nobody does. */
export function activeContainer(slots: EdgeSlots, service: string): string | null {
    const own = slots[service];
    return own?.active ? own[own.active] : null;
}
