/** One rollout from beginning to end: the transaction is opened, the steps are run, and it is committed or undone. */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { connectEngine, type Engine } from "../engine/docker.ts";
import { EdgeControl } from "../engine/edge/edge.ts";
import { describeError } from "../release/errors.ts";
import { probeAddress } from "../release/probe-address.ts";
import { redactor } from "../release/redact.ts";
import type { DeclaredContainer, Release } from "../release/types.ts";
import { containerOf, type RolloutContext } from "./context.ts";
import { saveFailure } from "./evidence.ts";
import { Ledger } from "./ledger.ts";
import type { Outcome, RolloutOutcome, ServiceOutcome } from "./outcome.ts";
import { writeLastOutcome } from "./outcome-file.ts";
import { planSteps } from "./plan.ts";
import { runSteps, StepsFailed } from "./runner.ts";
import { situationOf } from "./situation.ts";
import { StartupLogs } from "./startup-logs.ts";
import { reportsFolder, Timeline } from "./timeline.ts";

export interface RolloutRequest {
    readonly release: Release;
    /** The canonical JSON of the release, as it is recorded. */
    readonly releaseText: string;
    readonly edge: DeclaredContainer;
    readonly containers: Readonly<Record<string, DeclaredContainer>>;
    readonly secrets: Readonly<Record<string, string>>;
    readonly engineHost?: string | undefined;
}

/**
 * Brings the stack to the release, or leaves it as it was.
 *
 * Works in the current folder, which is the project's: evidence goes to `infrastructure/reports/<stack>`.
 *
 * @throws PlumblineError when another deployer holds the transaction: nothing was touched
 * @throws Error with the first cause after everything was undone, or with what could not be undone
 */
export async function performRollout(
    request: RolloutRequest,
    now: () => Date = () => new Date(),
): Promise<RolloutOutcome> {
    const { release } = request;
    const engine = connectEngine(request.engineHost);
    const ledger = new Ledger(engine, release.project, release.edge.image.reference);
    await ledger.open();
    const transaction = newTransactionId(now());
    const last = await ledger.lastCommit();
    const startedAt = now().toISOString();
    const open = await ledger.begin({ transaction, from: last?.release ?? null, to: release.id, since: startedAt });

    const redact = redactor(request.secrets);
    const evidence = path.join(reportsFolder(release.stack), transaction);
    const timeline = new Timeline(release.stack, transaction, { now, redact, echo: (line) => console.log(line) });
    const logs = new StartupLogs(engine, evidence, {
        redact,
        onLine: (service, message) => timeline.record({ event: "log", service, message }),
    });
    const context: RolloutContext = {
        engine,
        edge: new EdgeControl(engine, request.edge.name),
        edgeContainer: request.edge,
        release,
        containers: request.containers,
        secrets: request.secrets,
        probeAddress: probeAddress(release, engine.address),
        timeline,
        logs,
        proven: new Map(),
    };
    const outcomeOf = (outcome: Outcome, services: readonly ServiceOutcome[]): RolloutOutcome => ({
        transaction,
        stack: release.stack,
        release: release.id,
        previous: last?.release ?? null,
        outcome,
        startedAt,
        durationMs: now().getTime() - Date.parse(startedAt),
        services,
        gateways: gatewayAddresses(release),
        evidence,
    });

    timeline.record({
        event: "transaction-begin",
        message: `${transaction}: ${last?.release ?? "nothing"} → ${release.id}`,
    });
    try {
        const previous = last === undefined ? undefined : await ledger.release(last.release);
        const situation = await readSituation(context, request);
        const steps = planSteps(context, situation, previous);
        await runSteps(steps, { timeline, mayAct: () => ledger.assertHeld(open) });
        const changed = new Set(
            situation.changes.flatMap((entry) => (entry.change === "keep" ? [] : [entry.service.name])),
        );
        const services = await describeServices(context, changed);
        const images = Object.fromEntries(services.map(({ name, imageId }) => [name, imageId]));
        await ledger.commit(
            { transaction, release: release.id, previous: last?.release ?? null, at: now().toISOString(), images },
            request.releaseText,
        );
        const outcome = outcomeOf("committed", services);
        timeline.record({
            event: "transaction-end",
            durationMs: outcome.durationMs,
            message: `committed release ${release.id}`,
        });
        writeLastOutcome(outcome, null);
        return outcome;
    } catch (error) {
        const undone = !(error instanceof StepsFailed) || error.undoFailures.length === 0;
        const outcome = outcomeOf(undone ? "rolled-back" : "rollback-failed", []);
        timeline.record({
            event: "transaction-end",
            durationMs: outcome.durationMs,
            message: redact(describeError(error)),
        });
        await saveFailure(context, evidence);
        writeLastOutcome(outcome, redact(describeError(error)));
        throw failureOf(error, outcome, redact);
    } finally {
        await logs.close();
        mkdirSync(evidence, { recursive: true, mode: 0o700 });
        writeFileSync(path.join(evidence, "release.json"), request.releaseText, { mode: 0o600 });
        timeline.keep(evidence);
        await ledger.end(open);
    }
}

