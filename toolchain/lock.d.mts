/** Runs `work` while holding the lock that the folder stands for; `waiting` is told once, with the owner's process id. */
export function withLock<T>(folder: string, work: () => Promise<T> | T, waiting: (owner: number) => void): Promise<T>;
