/** Prints the closing line of a test run, after everything else: `N passed, N failed`. */
import { writeSync } from "node:fs";

export default class CountReporter {
    onRunComplete(_contexts, results) {
        // A file that cannot even be loaded counts as one failure.
        const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
        const skipped = results.numPendingTests > 0 ? `, ${results.numPendingTests} skipped` : "";
        process.once("exit", () => writeSync(1, `${results.numPassedTests} passed, ${failed} failed${skipped}\n`));
    }
}
