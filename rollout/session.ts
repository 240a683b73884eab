/** What one transaction works with, from its beginning to its end: doors, timeline, logs, evidence, and its outcome. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { connectEngine, type Engine } from "../engine/docker.ts";
import { mayPass, wasCutOff } from "../engine/docker-errors.ts";
import { EdgeControl } from "../engine/edge/edge.ts";
import { describeError, PlumblineError } from "../release/errors.ts";
import { probeAddress } from "../release/probe-address.ts";
import { redactor } from "../release/redact.ts";
import type { Renewals } from "../release/renewals.ts";
import type { DeclaredContainer, Release } from "../release/types.ts";
import type { RolloutContext } from "./context.ts";
import { untilEngineAnswers } from "./engine-return.ts";
import { EvidenceLost } from "./evidence.ts";
import { fenced } from "./fence.ts";
import { type CommitRecord, Ledger, type OpenTransaction, type Placement, TransactionLost } from "./ledger.ts";
import type { Outcome, RolloutOutcome, ServiceOutcome } from "./outcome.ts";
import { writeLastOutcome } from "./outcome-file.ts";
import { putAllDown, putBack } from "./put-back.ts";
import { StartupLogs } from "./startup-logs.ts";
import { reportsFolder, Timeline, timelinePath } from "./timeline.ts";

/** What a rollout is asked for: plain JSON, so that it can be handed to the guard. */
export interface RolloutRequest {
    readonly release: Release;
    /** The canonical JSON of the release, as it is recorded. */
    readonly releaseText: string;
    readonly edge: DeclaredContainer;
    readonly containers: Readonly<Record<string, DeclaredContainer>>;
    readonly secrets: Readonly<Record<string, string>>;
    /** Values that the previous release was given. @default secrets */
    readonly previousSecrets?: Readonly<Record<string, string>> | undefined;
    readonly engineHost?: string | undefined;
    /** A quarantined release that is wanted all the same. */
    readonly forced?: boolean;
    /** Which of the containers were made anew in their revision: kept with the commit, so that every plan names them so. */
    readonly renewals?: Renewals | undefined;
}

/** A release with the containers that run it. */
export type Placed = Pick<RolloutRequest, "release" | "edge" | "containers" | "secrets">;

/** How often what was committed is put back where the engine goes away in the middle of it. */
const putBackAttempts = 3;

export class Session {
    readonly request: RolloutRequest;
    readonly release: Release;
    readonly transaction: string;
    readonly now: () => Date;
    readonly startedAt: string;
    readonly engine: Engine;
    readonly ledger: Ledger;
    /** The same ledger, asked once: it fails where an engine goes away, and is not asked again when that is back. */
    readonly ledgerAtOnce: Ledger;
    readonly evidence: string;
    readonly redact: (text: string) => string;
    readonly #echo: (line: string) => void;
    readonly #mayAct: () => void;
    #isLost = false;
    #timeline: Timeline | undefined;
    #logs: StartupLogs | undefined;
    #previous: string | null = null;
    /** What of the evidence could not be written at the beginning. */
    #lost: EvidenceLost | undefined;

    /** @param mayAct asked before every act; throws when nothing more may be done. @default everything may */
    constructor(
        request: RolloutRequest,
        transaction: string,
        now: () => Date,
        echo: (line: string) => void = (line) => console.log(line),
        mayAct: () => void = () => undefined,
    ) {
        this.#echo = echo;
        this.#mayAct = mayAct;
        this.request = request;
        this.release = request.release;
        this.transaction = transaction;
        this.now = now;
        this.startedAt = now().toISOString();
        const helper = {
            image: request.release.edge.image.reference,
            note: (message: string) => this.#timeline?.record({ event: "note", message }),
        };
        this.engine = fenced(connectEngine(request.engineHost, { ...request.release.network, helper }), mayAct);
        const ledgerOf = (engine: Engine) => new Ledger(engine, request.release.project, helper.image);
        this.ledger = ledgerOf(this.engine);
        const { network } = request.release;
        const once = { ...network, retry: { ...network.retry, attempts: 1 } };
        this.ledgerAtOnce = ledgerOf(fenced(connectEngine(request.engineHost, once), mayAct));
        this.evidence = path.join(reportsFolder(request.release.stack), transaction);
        const values = [request.secrets, request.previousSecrets ?? {}].map(redactor);
        this.redact = (text) => values.reduce((clean, redact) => redact(clean), text);
    }

