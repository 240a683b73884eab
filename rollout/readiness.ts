/** When a service is ready: its own healthcheck says so, and its questions through the edge are answered rightly. */
import type { ContainerFacts } from "../engine/docker.ts";
import { sleep } from "../engine/retry.ts";
import { PlumblineError } from "../release/errors.ts";
import { substituteDeep } from "../release/secrets.ts";
import type { ServiceRelease } from "../release/types.ts";
import { probeTimeoutMs, proveReady } from "../validation/facts/probe.ts";
import { containerOf, type RolloutContext } from "./context.ts";
import { endedWell } from "./finished-jobs.ts";

/** Milliseconds between two looks at a starting container. */
const lookEveryMs = 200;

/** Which of the edge's backends is asked: the one that serves, or the one under test. */
export type Role = "active" | "candidate";

/**
 * Waits until a started service is ready and records how long it took.
 *
 * Fails at once, with the last lines of its log, when the container exits, restarts, is gone, or is reported unhealthy;
 * a slow start has the whole of the service's own deadline (F9).
 *
 * @param routed what the questions have to wait for besides: the edge may find the container while it starts
 * @throws PlumblineError of category `startup` or `health`
 */
export async function awaitReady(
    context: RolloutContext,
    service: ServiceRelease,
    role: Role,
    signal: AbortSignal,
    routed: Promise<void> = Promise.resolve(),
): Promise<void> {
    routed.catch(() => undefined); // It is awaited below; until then its failure must not end the process.
    const started = performance.now();
    const deadline = started + service.startDeadlineMs;
    // Readiness counts from the start of the container, not of the looking.
    const { startedAt } = await look(context, service);
    const elapsed = () => Math.max(0, Date.now() - startedAt);
    await Promise.all([
        awaitState(context, service, deadline, signal, (facts) => isUp(context, service, facts)),
        routed,
    ]);
    const proof = await proveReady(
        substituteDeep(service.probes, context.secrets),
        { ...context.probeAddress, role, service: service.name, revision: service.revision },
        {
            policy: context.release.health,
            timeoutMs: probeTimeoutMs,
            readyWithinMs: Math.max(deadline - performance.now(), context.release.health.initialDelayMs),
            signal,
            watch: async () => assertNoTrouble(context, service, await look(context, service)),
        },
    );
    if (!proof.ready) {
        const wrong = proof.results.find((result) => result.result !== "pass");
        const what =
            wrong === undefined ? "was not asked" : `${wrong.probe}: expected ${wrong.expected}, got ${wrong.actual}`;
        throw await failureWithLogs(context, service, "health", `did not answer as it should (${what})`);
    }
    // A probe may have been answered by the last breath of a container that restarts.
    await assertNoTrouble(context, service, await look(context, service));
    const probeMs = Math.max(0, ...proof.results.map((result) => result.ms));
    context.proven.set(service.name, { readyAfterMs: elapsed(), probeMs: Math.max(1, Math.round(probeMs)) });
}

/**
 * Waits until a job that was started has ended with 0, which is its proof.
 *
 * @throws PlumblineError `startup` with its last words when it ends with anything else, or is not done by its deadline
 */
export async function awaitCompletion(
    context: RolloutContext,
    service: ServiceRelease,
    signal: AbortSignal,
): Promise<void> {
    const deadline = performance.now() + service.startDeadlineMs;
    const { startedAt } = await look(context, service);
    await awaitState(context, service, deadline, signal, async (facts) => endedWell(facts));
    context.proven.set(service.name, { readyAfterMs: Math.max(0, Date.now() - startedAt), probeMs: 0 });
}

/**
 * Running, and its healthcheck says that it is well. The engine asks for the first time after a whole interval, so the very
 * same command is run here as well: nobody is held longer than the service needs.
 */
async function isUp(context: RolloutContext, service: ServiceRelease, facts: ContainerFacts): Promise<boolean> {
    if (!facts.running) return false;
    if (facts.health === "healthy" || facts.health === "none") return true;
    const command = healthcheckCommand(service);
    if (facts.health !== "starting" || command === undefined) return false;
    const timeoutMs = service.spec.healthcheck?.timeoutMs ?? probeTimeoutMs;
    const result = await context.engine.exec(facts.id, command, { timeoutMs }).catch(() => undefined); // It ended meanwhile.
    return result?.exitCode === 0;
}

