/** Which command a transaction was begun for: two deployers that start at once must not take each other's for their own. */

/** Environment variable in which a command gives its update a name of its own. */
export const callerVariable = "PLUMBLINE_CALLER";

/** The command that this process works for; nothing under plain Pulumi. */
export function callerOf(env: Readonly<Record<string, string | undefined>> = process.env): {
    readonly caller?: string;
} {
    const caller = env[callerVariable];
    return caller ? { caller } : {};
}
