/**
 * Whether what runs was deployed from the Pulumi state that is about to change it. Two states of one stack would each
 * declare what the other has: every service twice.
 */
import type { Engine } from "../engine/docker.ts";
import { PlumblineError } from "../release/errors.ts";
import type { CommitRecord } from "./ledger.ts";

/**
 * The refusal of a state that is not the one from which the last committed release was deployed: a container of that
 * release is on the engine, and the state does not have it. A container that is gone tells nothing.
 *
 * @param known ids of the containers that the state has
 */
export async function foreignState(
    project: string,
    last: CommitRecord | undefined,
    known: ReadonlySet<string>,
    engine: Pick<Engine, "inspect">,
): Promise<PlumblineError | undefined> {
    if (last === undefined) return undefined;
    const unknown = [last.edge, ...Object.values(last.containers)].filter(({ id }) => !known.has(id));
    const found = await Promise.all(unknown.map(({ id }) => engine.inspect(id)));
    if (found.every((facts) => facts === undefined)) return undefined;
    return new PlumblineError(
        "settings",
        `${project}: release ${last.release}, which transaction ${last.transaction} committed, was deployed from another Pulumi state than this one`,
        {
            remedy: "use that state (PULUMI_BACKEND_URL), or give this clone a stack of its own (plumbline:project, plumbline:ports.offset)",
        },
    );
}
