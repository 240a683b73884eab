/** One rollout from beginning to end: the transaction is opened, the steps are run, and it is committed or undone. */
import { randomBytes } from "node:crypto";
import type { ContainerFacts, Engine } from "../engine/docker.ts";
import { EdgeControl } from "../engine/edge/edge.ts";
import type { EdgeSlots } from "../engine/edge/slots.ts";
import { loadHttp } from "../engine/http.ts";
import { describeError, PlumblineError } from "../release/errors.ts";
import type { Release } from "../release/types.ts";
import { containerOf, type RolloutContext } from "./context.ts";
import { untilEngineAnswers } from "./engine-return.ts";
import { EvidenceLost, saveFailure } from "./evidence.ts";
import { assertParentLives } from "./fence.ts";
import { finishedJobs } from "./finished-jobs.ts";
import { startGuard } from "./guard-process.ts";
import { busy, type CommitRecord, type OpenTransaction, TransactionLost } from "./ledger.ts";
import { leftVolumes } from "./left-volumes.ts";
import { publishedAddresses, type RolloutOutcome, type ServiceOutcome } from "./outcome.ts";
import { planSteps } from "./plan.ts";
import { isKnownDead } from "./process.ts";
import { settle } from "./recover.ts";
import { runSteps, StepsFailed } from "./runner.ts";
import { removeFileLeftovers } from "./service-files.ts";
import { type RolloutRequest, Session } from "./session.ts";
import { type Situation, situationOf } from "./situation.ts";
import { endStanding } from "./stand-again.ts";
import { handedOver } from "./steps/hand-over.ts";

/**
 * Brings the stack to the release, or leaves it as it was.
 *
 * Works in the current folder, which is the project's: evidence goes to `infrastructure/reports/<stack>`.
 *
 * @throws PlumblineError when another deployer holds the transaction, or a declared container is gone: nothing was touched
 * @throws TransactionLost when this process was thought dead and another one has ended its transaction
 * @throws Error with the first cause after everything was undone, or with what could not be undone
 */
export async function performRollout(
    request: RolloutRequest,
    now: () => Date = () => new Date(),
): Promise<RolloutOutcome> {
    const { release } = request;
    const transaction = newTransactionId(now());
    const session = new Session(request, transaction, now, undefined, () => assertParentLives(transaction));
    const { engine, ledger } = session;
    await assertDeclared(engine, request);
    await ledger.open();
    const open = await begin(session, request);
    const guard = startGuard(request, open);
    const mayAct = () => session.assertHeld(open);
    let last: CommitRecord | undefined;
    let hasBegun = false;
    try {
        // Where it goes is recorded before anything is done; meanwhile what runs is looked at.
        const reading = ledger.read();
        const target = session.placement({});
        const [read, targeted, looked] = await Promise.allSettled([
            reading,
            reading.then(() => ledger.recordTarget(transaction, target, request.releaseText)),
            lookAtStack(engine, request),
            loadHttp(),
        ]);
        const recorded = resultOf(read);
        last = recorded.lastCommit;
        session.begin(last?.release ?? null, open);
        session.assertRecorded();
        hasBegun = true;
        resultOf(targeted);
        const stack = resultOf(looked);
        const context = session.context(request);
        for (const { name, restartCount } of stack.containers) context.restartsBefore.set(name, restartCount);
        const past = { finishedJobs: finishedJobs(recorded, release), containers: last?.containers ?? {} };
        const situation = situationOf(release, request.containers, request.edge, stack.containers, stack.slots, past);
        await removeFileLeftovers(engine, release.project, release).catch(warn);
        const previous = last === undefined ? undefined : recorded.release(last.release)?.value;
        const steps = planSteps(context, situation, previous);
        await runSteps(steps, {
            timeline: session.timeline,
            mayAct,
            mayApply: () => session.assertRecorded(),
            beforeUndo: (cause) => outliveCrash(session, open, cause),
        });
        await mayAct();
        session.assertRecorded();
        const changed = new Set(
            situation.changes.flatMap((entry) => (entry.change === "keep" ? [] : [entry.service.name])),
        );
        const services = await describeServices(context, changed);
        const images = Object.fromEntries(services.map(({ name, imageId }) => [name, imageId]));
        const forced = request.forced === true;
        const renewals = request.renewals === undefined ? {} : { renewals: request.renewals };
        const at = now().toISOString();
        const before = { transaction, previous: last?.release ?? null };
        const { measured } = context;
        const record = { ...session.placement(images), ...before, at, forced, ...renewals, ...measured };
        const commit = await ledger.commit(record);
        // Nothing from here on may fail for a reason of its own: the release is the last known good.
        if (forced) await ledger.liftQuarantine(release.id, open.transaction).catch(warn);
        const left = previous === undefined ? [] : leftVolumes(previous, release);
        const outcome = session.end("committed", services, null, {
            ...(situation.previousEdges.length > 0 ? measured : {}),
            ...(left.length > 0 ? { leftVolumes: left } : {}),
        });
        await keepStanding(session, commit, open).catch(warn);
        await close(session, open);
        endReplaced(engine, situation, previous);
        return outcome;
    } catch (error) {
        if (wasLost(error)) throw error;
        if (!hasBegun) {
            // Nothing was touched: what ran runs.
            await ledger.recordUndone(open.transaction, { isPutBack: true }).catch(warn);
            await close(session, open);
            throw error;
        }
        return await undo(session, open, last, error);
    } finally {
        await session.close();
        guard.release();
    }
}

