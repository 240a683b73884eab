/** Evidence of a failure, saved before Pulumi removes what failed (F18). */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describeError, PlumblineError } from "../release/errors.ts";
import { redactor } from "../release/redact.ts";
import type { RolloutContext } from "./context.ts";

/** The evidence of a transaction cannot be written: nothing is wrong with its release. */
export class EvidenceLost extends PlumblineError {
    constructor(file: string, cause: unknown) {
        super("settings", `${file} cannot be written: ${describeError(cause)}`, {
            remedy: "Free space on the disk of that file, or make it writable for your user; then deploy again.",
            cause,
        });
        this.name = "EvidenceLost";
    }
}

/** Writes `<service>.inspect.json` and `<service>.last.log` of every declared container that was ever started. */
export async function saveFailure(context: RolloutContext, folder: string): Promise<void> {
    const redact = redactor(context.secrets);
    const save = (name: string, text: string) => writeFileSync(path.join(folder, name), redact(text), { mode: 0o600 });
    const all = { edge: context.edgeContainer, ...context.containers };
    for (const [service, { name }] of Object.entries(all)) {
        try {
            const facts = await context.engine.inspect(name);
            if (facts === undefined || facts.startedAt === 0) continue;
            save(`${service}.inspect.json`, `${JSON.stringify(facts.raw, null, 4)}\n`);
            const lines = await context.engine.logs(name, { tail: 500 });
            save(`${service}.last.log`, lines.map(({ line }) => `${line}\n`).join(""));
        } catch (error) {
            // Evidence is collected as far as it goes: what is missing is said, and the failure itself stays the news.
            context.timeline.record({
                event: "note",
                service,
                message: `no evidence of ${service}: ${describeError(error)}`,
            });
        }
    }
}
