/** Ways of Pulumi that go past gates: options of its command line, and the variables that stand for them. */
import { PlumblineError } from "./errors.ts";

const withoutOthers = "it deploys some resources without the others, and so skips gates and the rollout";
const leavesOut = "it leaves resources out, and so skips gates and the rollout";

/** Options, and why each is refused. */
const refusals: Readonly<Record<string, string>> = {
    "--target": withoutOthers,
    "--target-dependents": withoutOthers,
    "--target-replace": "it replaces some resources without the others, and so skips gates and the rollout",
    "--exclude": leavesOut,
    "--exclude-dependents": leavesOut,
    "--continue-on-error": "it goes past a gate that failed",
};

/** Variable to the option that Pulumi reads from it. */
const variables: Readonly<Record<string, string>> = {
    PULUMI_CONTINUE_ON_ERROR: "--continue-on-error",
    ...Object.fromEntries(
        Object.keys(refusals).map((option) => [
            `PULUMI_OPTION_${option.slice(2).replaceAll("-", "_").toUpperCase()}`,
            option,
        ]),
    ),
};

/**
 * Refuses Pulumi's options that would break the promise of "all services or none".
 * @param args the command line without node and the script
 * @throws PlumblineError `settings`
 */
export function refuseGateSkipping(args: readonly string[]): void {
    for (const arg of args) {
        if (arg === "--") return;
        const name = arg.split("=", 1)[0] ?? arg;
        refuse(name, name);
    }
}

/**
 * The same for the options object of a function, where a script may name them as Pulumi's API does: `target`,
 * `continueOnError`.
 */
export function refuseGateSkippingKeys(options: object): void {
    for (const [key, value] of Object.entries(options)) {
        if (value === undefined || value === false) continue;
        refuse(`--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, key);
    }
}

/**
 * The same for the environment: the Pulumi CLI takes each of its options from a variable too. Also asked by the program
 * itself, so that a plain `pulumi up` is refused like our commands.
 */
export function refuseGateSkippingVariables(env: Readonly<Record<string, string | undefined>>): void {
    for (const [variable, option] of Object.entries(variables)) {
        const value = env[variable];
        if (value === undefined || ["", "0", "false"].includes(value.toLowerCase())) continue;
        refuse(option, variable);
    }
}

function refuse(option: string, shown: string): void {
    const reason = Object.hasOwn(refusals, option) ? refusals[option] : undefined;
    if (reason === undefined) return;
    throw new PlumblineError("settings", `${shown} is refused: ${reason}. A release goes out whole or not at all.`, {
        remedy: `Leave ${shown} out.`,
    });
}
