/** Runs the quick kinds of test first, and each kind in the order of its file names. */
import Module from "@jest/test-sequencer";

// The package is CommonJS; its class is the default export of its default export, or the latter itself.
const Sequencer = Module.default ?? Module;

const kinds = ["unit", "components", "toolchain", "integration", "e2e", "faults"];

export default class QuickFirst extends Sequencer {
    sort(tests) {
        const rank = (test) => kinds.findIndex((kind) => test.path.includes(`/test/${kind}/`));
        return [...tests].sort((a, b) => rank(a) - rank(b) || a.path.localeCompare(b.path));
    }
}
