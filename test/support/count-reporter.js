/** Prints the closing line of a test run: `N passed, N failed`. */
export default class CountReporter {
    onRunComplete(_contexts, results) {
        // A file that cannot even be loaded counts as one failure.
        const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
        const skipped = results.numPendingTests > 0 ? `, ${results.numPendingTests} skipped` : "";
        console.log(`${results.numPassedTests} passed, ${failed} failed${skipped}`);
    }
}
