/** Whose a thing on the engine is: this stack's, or a stranger's. Pure. */
import type { ContainerOverview } from "../../engine/docker.ts";

type Labels = Readonly<Record<string, string>>;

/** Who asks. */
export interface Owner {
    readonly project: string;
    readonly stack: string;
}

/** Whether the labels say that it was made for this stack. */
export function isOwn(labels: Labels, { project, stack }: Owner): boolean {
    return labels["plumbline.project"] === project && (labels["plumbline.stack"] ?? stack) === stack;
}

/** The compose project that has left something; undefined where it is not compose's. */
export function composeProject(labels: Labels): string | undefined {
    return labels["com.docker.compose.project"] || undefined;
}

/** A container as a person knows it: with its stack or compose project, where it has one. */
export function described({ name, labels }: Pick<ContainerOverview, "name" | "labels">): string {
    const stack = labels["plumbline.stack"];
    const project = labels["plumbline.project"];
    if (stack !== undefined && project !== undefined) return `the container ${name} of the stack ${stack} (${project})`;
    const compose = composeProject(labels);
    return compose === undefined ? `the container ${name}` : `the container ${name} of the compose project ${compose}`;
}
