/** Reading the texts in which compose writes times and sizes. */

const unitMs: Readonly<Record<string, number>> = {
    ns: 1e-6,
    us: 1e-3,
    µs: 1e-3,
    ms: 1,
    s: 1000,
    m: 60_000,
    h: 3_600_000,
};

/** Milliseconds of a duration in Go's form, as in `1m30s`; undefined when it is none. */
export function durationMs(text: string): number | undefined {
    if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
    let sum = 0;
    for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
        sum += Number(amount) * (unitMs[unit ?? ""] ?? 0);
    }
    return sum;
}

/** Ports of an `expose` entry, as in `8000` or `8000-8003`; undefined when it is none or not tcp. */
export function portRange(text: string): number[] | undefined {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/tcp)?$/.exec(text);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (first < 1 || last > 65535 || last < first) return undefined;
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
