/** Steering the running edge: its configuration on its volume, and its slots through its admin socket. */

import { PlumblineError } from "../../release/errors.ts";
import type { EdgeRelease } from "../../release/types.ts";
import type { Engine, ExecResult } from "../docker.ts";
import { sleep } from "../retry.ts";
import { defaultEdgePolicy, renderEdgeConfig, slotsOf, structureOf, withSlots } from "./config.ts";
import { networkRanges } from "./ranges.ts";
import {
    changedServices,
    clearingCommands,
    type EdgeShape,
    type EdgeSlots,
    emptySlots,
    hasPlace,
    isResolved,
    namingCommands,
    parseServerStates,
    placeOfServer,
    type ServerState,
    type ServiceSlots,
    type SlotName,
    shapeFromStates,
    slotsFromStates,
    stateCommands,
    withActive,
    withCandidate,
    withHold,
} from "./slots.ts";

/** What `applyConfig` did. `slots`: only servers changed, by socket. */
export type AppliedConfig = "unchanged" | "slots" | "reloaded";

/** What the edge runs, and what it would come up with after a restart, as one question tells both. */
interface EdgeLook {
    readonly states: readonly ServerState[];
    /** Slots as the running edge has them, not as the file says. */
    readonly slots: EdgeSlots;
    /** Structure of the configuration that runs. */
    readonly structure: string;
    /** The configuration on the volume. */
    readonly file: string;
}

/** A service, or one of its replicas, and the container that is to stand for it. */
export interface Assignment {
    readonly service: string;
    /** Container name, as the engine's DNS knows it. */
    readonly container: string;
}

const configPath = "/etc/plumbline-edge/haproxy.cfg";
const socketPath = "/usr/local/bin/edge-socket";
const fileFollows = "\n--- the file ---\n";
const lookScript = `${socketPath} && printf '${fileFollows.replaceAll("\n", "\\n")}' && cat ${configPath}`;
/** How often the edge is asked while something is awaited, in milliseconds. */
const askEveryMs = 100;
/** Longest time for one command inside the edge: they take some 100 ms. */
const execMs = 10_000;
const resolveWithinMs = 10_000;
const reloadWithinMs = 10_000;

/** All methods are idempotent and throw PlumblineError `switch`. Times in milliseconds. */
export class EdgeControl {
    private readonly engine: Engine;
    private readonly containerId: string;
    /** Ends when the change before has ended, well or not. */
    private last: Promise<void> = Promise.resolve();

    constructor(engine: Engine, containerId: string) {
        this.engine = engine;
        this.containerId = containerId;
    }

    /**
     * Waits until the admin socket answers.
     *
     * @throws PlumblineError `switch` at the end of the time, or at once where the edge is down, and nobody will start it
     */
    async ready(timeoutMs = 15_000): Promise<void> {
        let last: unknown;
        await this.until(
            timeoutMs,
            async () => {
                try {
                    await this.ask("show info");
                    return true;
                } catch (error) {
                    last = error;
                }
                if (await this.isDown()) throw this.failure("The edge has ended", last);
                return false;
            },
            () => this.failure(`The edge did not answer within ${timeoutMs} ms`, last),
        );
    }

    /** An engine that cannot be asked, as after a crash, does not say so. */
    private async isDown(): Promise<boolean> {
        const facts = await this.engine.inspect(this.containerId).catch(() => null);
        return facts === undefined || facts?.state === "exited" || facts?.state === "dead";
    }

    /**
     * Whether the edge can look names up. A container that outlived a crash of its engine cannot: the engine's DNS is gone
     * from its network, and only a restart brings it back.
     */
    async findsNames(): Promise<boolean> {
        const name = (await this.engine.inspect(this.containerId))?.name ?? "";
        const argv = ["timeout", "3", "getent", "ahosts", name];
        return (await this.command(argv)).exitCode === 0;
    }

    /** The slots as the running edge has them (not as the file says). */
    async readSlots(): Promise<EdgeSlots> {
        return slotsFromStates(await this.servers());
    }

