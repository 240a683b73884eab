/** Keeps secret values out of everything that is written for people. */

/** Values shorter than this are words that occur everywhere; generated secrets are much longer. */
const shortestSecret = 8;

/** A function that puts `<secret:NAME>` in the place of every secret value, also where it stands percent-encoded or as JSON. */
export function redactor(secrets: Readonly<Record<string, string>>): (text: string) => string {
    const spellings = Object.entries(secrets)
        .filter(([, value]) => value.length >= shortestSecret)
        .flatMap(([name, value]) =>
            [...new Set([value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)])].map(
                (spelling) => [spelling, name] as const,
            ),
        )
        // The longest first: one secret may be part of another.
        .sort(([a], [b]) => b.length - a.length);
    return (text) =>
        spellings.reduce((clean, [spelling, name]) => clean.replaceAll(spelling, `<secret:${name}>`), text);
}
