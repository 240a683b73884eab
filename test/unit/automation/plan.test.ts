/** The plan as people read it, and what of a stack's settings goes into a plan from nothing. */
import { describe, expect, test } from "@jest/globals";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { declaredVolumes } from "../../../automation/destroy.ts";
import { withoutSecrets } from "../../../automation/from-nothing.ts";
import {
    changedServices,
    type PreviewResult,
    plannedChanges,
    plannedRelease,
    renderPlan,
} from "../../../automation/preview.ts";
import { withoutRotated } from "../../../automation/secrets.ts";
import { sampleResult } from "./sample-result.ts";

function planned(op: string, type: string, name: string, diffs?: string[]): EngineEvent {
    const metadata = { op, type, urn: `urn:pulumi:local::plumbline::${type}::${name}`, diffs };
    return { sequence: 1, timestamp: 1, resourcePreEvent: { metadata } } as unknown as EngineEvent;
}

const container = "docker:index/container:Container";
const events = [
    planned("create", "pulumi:pulumi:Stack", "plumbline-local"),
    planned("create", "plumbline:components:Edge", "edge"),
    planned("same", container, "redis-11111111"),
    planned("refresh", container, "redis-11111111"),
    planned("create", container, "api-3f9c1a2b"),
    planned("delete", container, "worker-22222222"),
    planned("update", "pulumi-nodejs:dynamic:Resource", "rollout", ["release"]),
];

const base: PreviewResult = {
    ...sampleResult,
    command: "preview",
    outcome: "planned",
    plan: plannedChanges(events),
    services: changedServices(plannedChanges(events)),
    changes: { create: 1, same: 2 },
    fromNothing: false,
};

describe("a plan", () => {
    test("holds what changes, without groups, the stack and what stays", () => {
        expect(base.plan.map(({ op, name }) => `${op} ${name}`)).toEqual([
            "create api-3f9c1a2b",
            "delete worker-22222222",
            "update rollout",
        ]);
    });

    test("names the service also of a container that is made anew in its revision [R31]", () => {
        const anew = [
            planned("create", container, "my-api-3f9c1a2b-r12"),
            planned("delete", container, "my-api-3f9c1a2b"),
        ];
        expect(changedServices(plannedChanges(anew))).toEqual(["my-api"]);
    });

    test("names the services whose container is new", () => {
        expect(base.services).toEqual(["api"]);
    });

    test("shows what a change is because of", () => {
        expect(renderPlan(base)).toContain("update  rollout          pulumi-nodejs:dynamic:Resource    [release]");
        expect(renderPlan({ ...base, plan: [] })).toContain("No changes.");
    });

    test("from nothing is headed as such", () => {
        expect(renderPlan({ ...base, fromNothing: true })).toMatch(/^Plan of local from nothing: .*throw-away/);
    });

    test("names the release where the program gives it", () => {
        const metadata = { type: "pulumi:pulumi:Stack", new: { outputs: { releaseId: "0123456789ab" } } };
        const event = { sequence: 1, timestamp: 1, resOutputsEvent: { metadata } } as unknown as EngineEvent;
        expect(plannedRelease([...events, event])).toBe("0123456789ab");
        expect(plannedRelease(events)).toBeNull();
    });
});

test("settings for a plan from nothing keep all but salt and encrypted values", () => {
    const text = withoutSecrets(`
encryptionsalt: v1:abc
config:
  plumbline:project: p
  plumbline:ports: { offset: 10000 }
  plumbline:token: { secure: aaa }
  plumbline:secrets:
    JWT_SECRET: { secure: bbb }
`);
    expect(text).not.toMatch(/secure|salt|aaa|bbb/);
    expect(text).toContain("plumbline:project: p");
    expect(text).toContain("offset: 10000");
    expect(withoutSecrets("# nothing\n")).toBe("");
});

describe("rotating a secret", () => {
    const sources = {
        JWT_SECRET: { type: "generate", length: 48 },
        ANON_KEY: { type: "jwt", role: "anon", signedWith: "JWT_SECRET" },
        REDIS_PASSWORD: { type: "generate", length: 32 },
    } as const;
    const given = { JWT_SECRET: "a", ANON_KEY: "b", REDIS_PASSWORD: "c" };

    test("renews it and the keys signed with it, and no other", () => {
        expect(withoutRotated(sources, given, "JWT_SECRET")).toEqual({ REDIS_PASSWORD: "c" });
        expect(withoutRotated(sources, given, "REDIS_PASSWORD")).toEqual({ JWT_SECRET: "a", ANON_KEY: "b" });
        expect(withoutRotated(sources, given)).toEqual(given);
    });

    test("of a name that the baseline does not have is refused with the nearest", () => {
        expect(() => withoutRotated(sources, given, "JWT_SECRTE")).toThrow("did you mean JWT_SECRET?");
    });
});

test("the volumes that a state declares are known by the engine's names", () => {
    const resources = [
        { type: "docker:index/volume:Volume", outputs: { name: "p_data" } },
        { type: "docker:index/network:Network", outputs: { name: "p_network" } },
        { type: "docker:index/volume:Volume" },
    ];
    expect(declaredVolumes({ version: 3, deployment: { resources } })).toEqual(["p_data"]);
    expect(declaredVolumes({ version: 3, deployment: null })).toEqual([]);
});
