/** Whether a command's Pulumi state is the one from which the stack's last release was deployed. */

import type { PlumblineError } from "../release/errors.ts";
import { foreignState } from "../rollout/own-state.ts";
import type { Place } from "./place.ts";
import { readState } from "./state.ts";

/** The refusal where it is another one, as in a second clone with a backend of its own; undefined where it is not. */
export async function foreignStateOf({
    stack,
    settings,
    engine,
    ledger,
}: Pick<Place, "stack" | "settings" | "engine" | "ledger">): Promise<PlumblineError | undefined> {
    const last = await ledger.lastCommit();
    if (last === undefined) return undefined;
    return await foreignState(settings.project, last, (await readState(stack)).ids, engine);
}
