/** A stack's configuration as Pulumi hands it over. */

const prefix = "plumbline:";

/** The keys that are Plumbline's, without their prefix; those of providers, as `docker:host`, are left out. */
export function stackConfiguration(all: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(
        Object.entries(all).flatMap(([key, value]) =>
            key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
        ),
    );
}