    /** Makes the edge serve what the release wants, on the networks as they are here, with the slots as they are. */
    async serve(release: EdgeRelease): Promise<AppliedConfig> {
        const [ranges, seen] = await Promise.all([networkRanges(this.engine, release), this.look()]);
        return this.make(renderEdgeConfig(release, seen.slots, defaultEdgePolicy, ranges), seen);
    }

    /**
     * Puts `text` on the volume (checked by HAProxy itself, then moved into place) and makes the edge run it: by reload
     * when its structure differs from what runs, otherwise by setting the slots that differ.
     *
     * @throws PlumblineError when HAProxy refuses it; the old configuration stays and goes on running
     */
    async applyConfig(text: string): Promise<AppliedConfig> {
        return this.make(text, await this.look());
    }

    private async make(text: string, seen: EdgeLook): Promise<AppliedConfig> {
        if (seen.structure === structureOf(text)) {
            const slots = slotsOf(text);
            const changed = changedServices(seen.slots, slots).length > 0;
            if (changed) await this.change(() => slots, { persist: true });
            if (text !== (changed ? (await this.look()).file : seen.file)) await this.write(text);
            return changed ? "slots" : "unchanged";
        }
        await this.write(text);
        try {
            await this.reload(structureOf(text));
        } catch (error) {
            await this.write(seen.file);
            throw error;
        }
        return "reloaded";
    }

    /**
     * Puts a container behind the candidate listener (and into the free slot, so that a switch is immediate), or takes it
     * away. Not written to the file: an edge that restarts knows only who serves.
     */
    async setCandidate(service: string, container: string | null): Promise<void> {
        await this.changeOne(service, (own) => withCandidate(own, container), { persist: false });
        if (container !== null) await this.resolved(service, container);
    }

    /**
     * Moves all these services at once: one call on the socket. The previous containers drain, their slots stay known.
     *
     * @param leaving replicas that nobody is sent to from the same moment on; those that the edge does not know are left out
     */
    async switchTo(changes: readonly Assignment[], leaving: readonly string[] = []): Promise<void> {
        await this.change(
            (slots) => {
                const moved = changes.map(({ service, container }) => {
                    return [service, withActive(slots[service] ?? emptySlots, container)] as const;
                });
                const gone = leaving.filter((entry) => slots[entry] !== undefined);
                return {
                    ...slots,
                    ...Object.fromEntries(moved),
                    ...Object.fromEntries(gone.map((entry) => [entry, emptySlots])),
                };
            },
            { persist: true, awaited: changes },
        );
    }

    /** New connections to the service wait; those that are open stay. Not written to the file: a hold is for a moment. */
    async hold(service: string): Promise<void> {
        await this.changeOne(service, withHold, { persist: false });
    }

    /** Ends a hold: this container serves, and those that waited are let through. */
    async release(service: string, container: string): Promise<void> {
        await this.switchTo([{ service, container }]);
    }

    /** Takes the service out: nobody serves, new connections are refused. */
    async remove(service: string): Promise<void> {
        if ((await this.readSlots())[service] === undefined) return;
        await this.changeOne(service, () => emptySlots, { persist: true });
    }

    /** Waits until the edge sends to this container's present address. */
    async resolved(service: string, container: string, timeoutMs = resolveWithinMs): Promise<void> {
        await this.until(
            timeoutMs,
            async () => this.sendsTo({ service, container }, await this.servers()),
            () =>
                new PlumblineError("switch", `The edge did not find container ${container} within ${timeoutMs} ms`, {
                    service,
                    remedy: "Look whether the container runs and is on the edge's network (docker inspect).",
                }),
        );
    }

    private async sendsTo({ service, container }: Assignment, states: readonly ServerState[]): Promise<boolean> {
        const facts = await this.engine.inspect(container);
        const addresses = Object.values(facts?.addresses ?? {}).filter((address) => address !== "");
        const servers = states.filter(
            ({ backend, server, fqdn }) => fqdn === container && placeOfServer(backend, server)?.entry === service,
        );
        return (
            servers.length > 0 && servers.every((server) => isResolved(server) && addresses.includes(server.address))
        );
    }