/** The healthcheck as a command to run in the container; nothing where the service has none. */
export function healthcheckCommand(service: Pick<ServiceRelease, "spec">): readonly string[] | undefined {
    const [kind, ...words] = service.spec.healthcheck?.test ?? [];
    if (kind === "CMD") return words;
    if (kind === "CMD-SHELL") return ["/bin/sh", "-c", words.join(" ")];
    return undefined;
}

/** Waits until the engine too reports a started service as healthy: at the end, when nobody waits for it any more. */
export async function awaitEngineHealth(
    context: RolloutContext,
    service: ServiceRelease,
    signal: AbortSignal,
): Promise<void> {
    const deadline = performance.now() + service.startDeadlineMs;
    await awaitState(
        context,
        service,
        deadline,
        signal,
        async ({ running, health }) => running && health !== "starting",
    );
}

/** What is wrong with a container beyond waiting, if anything is. A job that has ended well is no trouble. */
export function troubleOf(
    facts: Pick<ContainerFacts, "state" | "health" | "exitCode" | "restartCount" | "oomKilled">,
    kind: ServiceRelease["kind"],
): string | undefined {
    const memory = facts.oomKilled ? ", killed for want of memory" : "";
    if (facts.restartCount > 0 || facts.state === "restarting") {
        // The exit code is gone: the engine forgets it with the new start.
        return `stopped by itself${memory} and was restarted ${facts.restartCount} times`;
    }
    if (facts.state === "exited" || facts.state === "dead") {
        if (kind === "job" && endedWell(facts)) return undefined;
        return `stopped by itself with exit code ${facts.exitCode}${memory}`;
    }
    if (facts.state === "paused") return "is paused";
    if (facts.health === "unhealthy" && kind !== "job") return "is unhealthy by its own healthcheck";
    return undefined;
}

async function awaitState(
    context: RolloutContext,
    service: ServiceRelease,
    deadline: number,
    signal: AbortSignal,
    reached: (facts: ContainerFacts) => Promise<boolean>,
): Promise<void> {
    for (;;) {
        signal.throwIfAborted();
        const facts = await look(context, service);
        await assertNoTrouble(context, service, facts);
        if (await reached(facts)) return;
        if (performance.now() > deadline) {
            const seconds = Math.round(service.startDeadlineMs / 1000);
            const state = facts.health === "none" || service.kind === "job" ? facts.state : facts.health;
            throw await failureWithLogs(
                context,
                service,
                "startup",
                `was still ${state} ${seconds} s after its start`,
                {
                    remedy: `correct ${service.name}, or give it longer under plumbline:startTimeoutSeconds,`,
                },
            );
        }
        await sleep(lookEveryMs, signal);
    }
}

async function assertNoTrouble(context: RolloutContext, service: ServiceRelease, facts: ContainerFacts): Promise<void> {
    const trouble = troubleOf(facts, service.kind);
    if (trouble !== undefined)
        throw await failureWithLogs(context, service, "startup", trouble, { healthOutput: facts.healthOutput });
}

/** The service's declared container as it is now. @throws PlumblineError when it is gone */
export async function look(context: RolloutContext, service: ServiceRelease): Promise<ContainerFacts> {
    const container = containerOf(context, service.name);
    const facts = await context.engine.inspect(container.name);
    if (facts !== undefined) {
        const before = context.restartsBefore.get(container.name) ?? 0;
        return { ...facts, restartCount: Math.max(0, facts.restartCount - before) };
    }
    throw new PlumblineError("startup", `${service.name}: its container ${container.name} was removed`, {
        service: service.name,
        remedy: "find out who removes containers on this engine, then deploy again",
    });
}

/** The error that says what is wrong with a service, with the last lines of its log. */
export async function failureWithLogs(
    context: RolloutContext,
    service: ServiceRelease,
    category: "startup" | "health",
    what: string,
    more: { readonly healthOutput?: string; readonly remedy?: string } = {},
): Promise<PlumblineError> {
    const { healthOutput = "", remedy = `correct ${service.name}` } = more;
    const lastLines = await context.logs.lastLines(containerOf(context, service.name).name);
    const said = healthOutput === "" ? "" : `\n  Its healthcheck said: ${healthOutput}`;
    return new PlumblineError(category, `${service.name} ${what}.${said}\n  Its last log lines:\n${lastLines}`, {
        service: service.name,
        remedy: `${remedy} and deploy again; its whole start-up log is in the evidence folder`,
    });
}