function resultOf<T>(settled: PromiseSettledResult<T>): T {
    if (settled.status === "rejected") throw settled.reason;
    return settled.value;
}

/** Pulumi's state may name what was removed behind its back, or by another clone: that is found before anything is touched. */
async function assertDeclared(engine: Engine, { edge, containers }: RolloutRequest): Promise<void> {
    for (const [service, { id, name }] of Object.entries({ edge, ...containers })) {
        if ((await engine.inspect(id)) !== undefined) continue;
        throw new PlumblineError(
            "engine",
            `the container ${name} is gone from the engine, and Pulumi's state has it still`,
            {
                service,
                remedy: "run `npm run deploy` or `pulumi up --refresh`, which ask the engine first and create it anew",
            },
        );
    }
}

/** Whether another process has the transaction now: then nothing more is done here, and the transaction is left to it. */
function wasLost(error: unknown): boolean {
    if (error instanceof TransactionLost) return true;
    if (!(error instanceof StepsFailed)) return false;
    return [error.cause, ...error.undoFailures.map((failure) => failure.error)].some(
        (cause) => cause instanceof TransactionLost,
    );
}

/**
 * Waits for an engine that may have crashed, and ends what it had just started and does not know any more: the previous
 * container of a service that must not run twice is never started beside it.
 */
async function outliveCrash(session: Session, open: OpenTransaction, cause: unknown): Promise<void> {
    const { engine, release } = session;
    await untilEngineAnswers(engine);
    if (!(cause instanceof PlumblineError) || cause.category !== "engine") return;
    // Whoever has the transaction now may be starting containers.
    await session.assertHeld(open);
    await engine.endUnknown({ "plumbline.project": release.project }).catch(warn);
}

/** An engine that crashed around the commit has taken the services down: the committed release is brought up again. */
async function keepStanding(session: Session, commit: CommitRecord, open: OpenTransaction): Promise<void> {
    const missing = await endStanding(session, commit, open);
    if (missing !== undefined) warn(new Error(`the committed release does not run as a whole: ${missing}`));
}

/**
 * What was kept running for the way back is asked to end, and not waited for: it ends while the release is validated, so
 * that Pulumi, which deletes it after that, finds it ended.
 */
function endReplaced(engine: Engine, { changes }: Situation, previous: Release | undefined): void {
    for (const entry of changes) {
        if (entry.change !== "replace" || entry.service.kind !== "request") continue;
        const { container, service } = handedOver(entry.service, entry.previous, previous);
        engine.stop(container, service.spec.stopGraceSeconds).catch(warn);
    }
}

/** What fails while it is closed is tried once more by `close`, and mended by the guard. */
async function endedStanding(session: Session, last: CommitRecord, open: OpenTransaction): Promise<string | undefined> {
    try {
        return await endStanding(session, last, open);
    } catch (error) {
        if (error instanceof TransactionLost) throw error;
        warn(error);
        return undefined;
    }
}

/** Closes the transaction. What fails here is mended by the guard, which sees that this process has gone. */
async function close(session: Session, open: OpenTransaction): Promise<void> {
    await session.ledger.end(open).catch(warn);
}

/** A full disk, or a port that somebody has, says nothing of the release: it may be deployed again as it is. */
function isOfThisMachine(cause: unknown): boolean {
    return cause instanceof EvidenceLost || (cause instanceof PlumblineError && cause.category === "port-conflict");
}

function warn(error: unknown): void {
    console.log(`warning: ${describeError(error)}`);
}

