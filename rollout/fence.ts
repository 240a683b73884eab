/** The engine behind a fence: who has lost the right to act is stopped before each act, not only between two steps. */
import type { Engine } from "../engine/docker.ts";
import { TransactionLost } from "./ledger.ts";

/** What changes nothing on the engine, and so may be asked by anybody. Whatever is not named here is an act. */
const questions: ReadonlySet<PropertyKey> = new Set<keyof Engine>([
    "info",
    "inspect",
    "list",
    "everything",
    "logs",
    "followLogs",
    "image",
    "imageDetails",
    "registryAnswer",
    "defaults",
    "volumes",
    "volume",
    "volumeDetails",
    "networks",
    "network",
    "networkDetails",
    "getFile",
    "readFiles",
    "close",
]);

/** @param mayAct throws when nothing more may be done; asked in the same moment in which the act would be sent */
export function fenced(engine: Engine, mayAct: () => void): Engine {
    return new Proxy(engine, {
        get(target, name) {
            const value: unknown = Reflect.get(target, name, target);
            if (typeof value !== "function") return value;
            return (...args: readonly unknown[]) => {
                try {
                    if (!questions.has(name)) mayAct();
                } catch (error) {
                    return Promise.reject(error);
                }
                return Reflect.apply(value, target, args);
            };
        },
    });
}

/** The process that this one was started by. */
const parent = process.ppid;

/**
 * The provider lives on when the CLI is killed, and what it did then nobody would record: the guard has the transaction.
 *
 * @throws TransactionLost when the process that started this one is gone
 */
export function assertParentLives(transaction: string): void {
    if (process.ppid !== parent) throw new TransactionLost(transaction);
}
