/** What a killed CLI has created and not written down: the state knows only that it had begun. */

import type { Engine } from "../engine/docker.ts";
import { describeError } from "../release/errors.ts";
import type { CommandContext } from "./context.ts";
import type { StateFacts } from "./state.ts";

/**
 * Removes it, by the very names that the killed CLI had chosen, so that nothing of another clone is ever taken for a
 * stray, whatever that one is declaring at this moment.
 *
 * @param before the state with the operations that were pending
 */
export async function removeUnrecorded(
    context: Pick<CommandContext, "note">,
    engine: Engine,
    before: StateFacts,
): Promise<void> {
    for (const { type, name } of before.pendingCreates) {
        const remove = removers[type];
        if (remove === undefined) continue;
        try {
            if (!(await remove(engine, name, before.ids))) continue;
            context.note(`${name} was created by a deployer that was killed, and is removed.`);
        } catch (error) {
            // Whoever uses it has it: then it is in nobody's way.
            context.note(`${name} was created by a deployer that was killed, and stays: ${describeError(error)}`);
        }
    }
}

type Remover = (engine: Engine, name: string, known: ReadonlySet<string>) => Promise<boolean>;

const removers: Readonly<Record<string, Remover>> = {
    "docker:index/container:Container": async (engine, name, known) => {
        const facts = await engine.inspect(name);
        // Only what was never started: the rollout starts what the state has.
        if (facts === undefined || facts.state !== "created" || known.has(facts.id)) return false;
        await engine.remove(facts.id);
        return true;
    },
    "docker:index/network:Network": async (engine, name, known) => {
        const strays = (await engine.networks({})).filter((network) => network.name === name && !known.has(network.id));
        for (const { id } of strays) await engine.removeNetwork(id);
        return strays.length > 0;
    },
};
