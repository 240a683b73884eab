/** Every test of the project: `npm test`, or `npm test -- test/unit` for a part of it. */
export default {
    testEnvironment: "node",
    testMatch: ["<rootDir>/test/**/*.test.ts"],
    modulePathIgnorePatterns: ["<rootDir>/.plumbline/", "<rootDir>/infrastructure/"],
    extensionsToTreatAsEsm: [".ts"],
    transform: {
        "\\.ts$": [
            "@swc/jest",
            { jsc: { parser: { syntax: "typescript" }, target: "es2024" }, module: { type: "es6" } },
        ],
    },
    testSequencer: "<rootDir>/test/support/sequencer.js",
    reporters: ["default", "<rootDir>/test/support/count-reporter.js"],
    testTimeout: 600_000,
    // The real engine and two cores are shared by all files: one after the other.
    maxWorkers: 1,
};
