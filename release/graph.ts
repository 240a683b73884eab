/** The dependency graph of the services: validated before anything is touched, and the order in which they start (R07). */
import { PlumblineError } from "./errors.ts";
import { compareText } from "./revision.ts";
import { didYouMean } from "./suggest.ts";

/** Service to the services it depends on. */
export type DependencyGraph = Readonly<Record<string, readonly string[]>>;

/**
 * Services in groups: each depends only on services of earlier groups, so a group may start side by side. Sorted by
 * name within a group, so that the order is the same however the file is written.
 * Throws when a dependency names an unknown service or when the graph has a cycle, named as a path.
 */
export function startLevels(graph: DependencyGraph): string[][] {
    refuseUnknownNames(graph);
    refuseCycles(graph);
    const levels: string[][] = [];
    const started = new Set<string>();
    let waiting = Object.keys(graph).sort(compareText);
    while (waiting.length > 0) {
        const level = waiting.filter((name) => (graph[name] ?? []).every((other) => started.has(other)));
        for (const name of level) started.add(name);
        waiting = waiting.filter((name) => !started.has(name));
        levels.push(level);
    }
    return levels;
}

/** Services in start order: a service stands after everything it depends on. Throws as `startLevels` does. */
export function startOrder(graph: DependencyGraph): string[] {
    return startLevels(graph).flat();
}

function refuseUnknownNames(graph: DependencyGraph): void {
    const names = Object.keys(graph);
    for (const name of [...names].sort(compareText)) {
        for (const other of graph[name] ?? []) {
            if (Object.hasOwn(graph, other)) continue;
            throw new PlumblineError(
                "dependency",
                `${name} depends on ${other}, which is not a service of the baseline.`,
                {
                    service: name,
                    remedy: `Correct depends_on of ${name}${didYouMean(other, names)}.`,
                },
            );
        }
    }
}

/** Depth first; `path` holds the services between the start and the one that is looked at. */
function refuseCycles(graph: DependencyGraph): void {
    const clear = new Set<string>();
    const path: string[] = [];
    const visit = (name: string): void => {
        if (clear.has(name)) return;
        const seenAt = path.indexOf(name);
        if (seenAt >= 0) throw cycleError([...path.slice(seenAt), name]);
        path.push(name);
        for (const other of graph[name] ?? []) visit(other);
        path.pop();
        clear.add(name);
    };
    for (const name of Object.keys(graph).sort(compareText)) visit(name);
}

function cycleError(cycle: readonly string[]): PlumblineError {
    return new PlumblineError("dependency", `The services depend on each other in a circle: ${cycle.join(" → ")}.`, {
        service: cycle[0] ?? "",
        remedy: "Remove one of these from depends_on in the compose file.",
    });
}
