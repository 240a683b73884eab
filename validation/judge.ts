/** The verdict on each service of a committed release: its identity, its state, and its answers through the edge. */
import type { ContainerFacts, Engine } from "../engine/docker.ts";
import { describeError } from "../release/errors.ts";
import { probeAddress } from "../release/probe-address.ts";
import { substituteDeep } from "../release/secrets.ts";
import type { Release, ServiceRelease } from "../release/types.ts";
import type { RolloutOutcome, ServiceOutcome } from "../rollout/outcome.ts";
import { type ProbeResult, probeTimeoutMs, runProbe } from "./facts/probe.ts";
import type { Verdict } from "./verdict.ts";

export interface JudgeRequest {
    readonly engine: Engine;
    readonly release: Release;
    readonly outcome: RolloutOutcome;
    readonly secrets: Readonly<Record<string, string>>;
}

/** One verdict for each service. No data is never a pass: a question that could not be put makes it inconclusive (R96). */
export async function judgeServices(request: JudgeRequest): Promise<Verdict[]> {
    const address = probeAddress(request.release, request.engine.address);
    const judgeOne = async (service: ServiceRelease): Promise<Verdict> => {
        const recorded = request.outcome.services.find(({ name }) => name === service.name);
        const facts = recorded === undefined ? undefined : await request.engine.inspect(recorded.container);
        const asked = facts?.running === true ? service.probes : [];
        const answers = await Promise.all(
            asked.map((probe) =>
                runProbe(
                    substituteDeep(probe, request.secrets),
                    { ...address, role: "active", service: service.name, revision: service.revision },
                    probeTimeoutMs,
                ),
            ),
        );
        return verdictOf(service, recorded, facts, answers);
    };
    return Promise.all(
        request.release.services.map((service) =>
            // An engine that cannot be asked says nothing about the service.
            judgeOne(service).catch((error: unknown) => verdict(service, "inconclusive", [describeError(error)])),
        ),
    );
}

/** Pure: from what was found to the verdict. */
export function verdictOf(
    service: ServiceRelease,
    recorded: ServiceOutcome | undefined,
    facts: ContainerFacts | undefined,
    answers: readonly ProbeResult[],
): Verdict {
    const findings: string[] = [];
    const expect = (what: string, expected: string, actual: string) => {
        if (expected !== actual) findings.push(`${what}: expected ${expected}, got ${actual}`);
    };
    if (recorded === undefined) return verdict(service, "inconclusive", ["the rollout recorded no container"]);
    if (facts === undefined)
        return verdict(service, "fail", [`container ${recorded.container}: expected running, got missing`]);
    if (service.kind === "job") {
        // One that has run for a release before is made and not started again.
        if (facts.state !== "created") expect("state", "exited with 0", `${facts.state} with ${facts.exitCode}`);
    } else {
        expect("state", "running", facts.state);
        const check = service.spec.healthcheck;
        if (check !== undefined && check.test[0] !== "NONE") expect("health", "healthy", facts.health);
    }
    expect("revision", service.revision, facts.labels["plumbline.revision"] ?? "none");
    expect("image", recorded.imageId, facts.imageId);
    for (const answer of answers) {
        if (answer.result === "fail")
            findings.push(`${answer.probe}: expected ${answer.expected}, got ${answer.actual}`);
    }
    if (findings.length > 0) return verdict(service, "fail", findings);
    if (service.kind !== "job" && answers.length < service.probes.length)
        return verdict(service, "inconclusive", ["not every probe was asked"]);
    const unasked = answers.filter(({ result }) => result === "inconclusive");
    if (unasked.length === 0) return verdict(service, "pass", []);
    return verdict(
        service,
        "inconclusive",
        unasked.map((answer) => `${answer.probe}: ${answer.actual}`),
    );
}

function verdict(service: ServiceRelease, result: Verdict["result"], findings: readonly string[]): Verdict {
    return { service: service.name, result, findings };
}