/** Opens the transaction. One that a dead deployer has left is brought to an end first. */
async function begin(session: Session, request: RolloutRequest): Promise<OpenTransaction> {
    const { ledger, release } = session;
    const wanted = { transaction: session.transaction, to: release.id, since: session.startedAt };
    for (;;) {
        const begun = await ledger.begin(wanted);
        if ("mine" in begun) return begun.mine;
        const { other } = begun;
        if (!isKnownDead(other)) throw busy(release.project, other);
        const mine = await ledger.takeOver(other);
        if (mine === undefined) continue;
        const { error, outcome } = await settle(mine, request);
        if (outcome !== "rollback-failed") continue;
        // What is rolled out now starts from what runs, whatever that is.
        warn(new Error(error ?? outcome));
        await ledger.end(mine);
    }
}

/** After a failure: what the steps could not take back is put back, everything is proven, and the release is quarantined. */
async function undo(
    session: Session,
    open: OpenTransaction,
    last: CommitRecord | undefined,
    error: unknown,
): Promise<RolloutOutcome> {
    const { engine, ledger, release, redact } = session;
    await untilEngineAnswers(engine);
    const committed = await ledger.lastCommit();
    if (committed?.transaction === open.transaction) {
        // The record was written, and only what followed was lost: from here on there is no way back, only forward.
        await keepStanding(session, committed, open).catch(warn);
        const services = await describeServices(session.context(session.request), new Set());
        await close(session, open);
        return session.end("committed", services, null);
    }
    const first = error instanceof StepsFailed ? error.cause : error;
    await saveFailure(session.context(session.request), session.evidence);
    await ledger.recordUndone(open.transaction).catch(warn);
    let left = await session.putBack(last, open);
    const reason = redact(describeError(first));
    if (left === undefined && last?.release !== release.id && !isOfThisMachine(first)) {
        const { transaction } = open;
        await ledger
            .quarantine({ release: release.id, transaction, reason, at: session.now().toISOString() })
            .catch(warn);
    }
    if (left === undefined) {
        await ledger.recordUndone(open.transaction, { isPutBack: true }).catch(warn);
        // The last thing before the end, since what takes time can be met by a crash.
        if (last !== undefined) left = await endedStanding(session, last, open);
        if (left !== undefined) await ledger.recordUndone(open.transaction).catch(warn);
    }
    const outcome = left === undefined ? "rolled-back" : "rollback-failed";
    const state =
        left !== undefined
            ? `The previous release could not be put back: ${left}`
            : last === undefined
              ? "No previous release: everything that had been started was stopped; data volumes are kept."
              : `Release ${last.release} runs as before, proven.`;
    const message = redact(`${describeError(first)}\n  ${state}\n  Evidence: ${session.evidence}`);
    await close(session, open);
    session.end(outcome, [], message);
    throw new Error(message);
}

/** What there is of the stack on the engine, and what the edge that serves now sends to: nothing where none runs. */
async function lookAtStack(
    engine: Engine,
    { release, edge }: RolloutRequest,
): Promise<{ readonly containers: readonly ContainerFacts[]; readonly slots: EdgeSlots }> {
    const listed = await engine.list({ "plumbline.project": release.project });
    const facts = await Promise.all(
        listed.filter(({ labels }) => labels["plumbline.service"] !== undefined).map(({ id }) => engine.inspect(id)),
    );
    const containers = facts.filter((seen) => seen !== undefined);
    // The one that the release declares, or the one before it.
    const serving =
        containers.find(({ name, running }) => name === edge.name && running) ??
        containers.find(({ labels, state }) => labels["plumbline.service"] === "edge" && state === "running");
    const slots = serving === undefined ? {} : await new EdgeControl(engine, serving.name).readSlots();
    return { containers, slots };
}

async function describeServices(context: RolloutContext, changed: ReadonlySet<string>): Promise<ServiceOutcome[]> {
    return Promise.all(
        context.release.services.map(async (service) => {
            const container = containerOf(context, service.name);
            const facts = await context.engine.inspect(container.name);
            const proof = context.proven.get(service.name) ?? { readyAfterMs: 0, probeMs: 0 };
            return {
                name: service.name,
                kind: service.kind,
                revision: service.revision,
                image: service.image.reference,
                imageId: facts?.imageId ?? "",
                container: container.name,
                addresses: publishedAddresses(service),
                ...proof,
                ...(changed.has(service.name) ? {} : { readyAfterMs: 0 }),
                changed: changed.has(service.name),
            };
        }),
    );
}

/** `tx-20261124T175301-3f9c`: sorts by time, and two of one second differ. */
export function newTransactionId(now: Date, random: (bytes: number) => Buffer = randomBytes): string {
    const time = now.toISOString().replace(/[-:]/g, "").slice(0, 15);
    return `tx-${time}-${random(2).toString("hex")}`;
}
