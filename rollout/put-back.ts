/**
 * Putting a release back, whatever state the engine is in: the way after a kill, after a crash of the engine, and the last
 * look of every undo. It asks the engine and the edge at each turn, so it may be interrupted and begun again.
 */
import type { ContainerFacts } from "../engine/docker.ts";
import { activeContainer } from "../engine/edge/slots.ts";
import { sleep } from "../engine/retry.ts";
import { PlumblineError } from "../release/errors.ts";
import { substituteDeep } from "../release/secrets.ts";
import type { DeclaredContainer, ServiceRelease } from "../release/types.ts";
import { containerOf, type RolloutContext } from "./context.ts";
import type { Placement } from "./ledger.ts";
import { awaitReady } from "./readiness.ts";
import { removeFileHelpers } from "./service-files.ts";
import { lentPortMs, startOnPorts } from "./start-on-ports.ts";
import { leaveOtherNetworks } from "./steps/edge-networks.ts";
import { hasListeners } from "./steps/routes.ts";
import { startContainer } from "./steps/start-container.ts";

/** Milliseconds between two looks at a service that is unhealthy. */
const lookEveryMs = 200;
/** Seconds that an edge which is not wanted gets to end its connections. */
const edgeStopSeconds = 5;
/** Longest start of the edge, in milliseconds: it looks every name up once, and a name that nobody knows may cost a second. */
const edgeReadyMs = 45_000;
/** How often the edge is started that has ended before it answered. */
const edgeStarts = 3;
/** Seconds that a container without a known definition gets to end. */
const strangerStopSeconds = 30;

/**
 * Makes exactly this release run: its edge, its containers in dependency order, everything else of the stack stopped.
 * Ends only when every service is proven by state, identity and its answers (F11).
 *
 * @throws PlumblineError `rollback` naming what cannot be put back
 */
export async function putBack(
    context: RolloutContext,
    placement: Placement,
    mayAct: () => Promise<void>,
): Promise<void> {
    const { release, timeline } = context;
    const note = (message: string, service?: string) =>
        timeline.record({ event: "note", message, ...(service === undefined ? {} : { service }) });
    const signal = new AbortController().signal;
    await mayAct();
    await assertContainersExist(context);
    await serveWithEdge(context);
    for (const service of release.services) {
        // It has run: a job of a release that was committed is not run again.
        if (service.kind === "job") continue;
        await mayAct();
        if (await placeService(context, service)) note(`put ${service.name} back`, service.name);
        await mayAct();
        await outliveUnhealthy(context, service);
        await awaitReady(context, service, "active", signal);
    }
    await mayAct();
    await stopStrangers(context);
    await removeFileHelpers(context.engine, release.project);
    await assertIdentity(context, placement);
    note(`release ${release.id} runs, proven`);
}

/** Stops everything of a stack that has no release to go back to, dependents first. */
export async function putAllDown(context: RolloutContext, mayAct: () => Promise<void>): Promise<void> {
    for (const service of [...context.release.services].reverse()) {
        await mayAct();
        await context.engine.stop(containerOf(context, service.name).name, service.spec.stopGraceSeconds);
    }
    await mayAct();
    await context.engine.stop(context.edgeContainer.name, edgeStopSeconds);
    // What an earlier attempt had started and this one does not know.
    const { engine, release } = context;
    for (const { id, labels, state } of await engine.list({ "plumbline.project": release.project })) {
        const up = state === "running" || state === "restarting";
        if (up && labels["plumbline.service"] !== undefined) await engine.stop(id, strangerStopSeconds);
    }
    await removeFileHelpers(engine, release.project);
}

async function assertContainersExist(context: RolloutContext): Promise<void> {
    const wanted = [context.edgeContainer, ...context.release.services.map(({ name }) => containerOf(context, name))];
    const facts = await Promise.all(wanted.map(({ name }) => context.engine.inspect(name)));
    const gone = wanted.filter((_, index) => facts[index] === undefined).map(({ name }) => name);
    if (gone.length === 0) return;
    throw new PlumblineError(
        "rollback",
        `release ${context.release.id} cannot be put back: ${gone.join(", ")} is gone`,
        {
            remedy: "deploy again: `npm run deploy` creates the missing containers",
        },
    );
}

async function serveWithEdge(context: RolloutContext): Promise<void> {
    const { engine, edge, edgeContainer, release } = context;
    const edges = await engine.list({ "plumbline.project": release.project, "plumbline.service": "edge" });
    for (const other of edges) {
        if (other.name !== edgeContainer.name && other.state === "running")
            await engine.stop(other.id, edgeStopSeconds);
    }
    await leaveOtherNetworks(context);
    await startEdge(context);
    await edge.serve(release.edge);
}

/**
 * Starts the edge: again where a crash of the engine takes it down meanwhile, and anew where it cannot look names up.
 *
 * @param patienceMs longest wait for a port that the system has lent to a connection
 */
