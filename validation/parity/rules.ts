/** Every way in which a deployment differs from the baseline on purpose: one table, a reason a row. */

export interface Rule {
    readonly name: string;
    readonly reason: string;
}

const reasons = {
    "ports-on-edge":
        "The edge publishes a service's ports, so that another container can take over without a refused connection.",
    "name-on-edge":
        "The edge answers to a service's names on each of its networks, so that services keep their connections' address.",
    "network-of-provider":
        "Pulumi's provider makes a container on the engine's own network and moves it to its networks before it starts.",
    "files-on-volume":
        "Files of configs and secrets lie on a volume of the revision: the engine copies nothing into a read-only root.",
    "container-name": "A container's name carries its revision, so that two revisions can stand side by side.",
    "plumbline-labels":
        "Labels of Plumbline's own tell to which stack, service and revision a container, network or volume belongs.",
    "adopted-volume": "A volume that compose had made, and that the stack was told to adopt, keeps compose's labels.",
    "revision-variable": "PLUMBLINE_REVISION tells the service which revision it is; its health answer reports it.",
    "built-image-name": "An image that is built here is named after the digest of its source, not after the project.",
    "memory-in-mebibytes": "Pulumi's provider counts memory in MiB: a limit is rounded to the nearest one.",
    "power-given-up": "The program gave up power that it was started with, by itself; it never holds more.",
    "finished-job": "A job that has done its work has no process that could be asked.",
    "previous-until-deleted": "The previous containers stand until Pulumi deletes them, at the end of the update.",
} as const;

export type RuleName = keyof typeof reasons;

/** The table, in the order in which a report prints it. */
export const rules: readonly Rule[] = Object.entries(reasons).map(([name, reason]) => ({ name, reason }));

export function ruleOf(name: RuleName): Rule {
    return { name, reason: reasons[name] };
}