    /** Connections that are open to these slots of a service, over all of its ports. */
    async sessions(service: string, ...slots: readonly SlotName[]): Promise<number> {
        const stat = await this.ask("show stat");
        return slots.reduce((sum, slot) => sum + openSessions(stat, service, slot), 0);
    }

    /** Connections that are open to the containers that these services had before the last switch. */
    async draining(services: readonly string[]): Promise<number> {
        const [states = "", stat = ""] = (await this.ask("show servers state; show stat")).split(/^(?=# pxname)/m);
        const slots = slotsFromStates(parseServerStates(states));
        return services.reduce((sum, service) => {
            const active = slots[service]?.active;
            return active == null ? sum : sum + openSessions(stat, service, active === "a" ? "b" : "a");
        }, 0);
    }

    /** Connections that clients have open to the edge. */
    async connections(): Promise<number> {
        const count = /^CurrConns: (\d+)$/m.exec(await this.ask("show info"))?.[1];
        // The question itself is one of them.
        return Math.max(0, Number(count ?? 0) - 1);
    }

    private async changeOne(
        service: string,
        turn: (own: ServiceSlots) => ServiceSlots,
        options: { readonly persist: boolean },
    ): Promise<void> {
        await this.change((slots) => ({ ...slots, [service]: turn(slots[service] ?? emptySlots) }), options);
    }

    /**
     * Names first, which nobody notices; then, when those that are to serve are found, the states in one call; then the
     * file, so that a restart comes up the same. Repeating it after a kill at any point ends in the same place.
     *
     * @param options.awaited containers that must be found before the states are set
     */
    private async change(
        turn: (slots: EdgeSlots) => EdgeSlots,
        options: { readonly persist: boolean; readonly awaited?: readonly Assignment[] },
    ): Promise<void> {
        const { persist, awaited = [] } = options;
        const isDone = await this.alone(async () => {
            const seen = await this.rename(turn);
            const found = await Promise.all(awaited.map((one) => this.sendsTo(one, seen.states)));
            if (found.includes(false)) return false;
            await this.turnTo(seen, turn, persist);
            return true;
        });
        if (isDone) return;
        // Others may change their slots while these are looked for.
        await Promise.all(awaited.map(({ service, container }) => this.resolved(service, container)));
        await this.alone(async () => this.turnTo(await this.rename(turn), turn, persist));
    }

    private async turnTo(seen: EdgeLook, turn: (slots: EdgeSlots) => EdgeSlots, persist: boolean): Promise<void> {
        const shape = shapeFromStates(seen.states);
        const to = turn(seen.slots);
        await this.tell(stateCommands(shape, seen.slots, to));
        await this.tell(clearingCommands(shape, seen.slots, to));
        const wanted = withSlots(seen.file, to);
        if (persist && wanted !== seen.file) await this.write(wanted);
    }

    /** Gives the slots the names that they are to have; who serves stays as it is. */
    private async rename(turn: (slots: EdgeSlots) => EdgeSlots): Promise<EdgeLook> {
        const seen = await this.look();
        const shape = shapeFromStates(seen.states);
        const to = turn(seen.slots);
        this.refuseUnknown(shape, changedServices(seen.slots, to));
        await this.tell(namingCommands(shape, seen.slots, to));
        return seen;
    }

    /** One change at a time: services that start side by side must not write each other's slots away. */
    private async alone<T>(act: () => Promise<T>): Promise<T> {
        const before = this.last;
        const result = before.then(act);
        this.last = result.then(
            () => undefined,
            () => undefined,
        );
        return result;
    }

    private refuseUnknown(shape: EdgeShape, services: readonly string[]): void {
        const unknown = services.find((service) => !hasPlace(shape, service));
        if (unknown === undefined) return;
        throw new PlumblineError("switch", `The edge has no listener for service ${unknown}`, {
            service: unknown,
            remedy: "Deploy again: the edge's configuration is written before its slots are set.",
        });
    }

    private async look(): Promise<EdgeLook> {
        const questions = "show servers state; show env PLUMBLINE_STRUCTURE\n";
        const { stdout } = await this.run(["sh", "-c", lookScript], questions);
        const [answers = "", ...file] = stdout.split(fileFollows);
        const states = parseServerStates(answers);
        const structure = structureIn(answers);
        return { states, slots: slotsFromStates(states), structure, file: file.join(fileFollows) };
    }

    private async servers(): Promise<readonly ServerState[]> {
        return parseServerStates(await this.ask("show servers state"));
    }

    private async runningStructure(): Promise<string> {
        return structureIn(await this.ask("show env PLUMBLINE_STRUCTURE"));
    }

    private async reload(structure: string): Promise<void> {
        // From inside: the engine takes a container that it sent any signal for one that was stopped by hand, and would neither
        // restart it after its end nor bring it back with the machine (moby/moby#41302).
        await this.run(["sh", "-c", "kill -USR2 1"]);
        await this.until(
            reloadWithinMs,
            async () => {
                try {
                    return (await this.runningStructure()) === structure;
                } catch {
                    // The socket is away for a moment while the new process takes over.
                    return false;
                }
            },
            async () => {
                const lines = await this.engine.logs(this.containerId, { tail: 10 });
                const said = lines.map(({ line }) => line).join("\n");
                return this.failure("The edge did not take its new configuration", new Error(said));
            },
        );
    }

    private async write(text: string): Promise<void> {
        const length = String(Buffer.byteLength(text));
        const result = await this.command(["/usr/local/bin/edge-write", length], text);
        if (result.exitCode === 0) return;
        throw this.failure(
            "The edge refused its new configuration and keeps the old one",
            new Error(result.stderr.trim()),
        );
    }

    /** Several commands go in one call, one after the other without a pause. None of ours answers when all is well. */
    private async tell(commands: readonly string[]): Promise<void> {
        if (commands.length === 0) return;
        const answer = await this.ask(commands.join("; "));
        const complaint = answer
            .split("\n")
            .find((line) => line.trim() !== "" && !/(changed its FQDN|no need to change)/.test(line));
        if (complaint !== undefined) throw this.failure("The edge refused a change of its slots", new Error(complaint));
    }

    private async ask(command: string): Promise<string> {
        return (await this.run([socketPath], `${command}\n`)).stdout;
    }

    private async run(argv: readonly string[], stdin?: string): Promise<ExecResult> {
        const result = await this.command(argv, stdin);
        if (result.exitCode === 0) return result;
        throw this.failure(`The edge could not run ${argv[0]}`, new Error(result.stderr.trim()));
    }

    /** Each may be said twice, so all go through the one shell that is kept there. */
    private async command(argv: readonly string[], stdin?: string): Promise<ExecResult> {
        return this.engine.exec(this.containerId, argv, {
            timeoutMs: execMs,
            kept: true,
            ...(stdin === undefined ? {} : { stdin }),
        });
    }

    private failure(message: string, cause: unknown): PlumblineError {
        return new PlumblineError("switch", message, {
            remedy: `Look at the edge's log: docker logs ${this.containerId.slice(0, 12)}`,
            cause,
        });
    }

    private async until(
        timeoutMs: number,
        reached: () => Promise<boolean>,
        failure: () => PlumblineError | Promise<PlumblineError>,
    ): Promise<void> {
        const deadline = Date.now() + timeoutMs;
        while (!(await reached())) {
            if (Date.now() >= deadline) throw await failure();
            await sleep(askEveryMs);
        }
    }
}

function structureIn(answer: string): string {
    return /^PLUMBLINE_STRUCTURE=(\S+)$/m.exec(answer)?.[1] ?? "unknown";
}

/** Reads the answer of `show stat`. */
function openSessions(stat: string, service: string, slot: SlotName): number {
    const [heading = "", ...lines] = stat.split("\n");
    const columns = heading.replace(/^# /, "").split(",");
    const [proxyAt, serverAt, currentAt] = ["pxname", "svname", "scur"].map((name) => columns.indexOf(name));
    return lines
        .map((line) => line.split(","))
        .filter((values) => {
            const place = placeOfServer(values[proxyAt ?? -1] ?? "", values[serverAt ?? -1] ?? "");
            return place?.entry === service && place.slot === slot && place.part === "clients";
        })
        .reduce((sum, values) => sum + Number(values[currentAt ?? -1] ?? 0), 0);
}
