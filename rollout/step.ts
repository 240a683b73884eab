/** A step: one act of a rollout that can be seen to be done, done, and undone. */

export interface Step {
    /** What a person reads in the timeline, unique in a rollout: `start api`. */
    readonly name: string;
    /** The service that it is about, where it is about one. */
    readonly service?: string;
    /** Names of the steps that must be done before this one begins. */
    readonly after: readonly string[];
    /** Asks the engine, never a record: a kill between an act and its record then does no harm. */
    done(): Promise<boolean>;
    /** Acts. Stops early when the signal is aborted, because another step failed. */
    apply(signal: AbortSignal): Promise<void>;
    /** Takes the act back, also half of one. Undoing twice changes nothing. */
    undo(): Promise<void>;
}

/** For steps that only look: there is nothing to take back. */
export async function nothingToUndo(): Promise<void> {}
