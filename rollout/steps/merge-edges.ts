/** The edge while one release follows another: what the old one had besides is served until the end. Pure. */
import { networksOf } from "../../engine/edge/ranges.ts";
import type { EdgeRelease, Listener } from "../../release/types.ts";

type Networks = EdgeRelease["networks"];

/**
 * The new edge, and of the old one: its other networks, the listeners whose ports nobody has taken, the networks from which
 * a listener that stays was reached, since who calls it there may still run, and its replicas.
 */
export function mergeEdges(wanted: EdgeRelease, old: EdgeRelease | undefined): EdgeRelease {
    if (old === undefined) return wanted;
    const networks = [...wanted.networks, ...networksLeft(wanted, old)];
    const services = new Set(wanted.listeners.map(({ service }) => service));
    const kept = wanted.listeners.map((listener) => {
        const before = old.listeners.find((one) => one.service === listener.service && one.port === listener.port);
        const more = before === undefined ? [] : networksOf(old, before).filter((it) => isFree(wanted, listener, it));
        const reached = reachedFrom(listener, [...new Set([...networksOf(wanted, listener), ...more])], networks);
        const { replicas = 1 } = old.listeners.find(({ service }) => service === listener.service) ?? {};
        return replicas > (listener.replicas ?? 1) ? { ...reached, replicas } : reached;
    });
    const left = old.listeners
        .filter(({ service }) => !services.has(service))
        .map(({ published: _, ...listener }) => {
            const free = networksOf(old, listener).filter((network) => isFree(wanted, listener, network));
            return reachedFrom(listener, free, networks);
        })
        .filter((listener) => networksOf({ networks }, listener).length > 0);
    return { ...wanted, networks, listeners: [...kept, ...left] };
}

/** The new edge alone, which is still on the networks of the old one but serves nobody there. */
export function withoutOld(wanted: EdgeRelease, old: EdgeRelease | undefined): EdgeRelease {
    const networks = [...wanted.networks, ...networksLeft(wanted, old)];
    const listeners = wanted.listeners.map((one) => reachedFrom(one, networksOf(wanted, one), networks));
    return { ...wanted, networks, listeners };
}

/** The networks that only the old edge is on. */
export function networksLeft(wanted: EdgeRelease, old: EdgeRelease | undefined): Networks {
    const own = new Set(wanted.networks.map(({ network }) => network));
    return (old?.networks ?? []).filter(({ network }) => !own.has(network));
}

/** Whether no other service and no gateway of the new edge needs the listener's port on this network. */
function isFree({ gateways, ...wanted }: EdgeRelease, { service, port, protocol }: Listener, network: string): boolean {
    if (gateways.some((gateway) => gateway.port === port)) return false;
    return !wanted.listeners.some((other) => {
        if (other.published?.inside === port) return true;
        if (other.service === service || other.port !== port) return false;
        return other.protocol !== protocol || networksOf(wanted, other).includes(network);
    });
}

/** As the release writes it: the names of the networks, unless they are all that the edge is on. */
function reachedFrom({ networks: _, ...listener }: Listener, names: readonly string[], all: Networks): Listener {
    return all.every(({ network }) => names.includes(network)) ? listener : { ...listener, networks: names };
}
