/** Steering the running edge: its configuration on its volume, and its slots through its admin socket. */

import type { Engine } from "../docker.ts";
import type { EdgeSlots, SlotName } from "./slots.ts";

/** What `applyConfig` did. `slots`: only servers changed, by socket. */
export type AppliedConfig = "unchanged" | "slots" | "reloaded";

/** A service and the container that is to stand for it. */
export interface Assignment {
    readonly service: string;
    /** Container name, as the engine's DNS knows it. */
    readonly container: string;
}

/** All methods are idempotent and throw PlumblineError `switch`. Times in milliseconds. */
export class EdgeControl {
    constructor(_engine: Engine, _containerId: string) {}

    /** Waits until the admin socket answers. */
    async ready(_timeoutMs = 15_000): Promise<void> {
        throw new Error("not yet");
    }

    /** The slots as the running edge has them (not as the file says). */
    async readSlots(): Promise<EdgeSlots> {
        throw new Error("not yet");
    }

    /**
     * Puts `text` on the volume (checked by HAProxy itself, then moved into place) and makes the edge run it: by reload
     * when its structure differs from what runs, otherwise by setting the slots that differ.
     *
     * @throws PlumblineError when HAProxy refuses it; the old configuration stays and goes on running
     */
    async applyConfig(_text: string): Promise<AppliedConfig> {
        throw new Error("not yet");
    }

    /** Puts a container behind the candidate listener (and into the free slot, so that a switch is immediate), or takes it away. */
    async setCandidate(_service: string, _container: string | null): Promise<void> {
        throw new Error("not yet");
    }

    /** Moves all these services at once: one call on the socket. The previous containers drain, their slots stay known. */
    async switchTo(_changes: readonly Assignment[]): Promise<void> {
        throw new Error("not yet");
    }

    /** New connections to the service wait; those that are open stay. */
    async hold(_service: string): Promise<void> {
        throw new Error("not yet");
    }

    /** Ends a hold: this container serves, and those that waited are let through. */
    async release(_service: string, _container: string): Promise<void> {
        throw new Error("not yet");
    }

    /** Takes the service out: nobody serves, new connections are refused. */
    async remove(_service: string): Promise<void> {
        throw new Error("not yet");
    }

    /** Waits until the edge sends to this container's present address. */
    async resolved(_service: string, _container: string, _timeoutMs = 10_000): Promise<void> {
        throw new Error("not yet");
    }

    /** Connections that are open to a slot of a service, over all of its ports. */
    async sessions(_service: string, _slot: SlotName): Promise<number> {
        throw new Error("not yet");
    }

    /** Connections that clients have open to the edge. */
    async connections(): Promise<number> {
        throw new Error("not yet");
    }
}
