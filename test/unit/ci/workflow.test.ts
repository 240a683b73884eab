/** The workflow of GitHub Actions: what its conditions say, and what its plan step, run by bash as it stands there, asks of npm. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";

interface Step {
    readonly name?: string;
    readonly if?: string;
    readonly uses?: string;
    readonly run?: string;
    readonly env?: Readonly<Record<string, string>>;
}
interface Job {
    readonly if?: string;
    readonly steps: readonly Step[];
}

const root = path.resolve(import.meta.dirname, "../../..");
const { jobs } = parse(readFileSync(path.join(root, ".github/workflows/plumbline.yml"), "utf8")) as {
    jobs: Readonly<Record<"check" | "plan" | "comment" | "test", Job>>;
};
const planStep = jobs.plan.steps.find(({ name }) => name?.startsWith("Plan "));

describe("the plan step", () => {
    let folder: string;
    beforeEach(() => {
        folder = mkdtempSync(path.join(tmpdir(), "plumbline-workflow-"));
        // In the place of npm: writes down what it was called with, and ends as it is told.
        const stand = ["#!/bin/sh", 'echo "$@" > called', "env > seen", 'echo "the plan"', "exit $ENDS_WITH"].join(
            "\n",
        );
        writeFileSync(path.join(folder, "npm"), `${stand}\n`, { mode: 0o755 });
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    const read = (file: string) => readFileSync(path.join(folder, file), "utf8");
    /** As GitHub runs it: every variable of the step is there, empty where nothing was given for it. */
    function plan(given: Readonly<Record<string, string>>, endsWith = 0) {
        const empty = Object.keys(planStep?.env ?? {}).map((name) => [name, ""]);
        const { status, stderr } = spawnSync("bash", ["-e", "-c", planStep?.run ?? "exit 99"], {
            cwd: folder,
            encoding: "utf8",
            env: {
                ...Object.fromEntries(empty),
                STACK: "staging",
                ...given,
                ENDS_WITH: String(endsWith),
                PATH: `${folder}:${process.env.PATH}`,
                GITHUB_STEP_SUMMARY: path.join(folder, "summary"),
            },
        });
        return { status, stderr, called: read("called").trim(), comment: read("plan/comment.md") };
    }
    const real = { PULUMI_BACKEND_URL: "s3://states", PULUMI_CONFIG_PASSPHRASE: "a passphrase of its own" };

    test("plans against the stack's state without the engine of the runner, which is not the stack's [R00d]", () => {
        const { status, called, comment } = plan({ ...real, AWS_ACCESS_KEY_ID: "key" });
        expect([status, called]).toEqual([0, "run --silent preview -- --stack staging --without-engine"]);
        expect(comment).toMatch(/^### Plan of `staging`\n\n~~~~text\nthe plan\n/);
        expect(read("seen")).toContain("PULUMI_BACKEND_URL=s3://states\n");
        expect(read("seen")).toContain("AWS_ACCESS_KEY_ID=key\n");
        // What nobody has given is not there as an empty one.
        expect(read("seen")).not.toMatch(/^(GOOGLE|AZURE|PULUMI_ACCESS_TOKEN)/m);
    });

    test.each(["PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"])(
        "plans from nothing without %s, says so, and hands no secret on [R00d]",
        (missing) => {
            const { called, comment } = plan({ ...real, AWS_SECRET_ACCESS_KEY: "key", [missing]: "" });
            expect(called).toBe("run --silent preview -- --stack staging --from-nothing");
            expect(comment).toMatch(/^### Plan of `staging` \(from nothing\)\n/);
            expect(read("seen")).not.toMatch(/^(PULUMI|AWS)_/m);
        },
    );

    test("ends as the plan ends, and tells a refusal in the comment", () => {
        const { status, comment } = plan(real, 30);
        expect(status).toBe(30);
        expect(comment).toContain("**Refused (exit code 30).**");
    });
});

describe("the workflow", () => {
    test("checks every change, and runs on a pull request the tests that need no engine", () => {
        expect(jobs.check.if).toBeUndefined();
        expect(jobs.check.steps.map(({ run }) => run)).toEqual(
            expect.arrayContaining(["npm run check", "npm test -- test/unit test/components"]),
        );
    });

    test("posts no comment where its token cannot write: for forks and Dependabot", () => {
        expect(jobs.comment.if).toContain("github.event.pull_request.head.repo.full_name == github.repository");
        expect(jobs.comment.if).toContain("github.actor != 'dependabot[bot]'");
    });

    test("takes every action at one commit", () => {
        const used = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []));
        expect(used.length).toBeGreaterThan(5);
        expect(used.filter((action) => !/@[0-9a-f]{40}$/.test(action))).toEqual([]);
    });
});
