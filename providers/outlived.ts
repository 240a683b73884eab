/**
 * The end of the process that runs our dynamic resources: Pulumi stops it, and a Pulumi that was killed does not. It would
 * wait for orders for ever, and keep open what it was started with.
 */
import type { DynamicProvider } from "./dynamic-provider.ts";

const lookEveryMs = 500;
const pulumi = process.ppid;
let working = 0;
let isWatching = false;

/**
 * A provider whose process ends soon after the Pulumi that asked it is gone. Work under way is brought to its end first: a
 * rollout that has lost its Pulumi still closes what it has open, a validation still writes its report.
 */
export function endingWithPulumi<Inputs, Outputs>(
    provider: DynamicProvider<Inputs, Outputs>,
): DynamicProvider<Inputs, Outputs> {
    return {
        check: (...args) => toItsEnd(() => provider.check(...args)),
        diff: (...args) => toItsEnd(() => provider.diff(...args)),
        create: (...args) => toItsEnd(() => provider.create(...args)),
        update: (...args) => toItsEnd(() => provider.update(...args)),
        read: (...args) => toItsEnd(() => provider.read(...args)),
        delete: (...args) => toItsEnd(() => provider.delete(...args)),
    };
}

async function toItsEnd<T>(work: () => Promise<T>): Promise<T> {
    if (!isWatching) setInterval(endIfLeft, lookEveryMs).unref();
    isWatching = true;
    working += 1;
    try {
        return await work();
    } finally {
        working -= 1;
    }
}

function endIfLeft(): void {
    if (working === 0 && process.ppid !== pulumi) process.exit(1);
}
