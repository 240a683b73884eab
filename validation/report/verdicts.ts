/** The validation report: the verdict on each service, beside the deployment report of its transaction. */
import path from "node:path";
import type { RolloutOutcome } from "../../rollout/outcome.ts";
import type { Verdict } from "../verdict.ts";
import { reportFolder, writePrivateFile } from "./write.ts";

/** Writes `validation.json` of a transaction. @returns its path, relative to the project folder */
export async function writeVerdicts(
    projectDir: string,
    outcome: Pick<RolloutOutcome, "stack" | "transaction" | "release">,
    verdicts: readonly Verdict[],
): Promise<string> {
    const file = path.posix.join(reportFolder(outcome.stack), outcome.transaction, "validation.json");
    const report = { schema: "plumbline/validation/1", release: outcome.release, verdicts };
    await writePrivateFile(path.join(projectDir, file), `${JSON.stringify(report, null, 4)}\n`);
    return file;
}
