/** Pulumi's diagnostics: complete, each once, without what only a developer of Pulumi reads. */
import { describe, expect, test } from "@jest/globals";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { cleanMessage, Diagnostics, nameOfUrn, stripColours } from "../../../automation/diagnostics.ts";
import { ownFailure } from "../../../automation/pulumi-error.ts";

const rolloutUrn = "urn:pulumi:local::plumbline::pulumi-nodejs:dynamic:Resource::rollout";
const stackUrn = "urn:pulumi:local::plumbline::pulumi:pulumi:Stack::plumbline-local";

function diagnostic(severity: string, message: string, urn = rolloutUrn): EngineEvent {
    const diagnosticEvent = { severity, message, urn, color: "raw" } as NonNullable<EngineEvent["diagnosticEvent"]>;
    return { sequence: 1, timestamp: 1, diagnosticEvent };
}

describe("diagnostics", () => {
    test("keep every error once, with its resource, and leave out the closing line", () => {
        const diagnostics = new Diagnostics();
        diagnostics.add(diagnostic("error", "<{%fg 1%}>api did not become ready<{%reset%}>\n"));
        diagnostics.add(diagnostic("error", "api did not become ready"));
        diagnostics.add(diagnostic("error", "no such image"));
        diagnostics.add(diagnostic("error", "update failed", stackUrn));
        expect(diagnostics.errors()).toEqual(["rollout: api did not become ready", "rollout: no such image"]);
    });

    test("keep the closing line where it is all there is", () => {
        const diagnostics = new Diagnostics();
        diagnostics.add(diagnostic("error", "update failed", stackUrn));
        expect(diagnostics.errors()).toEqual(["update failed"]);
    });

    test("tell warnings from errors, and leave debug out of both", () => {
        const diagnostics = new Diagnostics();
        diagnostics.add(diagnostic("warning", "disk is nearly full", stackUrn));
        diagnostics.add(diagnostic("debug", "noise"));
        expect(diagnostics.warnings()).toEqual(["disk is nearly full"]);
        expect(diagnostics.errors()).toEqual([]);
        expect(diagnostics.raw()).not.toContain("noise");
    });

    test("keep the stack frames for the evidence", () => {
        const diagnostics = new Diagnostics();
        diagnostics.add(diagnostic("error", "Error: boom\n    at create (/p/rollout.ts:1:2)"));
        expect(diagnostics.errors()).toEqual(["rollout: boom"]);
        expect(diagnostics.raw()).toContain("at create (/p/rollout.ts:1:2)");
    });
});

describe("a message", () => {
    const thrown = [
        "error: Running program '/p/index.ts' failed with an unhandled exception:",
        "PlumblineError: api: the port 8000 is taken",
        "    at file:///p/index.ts:4:43",
        "    at async Object.runProgram [as init] (/p/run.ts:523:33)",
        "    at Stack.initialize (/p/stack.ts:79:28) {",
        "  category: 'port-conflict',",
        "  service: 'api',",
        "  remedy: 'Stop what holds it.'",
        "}",
    ].join("\n");

    test("of one of our errors is in the form that our errors have everywhere", () => {
        expect(cleanMessage(thrown)).toBe(
            "api: the port 8000 is taken [port-conflict, api]\n  Next: Stop what holds it.",
        );
    });

    test("of one of our errors gives back category, service and next step", () => {
        expect(ownFailure(cleanMessage(thrown))).toEqual({
            category: "port-conflict",
            message: "api: the port 8000 is taken",
            remedy: "Stop what holds it.",
            service: "api",
        });
        expect(ownFailure("anything else [nonsense]\n  Next: nothing")).toBeNull();
    });

    test("of what a provider refuses in its check is the refusal alone", () => {
        const refused =
            "pulumi-nodejs:dynamic:Resource resource 'credentials' has a problem: no [settings]\n  Next: yes";
        expect(cleanMessage(`error: ${refused}`)).toBe("no [settings]\n  Next: yes");
    });

    test("keeps lines that only look a little like frames", () => {
        expect(cleanMessage("log: started at 12:00\nlook at this")).toBe("log: started at 12:00\nlook at this");
    });

    test("loses colours of both kinds", () => {
        expect(stripColours("<{%bold%}>a<{%reset%}> \u001b[31mb\u001b[0m")).toBe("a b");
    });
});

test("a resource is named by its own name, the stack and providers by none", () => {
    expect(nameOfUrn(rolloutUrn)).toBe("rollout");
    expect(nameOfUrn(stackUrn)).toBeNull();
    expect(nameOfUrn("urn:pulumi:local::plumbline::pulumi:providers:docker::default_5_2_0")).toBeNull();
    expect(nameOfUrn(undefined)).toBeNull();
});