async function readSituation(context: RolloutContext, request: RolloutRequest) {
    const { engine, edge, release } = context;
    const running = await engine.list({ "plumbline.project": release.project });
    const edgeFacts = await engine.inspect(request.edge.name);
    const serving = edgeFacts?.running === true ? edge : await previousEdge(engine, release.project);
    const slots = serving === undefined ? {} : await serving.readSlots();
    return situationOf(release, request.containers, request.edge, running, slots);
}

/** The edge that serves now, when it is not the one that the release declares. */
async function previousEdge(engine: Engine, project: string): Promise<EdgeControl | undefined> {
    const edges = await engine.list({ "plumbline.project": project, "plumbline.service": "edge" });
    const running = edges.find(({ state }) => state === "running");
    return running === undefined ? undefined : new EdgeControl(engine, running.id);
}

async function describeServices(context: RolloutContext, changed: ReadonlySet<string>): Promise<ServiceOutcome[]> {
    const { release, engine } = context;
    return Promise.all(
        release.services.map(async (service) => {
            const container = containerOf(context, service.name);
            const facts = await engine.inspect(container.name);
            const proof = context.proven.get(service.name) ?? { readyAfterMs: 0, probeMs: 0 };
            return {
                name: service.name,
                kind: service.kind,
                revision: service.revision,
                image: service.image.reference,
                imageId: facts?.imageId ?? "",
                container: container.name,
                addresses: service.ports
                    .filter(({ published }) => published > 0)
                    .map((port) => `${port.hostIp}:${port.published}`),
                ...proof,
                changed: changed.has(service.name),
            };
        }),
    );
}

function gatewayAddresses(release: Release): Record<string, string> {
    return Object.fromEntries(
        release.edge.gateways.map(({ name, published }) => [name, `${published.hostIp}:${published.port}`]),
    );
}

/** `tx-20261124T175301-3f9c`: sorts by time, and two of one second differ. */
export function newTransactionId(now: Date, random: (bytes: number) => Buffer = randomBytes): string {
    const time = now.toISOString().replace(/[-:]/g, "").slice(0, 15);
    return `tx-${time}-${random(2).toString("hex")}`;
}

/** The error that `pulumi up` prints: the first cause, what was done about it, and where the evidence is. */
function failureOf(error: unknown, outcome: RolloutOutcome, redact: (text: string) => string): Error {
    const first = error instanceof StepsFailed ? error.cause : error;
    const left =
        error instanceof StepsFailed && error.undoFailures.length > 0
            ? `These steps could not be undone: ${error.undoFailures.map((entry) => `${entry.step} (${describeError(entry.error)})`).join("; ")}.`
            : outcome.previous === null
              ? "Everything that had been started was stopped again; data volumes are kept."
              : `Release ${outcome.previous} runs as before.`;
    return new Error(redact(`${describeError(first)}\n  ${left}\n  Evidence: ${outcome.evidence}`));
}