    /**
     * Begins the record of the transaction.
     * @param caller the command that it was begun for
     * @param event what is said first, when it is not a plain beginning
     */
    begin(
        previous: string | null,
        { caller }: Pick<OpenTransaction, "caller">,
        event = `${this.transaction}: ${previous ?? "nothing"} → ${this.release.id}`,
    ): void {
        const { release, redact, now } = this;
        this.#previous = previous;
        this.#write(this.evidence, (folder) => mkdirSync(folder, { recursive: true, mode: 0o700 }));
        const timeline = new Timeline(release.stack, this.transaction, {
            now,
            redact,
            echo: this.#echo,
            isMine: () => this.#isMine(),
        });
        this.#timeline = timeline;
        this.#logs = new StartupLogs(this.engine, this.evidence, {
            redact,
            onLine: (service, message) => timeline.record({ event: "log", service, message }),
        });
        const by = caller === undefined ? {} : { caller };
        timeline.record({ event: "transaction-begin", message: event, ...by });
        this.#write(path.join(this.evidence, "release.json"), (file) =>
            writeFileSync(file, this.request.releaseText, { mode: 0o600 }),
        );
    }

    #write(file: string, act: (file: string) => unknown): void {
        try {
            act(file);
        } catch (error) {
            this.#lost ??= new EvidenceLost(file, error);
        }
    }

    /**
     * Asked on the way forward only: a release goes out with its evidence or not at all, but the way back needs none.
     * @throws EvidenceLost naming the file that could not be written
     */
    assertRecorded(): void {
        const { failure } = this.timeline;
        if (this.#lost !== undefined) throw this.#lost;
        if (failure !== undefined) throw new EvidenceLost(timelinePath(this.release.stack), failure);
    }

    /**
     * Asked before every act.
     * @throws TransactionLost when another process has the transaction; from then on nothing more is told of it here
     */
    async assertHeld(open: OpenTransaction): Promise<void> {
        try {
            this.#mayAct();
            await this.ledger.assertHeld(open);
        } catch (error) {
            if (error instanceof TransactionLost) this.#isLost = true;
            throw error;
        }
    }

    #isMine(): boolean {
        if (this.#isLost) return false;
        try {
            this.#mayAct();
            return true;
        } catch {
            return false;
        }
    }

    get timeline(): Timeline {
        if (this.#timeline === undefined) throw new Error("the session has not begun");
        return this.#timeline;
    }

    /** The steps' view of a release and its containers. */
    context(placed: Placed): RolloutContext {
        if (this.#logs === undefined) throw new Error("the session has not begun");
        return {
            engine: this.engine,
            edge: new EdgeControl(this.engine, placed.edge.name),
            edgeContainer: placed.edge,
            release: placed.release,
            containers: placed.containers,
            secrets: placed.secrets,
            previousSecrets: this.request.previousSecrets ?? this.request.secrets,
            probeAddress: probeAddress(placed.release, this.engine.address),
            timeline: this.timeline,
            logs: this.#logs,
            restartsBefore: new Map(),
            measured: {},
            proven: new Map(),
        };
    }

    /** Where this transaction wants to go, as the ledger records it. */
    placement(images: Readonly<Record<string, string>>): Placement {
        const { edge, containers } = this.request;
        return { release: this.release.id, edge, containers, images };
    }

    /**
     * Puts the last committed release back and proves it, or stops everything when there is none. Where the engine goes away
     * meanwhile, it is begun again once it is back: what was done by then is found and left alone.
     *
     * @returns nothing when that is done; otherwise what could not be done, in words
     */
    async putBack(last: CommitRecord | undefined, open: OpenTransaction): Promise<string | undefined> {
        for (let attempt = 1; ; attempt += 1) {
            try {
                await untilEngineAnswers(this.engine);
                return await this.#putBackOnce(last, open);
            } catch (error) {
                // Whoever has the transaction now says what becomes of it.
                if (error instanceof TransactionLost) throw error;
                const message = this.redact(describeError(error));
                const isLast = attempt >= putBackAttempts || !(wasAway(error) || (await this.#hasFallen(last, error)));
                this.timeline.record({ event: isLast ? "undo-failed" : "note", message });
                if (isLast) return message;
            }
        }
    }

    /**
     * Whether a service did not get well because everything was taken down again meanwhile, as by a crash: the edge, which
     * is put back first, is down too.
     */
    async #hasFallen(last: CommitRecord | undefined, error: unknown): Promise<boolean> {
        if (last === undefined || !(error instanceof PlumblineError) || error.category !== "health") return false;
        return (await this.engine.inspect(last.edge.name))?.running === false;
    }

    async #putBackOnce(last: CommitRecord | undefined, open: OpenTransaction): Promise<string | undefined> {
        const { ledger, request } = this;
        const mayAct = () => this.assertHeld(open);
        if (last === undefined) {
            await putAllDown(this.context(request), mayAct);
            return undefined;
        }
        const release = await ledger.release(last.release);
        if (release === undefined) return `the ledger has no release ${last.release}`;
        const own = last.release === this.release.id;
        const secrets = own ? request.secrets : (request.previousSecrets ?? request.secrets);
        await putBack(this.context({ release, edge: last.edge, containers: last.containers, secrets }), last, mayAct);
        return undefined;
    }

    /**
     * Writes the outcome down and hands it back.
     * @param more what a commit has besides
     */
    end(
        outcome: Outcome,
        services: readonly ServiceOutcome[],
        error: string | null,
        more: Pick<RolloutOutcome, "edgeGapMs" | "leftVolumes"> = {},
    ): RolloutOutcome {
        const { release } = this;
        const result: RolloutOutcome = {
            transaction: this.transaction,
            stack: release.stack,
            release: release.id,
            previous: this.#previous,
            outcome,
            startedAt: this.startedAt,
            durationMs: this.now().getTime() - Date.parse(this.startedAt),
            services,
            gateways: Object.fromEntries(
                release.edge.gateways.map(({ name, published }) => [name, `${published.hostIp}:${published.port}`]),
            ),
            evidence: this.evidence,
            ...(this.request.forced === true ? { forced: true } : {}),
            ...more,
        };
        const message = outcome === "committed" ? `committed release ${release.id}` : outcome;
        try {
            this.timeline.record({ event: "transaction-end", durationMs: result.durationMs, message });
            writeLastOutcome(result, error);
        } catch (failure) {
            // The outcome stands on the engine; a disk that is full does not change it.
            console.log(`warning: the outcome could not be written to ${this.evidence}: ${describeError(failure)}`);
        }
        return result;
    }

    /** Closes doors and logs, and keeps the timeline with the evidence. */
    async close(): Promise<void> {
        this.engine.close();
        await this.#logs?.close();
        try {
            this.#timeline?.keep(this.evidence);
        } catch (error) {
            // How it ended stands on the engine; evidence that is missing changes nothing of it.
            console.log(`warning: the timeline could not be kept in ${this.evidence}: ${describeError(error)}`);
        }
    }
}

/** Whether the engine did not answer, answered no more, or had begun anew: that, or what failed because of it. */
function wasAway(error: unknown): boolean {
    if (!(error instanceof PlumblineError)) return false;
    const { category, cause } = error;
    return (category === "engine" && (mayPass(cause) || wasCutOff(cause))) || wasAway(cause);
}
