/** Whether a command's Pulumi state is the one from which the stack's last release was deployed. */

import type { PlumblineError } from "../release/errors.ts";
import { foreignState } from "../rollout/own-state.ts";
import type { Place } from "./place.ts";
import type { StateFacts } from "./state.ts";

/** The refusal where it is another one, as in a second clone with a backend of its own; undefined where it is not. */
export async function foreignStateOf(
    { settings, engine, ledger }: Pick<Place, "settings" | "engine" | "ledger">,
    { ids }: Pick<StateFacts, "ids">,
): Promise<PlumblineError | undefined> {
    return await foreignState(settings.project, await ledger.lastCommit(), ids, engine);
}