export async function startEdge(
    context: Pick<RolloutContext, "engine" | "edge" | "edgeContainer" | "timeline">,
    patienceMs: number = lentPortMs,
): Promise<void> {
    const { engine, edge, edgeContainer, timeline } = context;
    for (let start = 1; ; start += 1) {
        await startOnPorts(engine, edgeContainer.name, patienceMs, (address) =>
            timeline.record({
                event: "note",
                service: "edge",
                message: `waits for ${address}, which a connection has or had a moment ago`,
            }),
        );
        try {
            await edge.ready(edgeReadyMs);
            break;
        } catch (error) {
            if (start >= edgeStarts || (await engine.inspect(edgeContainer.name))?.running !== false) throw error;
        }
    }
    if (await edge.findsNames()) return;
    await engine.stop(edgeContainer.name, edgeStopSeconds);
    await engine.start(edgeContainer.name);
    await edge.ready(edgeReadyMs);
}

/**
 * One service: its own container runs and serves. A service that must not run twice has its other containers stopped first,
 * while the edge holds. @returns whether anything had to be done
 */
async function placeService(context: RolloutContext, service: ServiceRelease): Promise<boolean> {
    const { engine, edge } = context;
    const { name } = service;
    const container = containerOf(context, name).name;
    const routed = hasListeners(context, name);
    const slots = routed ? (await edge.readSlots())[name] : undefined;
    const serves = !routed || (slots?.held === false && activeContainer({ [name]: slots }, name) === container);
    const own = await engine.inspect(container);
    if (own !== undefined) context.restartsBefore.set(container, own.restartCount);
    if (own?.running === true && serves) return false;

    const others = await runningOthers(context, name, container);
    if (service.kind !== "request" && others.length > 0) {
        if (routed) await edge.hold(name);
        for (const other of others) await engine.stop(other, service.spec.stopGraceSeconds);
    }
    context.logs.follow(name, container);
    await startContainer(context, service);
    if (!routed) return true;
    if (service.kind === "request") await edge.switchTo([{ service: name, container }]);
    else await edge.release(name, container);
    await edge.setCandidate(name, null);
    return true;
}

/** Stops running containers of the stack that the release does not have: candidates, and services that were to be added. */
async function stopStrangers(context: RolloutContext): Promise<void> {
    const { engine, release } = context;
    const wanted = new Set([context.edgeContainer.name, ...Object.values(context.containers).map(({ name }) => name)]);
    const all = await engine.list({ "plumbline.project": release.project });
    for (const { id, name, labels, state } of all) {
        const service = labels["plumbline.service"];
        if (service === undefined || wanted.has(name) || (state !== "running" && state !== "restarting")) continue;
        const known = release.services.find((candidate) => candidate.name === service);
        await engine.stop(id, known?.spec.stopGraceSeconds ?? strangerStopSeconds);
    }
}

/**
 * A service that could not reach another one while that was away gets the time that its healthcheck needs to see that it is
 * back: what was never restarted is not condemned for what the killed rollout did to its neighbours.
 */
async function outliveUnhealthy(context: RolloutContext, service: ServiceRelease): Promise<void> {
    const { name } = containerOf(context, service.name);
    const deadline = performance.now() + service.startDeadlineMs;
    while (performance.now() < deadline && (await context.engine.inspect(name))?.health === "unhealthy") {
        await sleep(lookEveryMs);
    }
}

async function runningOthers(context: RolloutContext, service: string, own: string): Promise<string[]> {
    const all = await context.engine.list({
        "plumbline.project": context.release.project,
        "plumbline.service": service,
    });
    return all.flatMap(({ name, state }) =>
        name !== own && (state === "running" || state === "restarting") ? [name] : [],
    );
}

/** The very containers that were committed run, with the definition that the release names and the image of the commit (R95). */
async function assertIdentity(context: RolloutContext, placement: Placement): Promise<void> {
    const services = context.release.services.map(
        (service) => [service.name, containerOf(context, service.name)] as const,
    );
    for (const [name, container] of [...services, ["edge", context.edgeContainer] as const]) {
        const facts = await context.engine.inspect(container.name);
        const wrong = differenceOf(context, name, placement.images[name], container, facts);
        if (wrong === undefined) continue;
        throw new PlumblineError("rollback", `${name} runs, but it is not what was committed: ${wrong}`, {
            service: name,
            remedy: `find out who replaced ${name}; then deploy again`,
        });
    }
}

/** In what a container differs from the committed one, if in anything. */
function differenceOf(
    { release, secrets }: RolloutContext,
    name: string,
    image: string | undefined,
    committed: DeclaredContainer,
    facts: ContainerFacts | undefined,
): string | undefined {
    const service = release.services.find((candidate) => candidate.name === name);
    const { revision } = service ?? release.edge;
    const seen = facts?.labels["plumbline.revision"];
    if (facts === undefined || seen !== revision) return `revision ${seen ?? "none"} instead of ${revision}`;
    if (image !== undefined && facts.imageId !== image) return `image ${facts.imageId} instead of ${image}`;
    // Environment, mounts and limits are fixed when a container is made: the same id has the same ones.
    if (facts.id === committed.id) return undefined;
    const wanted = Object.entries(substituteDeep(service?.spec.environment ?? {}, secrets));
    const others = wanted.flatMap(([key, value]) => (facts.environment[key] === value ? [] : [key]));
    const environment = others.length === 0 ? "" : `, with another ${others.join(", ")} in its environment`;
    return `container ${facts.id.slice(0, 12)} has the name of ${committed.id.slice(0, 12)}${environment}`;
}
