/** What baseline and settings allow each, but not together: refused before anything is frozen, all problems at once. */
import type { Baseline } from "./baseline.ts";
import { PlumblineError } from "./errors.ts";
import { compareText } from "./revision.ts";
import { placeholdersIn } from "./secrets.ts";
import { fileOf, type Settings } from "./settings.ts";
import { didYouMean } from "./suggest.ts";
import type { SecretSource } from "./types.ts";

/** Ports that the edge needs for itself inside its container. */
const edgeOwnPorts = [19_000];
const leastSigningLength = 32;
const leastPasswordLength = 12;

export function refuseContradictions(
    baseline: Baseline,
    settings: Settings,
    options: { readonly allowMissingSecrets: boolean },
): void {
    const found: Problem[] = [
        ...unknownNames(baseline, settings),
        ...portProblems(baseline, settings),
        ...secretProblems(baseline.extension.secrets, settings),
        ...placeholdersIn(baseline)
            .filter((name) => !Object.hasOwn(baseline.extension.secrets, name))
            .map((name) => ({ message: `<secret:${name}> stands for a secret that is not declared` })),
    ];
    const problems = found.filter(({ missing }) => !(missing && options.allowMissingSecrets));
    if (problems.length === 0) return;
    const missing = problems.some(({ missing }) => missing);
    const text = problems.map(({ message }) => `  - ${message}`).join("\n");
    throw new PlumblineError(
        "settings",
        `${fileOf(settings.stack)} and ${baseline.file} do not fit together:\n${text}`,
        {
            remedy: missing
                ? `Run \`npm run secrets -- --stack ${settings.stack}\`, which generates what is missing.`
                : `Correct ${fileOf(settings.stack)} or ${baseline.file}.`,
        },
    );
}

interface Problem {
    readonly message: string;
    /** A secret that a command can make. */
    readonly missing?: true;
}

function unknownNames(baseline: Baseline, settings: Settings): Problem[] {
    const services = baseline.services.map(({ name }) => name);
    const secrets = Object.keys(baseline.extension.secrets);
    const check = (key: string, names: readonly string[], known: readonly string[], what: string): Problem[] =>
        names
            .filter((name) => !known.includes(name))
            .map((name) => ({ message: `plumbline:${key}.${name}: ${name} is not ${what}${didYouMean(name, known)}` }));
    const routes = baseline.extension.gateways.flatMap(({ name, routes }) =>
        routes.map(({ service }) => ({ name, service })),
    );
    return [
        ...check("images", Object.keys(settings.images), services, "a service of the baseline"),
        ...check(
            "startTimeoutSeconds",
            Object.keys(settings.startTimeoutSeconds),
            services,
            "a service of the baseline",
        ),
        ...check(
            "adoptVolumes",
            settings.adoptVolumes,
            baseline.volumes.map(({ key }) => key),
            "a volume of the baseline",
        ),
        ...check("secrets", Object.keys(settings.secrets), secrets, "a secret of the baseline"),
        ...Object.keys(settings.variables)
            .filter((name) => secrets.includes(name))
            .map((name) => ({
                message: `plumbline:variables.${name}: ${name} is a secret; set it under plumbline:secrets`,
            })),
        ...routes
            .filter(({ service }) => !services.includes(service))
            .map(({ name, service }) => ({
                message: `gateway ${name} routes to ${service}, which is not a service${didYouMean(service, services)}`,
            })),
        ...baseline.extension.smoke
            .filter(({ service }) => !services.includes(service))
            .map(({ name, service }) => ({
                message: `the smoke step "${name}" asks ${service}, which is not a service${didYouMean(service, services)}`,
            })),
    ];
}

/** Host ports must differ from each other and stay within the range; the edge keeps one port for itself. */
function portProblems(baseline: Baseline, settings: Settings): Problem[] {
    const { offset } = settings.ports;
    const uses = [
        ...baseline.services.flatMap(({ name, ports }) =>
            ports.map((it) => ({ owner: name, port: it.published + offset })),
        ),
        ...baseline.extension.gateways.map(({ name, port }) => ({ owner: `gateway ${name}`, port: port + offset })),
        { owner: "plumbline:probePort", port: settings.probePort },
    ];
    const double = uses.flatMap(({ owner, port }, index): Problem[] => {
        const other = uses.slice(0, index).find((use) => use.port === port);
        return other === undefined ? [] : [{ message: `${other.owner} and ${owner} both need the host port ${port}` }];
    });
    const tooHigh = uses
        .filter(({ port }) => port > 65_535)
        .map(({ owner, port }) => ({
            message: `${owner} would be published on ${port}: lower plumbline:ports.offset`,
        }));
    const inside = baseline.services.flatMap(({ name, ports, expose, extension }) =>
        [...ports.map(({ target }) => target), ...expose, ...extension.ports]
            .filter((port) => edgeOwnPorts.includes(port))
            .map((port) => ({ message: `${name} listens on ${port}, which the edge keeps for its probes` })),
    );
    return [...double, ...tooHigh, ...inside];
}

function secretProblems(sources: Readonly<Record<string, SecretSource>>, settings: Settings): Problem[] {
    const signers = new Set(Object.values(sources).flatMap((it) => (it.type === "jwt" ? [it.signedWith] : [])));
    return Object.entries(sources)
        .sort(([a], [b]) => compareText(a, b))
        .flatMap(([name, source]): Problem[] => {
            const value = settings.secrets[name];
            if (source.type === "jwt") return signerProblems(name, source.signedWith, sources);
            if (value === undefined) {
                return settings.stack === "local"
                    ? []
                    : [{ message: `the secret ${name} has no value`, missing: true }];
            }
            const least = signers.has(name) ? leastSigningLength : leastPasswordLength;
            if (value.length < least)
                return [{ message: `plumbline:secrets.${name} is shorter than ${least} characters` }];
            return /^[A-Za-z0-9._~-]+$/.test(value)
                ? []
                : [
                      {
                          message: `plumbline:secrets.${name} may only hold letters, digits and . _ ~ - since it stands in addresses`,
                      },
                  ];
        });
}

function signerProblems(name: string, signer: string, sources: Readonly<Record<string, SecretSource>>): Problem[] {
    if (sources[signer]?.type === "generate") return [];
    const hint = didYouMean(signer, Object.keys(sources));
    return [{ message: `the secret ${name} is signed with ${signer}, which is not a generated secret${hint}` }];
}
