/** What a command has to know before it ends what another deployer began. */
import { spawn, spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { describe, expect, test } from "@jest/globals";
import { describeOwner, ownerState } from "../../../automation/deployer.ts";
import { recordedFailure } from "../../../automation/recorded-failure.ts";
import { declaredValues, stateFacts } from "../../../automation/state.ts";
import { isAlive, processStartTime } from "../../../rollout/process.ts";

const here = { host: hostname(), pid: process.pid, pidStart: processStartTime(process.pid) };
const pulumiRuns = { host: hostname(), isPulumi: () => true };
const noPulumi = { host: hostname(), isPulumi: () => false };

describe("the owner of an open transaction [F12]", () => {
    test("is at work while Pulumi runs it, or where that cannot be known", () => {
        expect(ownerState(here, pulumiRuns)).toBe("at-work");
        expect(ownerState(here, noPulumi, () => undefined)).toBe("at-work");
    });

    test("is about to end it when it has outlived its Pulumi, or is a guard", () => {
        expect(ownerState(here, noPulumi)).toBe("ending");
    });

    test("is dead when its process is gone, also when another one has got its number", () => {
        const { pid } = spawnSync(process.execPath, ["--version"]);
        expect(ownerState({ ...here, pid }, pulumiRuns)).toBe("dead");
        expect(ownerState({ ...here, pidStart: "1" }, pulumiRuns)).toBe("dead");
    });

    test("is dead when it ends while it is looked at, not at work", () => {
        const child = spawn("sleep", ["60"], { stdio: "ignore" });
        const pid = child.pid ?? 0;
        const pidStart = processStartTime(pid);
        const endsIt = () => {
            process.kill(pid, "SIGKILL");
            while (isAlive(pid, pidStart));
            return undefined;
        };
        expect(ownerState({ host: hostname(), pid, pidStart }, pulumiRuns, endsIt)).toBe("dead");
    });

    test("is a child of Pulumi by its real parent", async () => {
        const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"]);
        const pid = child.pid ?? 0;
        try {
            const asked: number[] = [];
            const table = { host: hostname(), isPulumi: (parent: number) => asked.push(parent) > 0 };
            expect(ownerState({ host: hostname(), pid, pidStart: "" }, table)).toBe("at-work");
            expect(asked).toEqual([process.pid]);
        } finally {
            child.kill();
        }
    });

    test("cannot be judged on another machine", () => {
        expect(ownerState({ ...here, host: "elsewhere" }, noPulumi)).toBe("elsewhere");
    });

    test("is named with process and time", () => {
        const open = {
            ...here,
            transaction: "tx-1",
            epoch: 1,
            to: "aaa1",
            user: "ann",
            since: "2026-01-01",
        };
        expect(describeOwner({ ...open, host: "builder", pid: 4711 }, "dead")).toBe(
            "transaction tx-1 of ann@builder (process 4711, gone) since 2026-01-01",
        );
    });
});

describe("the recorded error of a rollout", () => {
    const cause =
        "api stopped by itself (exit code 3)\n  Its last log lines:\n    none [startup, api]\n  Next: correct api";

    test("gives its first cause, with what became of the stack", () => {
        expect(
            recordedFailure(`${cause}\n  Release aaa1 runs as before, proven.\n  Evidence: infrastructure/x`),
        ).toEqual({
            category: "startup",
            service: "api",
            remedy: "correct api",
            message:
                "api stopped by itself (exit code 3)\n  Its last log lines:\n    none\n  Release aaa1 runs as before, proven.",
        });
    });

    test("is told whole where it is of another form", () => {
        expect(recordedFailure("the deployer was killed")).toMatchObject({ message: "the deployer was killed" });
        expect(recordedFailure(`boom\n  The previous release could not be put back: x\n  Evidence: y`)).toMatchObject({
            message: "boom\n  The previous release could not be put back: x",
        });
        expect(recordedFailure(null)).toBeNull();
    });
});

describe("the secrets in an exported state", () => {
    const urn = "urn:pulumi:local::plumbline::pulumi-nodejs:dynamic:Resource::credentials";
    const state = (values: unknown) => ({ deployment: { resources: [{ urn, type: "t", outputs: { values } }] } });

    test("are read in clear and as secret", () => {
        expect(declaredValues(state({ A: "1" }))).toEqual({ A: "1" });
        expect(declaredValues(state({ plaintext: '{"A":"1"}' }))).toEqual({ A: "1" });
        expect(declaredValues({ deployment: null })).toEqual({});
    });
});

describe("what an exported state says of a killed deployer [F12]", () => {
    const container = "docker:index/container:Container";

    test("is what it had begun to create, by its name on the engine, and what is there by id", () => {
        const facts = stateFacts({
            deployment: {
                resources: [
                    { urn: "urn:stack", type: "pulumi:pulumi:Stack" },
                    { urn: "urn:api", type: container, id: "c1" },
                ],
                pending_operations: [
                    { type: "creating", resource: { type: container, inputs: { name: "api-2222-abc" } } },
                    { type: "updating", resource: { type: "pulumi-nodejs:dynamic:Resource", inputs: {} } },
                    { type: "deleting", resource: { type: container, inputs: { name: "api-1111-abc" } } },
                ],
            },
        });
        expect(facts).toEqual({
            pendingOperations: 3,
            pendingCreates: [{ type: container, name: "api-2222-abc" }],
            resources: 1,
            ids: new Set(["c1"]),
        });
    });

    test("is nothing where there is no state", () => {
        const nothing = { pendingOperations: 0, pendingCreates: [], resources: 0, ids: new Set() };
        expect(stateFacts({ deployment: null })).toEqual(nothing);
        expect(stateFacts({ deployment: { resources: null, pending_operations: null } })).toEqual(nothing);
    });
});
