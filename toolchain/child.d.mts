import type { SpawnOptions } from "node:child_process";

/** Runs a program in our place, passing signals on; resolves with the exit code that we should end with. */
export function runInOurPlace(program: string, args: readonly string[], options?: SpawnOptions): Promise<number>;
