/** A fact, or why there is none. */
export type Fact<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly reason: string };

export function known<T>(value: T): Fact<T> {
    return { known: true, value };
}

/** What could not be collected has no default: whoever judges it must say so (R96). */
export function unknown<T>(reason: string): Fact<T> {
    return { known: false, reason };
}
