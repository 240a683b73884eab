/**
 * The end of the process that runs our dynamic resources: Pulumi stops it, and a Pulumi that was killed does not. It would
 * wait for orders for ever, and keep open what it was started with.
 */

const lookEveryMs = 500;
let working = 0;

/** Work that is brought to its end first: a rollout that has lost its Pulumi still closes what it has open. */
export async function toItsEnd<T>(work: () => Promise<T>): Promise<T> {
    working += 1;
    try {
        return await work();
    } finally {
        working -= 1;
    }
}

/** Ends this process soon after the one that started it is gone, once no work is under way. */
export function endWithPulumi(): void {
    const pulumi = process.ppid;
    const look = () => {
        if (working === 0 && process.ppid !== pulumi) process.exit(1);
    };
    setInterval(look, lookEveryMs).unref();
}
