/** How a service changes, where the baseline does not say it; and what a kind does not go together with. */
import type { Baseline, BaselineService } from "./baseline.ts";
import { PlumblineError } from "./errors.ts";
import { replicaName } from "./replicas.ts";
import type { ServiceKind } from "./types.ts";

/** The kind that a service says, or the one that follows from what it owns, offers and is waited for. */
export function kindOf(service: BaselineService, all: readonly BaselineService[]): ServiceKind {
    if (service.extension.kind !== undefined) return service.extension.kind;
    if (service.spec.restart === "no" && all.some((other) => awaitsCompletion(other, service.name))) return "job";
    if (service.spec.mounts.some((mount) => mount.type === "volume")) return "stateful";
    if (service.ports.length > 0 || service.expose.length > 0) return "request";
    return "consumer";
}

/** @throws PlumblineError `baseline` for jobs and replicas that cannot be what the file says, all problems at once */
export function refuseImpossibleKinds({ file, services }: Pick<Baseline, "file" | "services">): void {
    const problems = services.flatMap((service) => {
        const kind = kindOf(service, services);
        const found = [
            ...(kind === "job" ? jobProblems(service) : dependentProblems(service, services)),
            ...(service.replicas > 1 ? replicaProblems(service, kind, services) : []),
        ];
        return found.map((problem) => ({ service: service.name, text: `  - services.${service.name}: ${problem}` }));
    });
    const [first] = problems;
    if (first === undefined) return;
    throw new PlumblineError(
        "baseline",
        [`${file} cannot be deployed as it stands:`, ...problems.map(({ text }) => text)].join("\n"),
        { service: first.service, remedy: `Correct ${file}.` },
    );
}

function jobProblems({ spec, ports }: BaselineService): string[] {
    return [
        ...(spec.restart === "no" ? [] : [`a job runs once, so its restart policy must be no, not ${spec.restart}`]),
        ...(ports.length === 0 ? [] : ["a job ends, so that nobody would answer on its ports: leave them out"]),
    ];
}

/** Who waits for the completion of a service that never ends would wait for ever. */
function dependentProblems({ name, spec }: BaselineService, services: readonly BaselineService[]): string[] {
    return services
        .filter((other) => awaitsCompletion(other, name))
        .map((other) => {
            const why =
                spec.restart === "no" ? "its x-plumbline.kind says so" : `its restart policy is ${spec.restart}`;
            return `${other.name} waits for its completion, but it is no job (${why})`;
        });
}

function replicaProblems(service: BaselineService, kind: ServiceKind, services: readonly BaselineService[]): string[] {
    const { name, replicas } = service;
    const names = Array.from({ length: replicas - 1 }, (_, index) => replicaName(name, index + 2));
    const taken = services.find((other) => names.includes(other.name));
    return [
        ...(kind === "stateful"
            ? [
                  `${replicas} replicas would use one volume at once; where they may, say so with x-plumbline.kind: request`,
              ]
            : []),
        ...(kind === "job" ? [`a job runs once, not ${replicas} times`] : []),
        ...(taken === undefined ? [] : [`a replica of it would be called ${taken.name}, as another service is`]),
    ];
}

function awaitsCompletion(service: BaselineService, name: string): boolean {
    return service.dependsOn.some(
        (dependency) => dependency.service === name && dependency.condition === "service_completed_successfully",
    );
}
