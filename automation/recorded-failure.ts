/** The first cause in the error text that a rollout records. Pure. */

import { ownFailure } from "./pulumi-error.ts";
import type { Failure } from "./result.ts";

/**
 * The failure in a recorded text: the first cause, with what became of the stack in its message. Where the evidence is
 * stands in the result itself. Null where there is no text.
 */
export function recordedFailure(text: string | null | undefined): Failure | null {
    if (text === null || text === undefined || text === "") return null;
    const lines = text.split("\n").filter((line) => !/^ {2}Evidence: /.test(line));
    const told = lines.findIndex((line) =>
        /^ {2}(Release \S+ runs as before|No previous release: |The previous release could not be put back: )/.test(
            line,
        ),
    );
    if (told === -1) return ownFailure(text) ?? { category: "rollback", message: text, remedy: null, service: null };
    const cause = lines.slice(0, told).join("\n");
    const state = lines.slice(told).join("\n").trim();
    const failure =
        ownFailure(cause) ?? ({ category: "rollback", message: cause, remedy: null, service: null } as const);
    return { ...failure, message: `${failure.message}\n  ${state}` };
}
