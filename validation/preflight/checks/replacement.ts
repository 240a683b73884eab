/** Whether the baseline asks for a network or a volume that is another one than the stack has. Pure. */
import type { Release } from "../../../release/types.ts";
import { fail, type PreflightFinding } from "../finding.ts";
import { belongs, type NameFacts } from "./names.ts";

/** A network is replaced by deleting it first, which would take every container off it: refused, with the way to do it. */
export function judgeReplacement(release: Release, facts: NameFacts, file: string): PreflightFinding[] {
    const networks = release.networks.flatMap((wanted) =>
        facts.networks
            .filter((it) => it.name === wanted.name && belongs(it, release, facts))
            .flatMap((found) => {
                const differences = [
                    ...difference("driver", found.driver, wanted.driver),
                    ...difference("internal", String(found.internal), String(wanted.internal)),
                    ...labelDifferences(found.labels, wanted.labels),
                ];
                if (differences.length === 0) return [];
                return [
                    fail({
                        check: "networks",
                        category: "baseline",
                        message: `the network ${wanted.name} would have to be replaced, which would cut off every service: ${differences.join("; ")}`,
                        remedy: `Put it back in ${file}; or, for a moment without service, take the stack down (npm run destroy) and deploy again: data volumes stay.`,
                    }),
                ];
            }),
    );
    const volumes = release.volumes.flatMap(({ name }) =>
        facts.volumes
            .filter((it) => it.name === name && it.driver !== "local")
            .map((found) =>
                fail({
                    check: "volumes",
                    category: "baseline",
                    message: `the volume ${name} has the driver ${found.driver}, and only local ones can be kept`,
                    remedy: "Copy its data into a volume of the driver local, by hand.",
                }),
            ),
    );
    return [...networks, ...volumes];
}

function difference(what: string, found: string, wanted: string): string[] {
    return found === wanted ? [] : [`${what} is ${found}, the baseline says ${wanted}`];
}

/** Our own marks, and compose's, are no labels of the baseline. */
function labelDifferences(found: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): string[] {
    const names = [...new Set([...Object.keys(found), ...Object.keys(wanted)])]
        .filter((name) => !name.startsWith("plumbline.") && !name.startsWith("com.docker.compose."))
        .sort();
    return names.flatMap((name) => difference(`label ${name}`, found[name] ?? "absent", wanted[name] ?? "absent"));
}
