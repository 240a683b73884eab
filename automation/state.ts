/** What Pulumi's state holds of a stack: operations left pending, containers, and the values of the secrets. */

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import { PlumblineError } from "../release/errors.ts";
import { runPulumi } from "./pulumi-cli.ts";

const schema = z.looseObject({
    deployment: z
        .looseObject({
            resources: z
                .array(
                    z.looseObject({
                        urn: z.string(),
                        type: z.string(),
                        id: z.string().optional(),
                        outputs: z.record(z.string(), z.unknown()).optional(),
                    }),
                )
                .nullish(),
            pending_operations: z
                .array(
                    z.looseObject({
                        type: z.string(),
                        resource: z.looseObject({
                            type: z.string(),
                            inputs: z.record(z.string(), z.unknown()).optional(),
                        }),
                    }),
                )
                .nullish(),
        })
        .nullish(),
});

type State = z.infer<typeof schema>;

/** What Pulumi keeps, as far as a recovery needs it. */
export interface StateFacts {
    readonly pendingOperations: number;
    /** What a killed CLI had begun to create, by type and by its name on the engine. */
    readonly pendingCreates: readonly { readonly type: string; readonly name: string }[];
    /** Resources but for the stack itself and the providers. */
    readonly resources: number;
    /** Ids of everything that is declared, as the engine knows it. */
    readonly ids: ReadonlySet<string>;
}

/** Reads the state. Takes no lock. */
export async function readState(stack: Stack): Promise<StateFacts> {
    return stateFacts(await stack.exportStack());
}

/** The same of an exported state. Pure. */
export function stateFacts(exported: unknown): StateFacts {
    const { deployment } = schema.parse(exported);
    const resources = deployment?.resources ?? [];
    const pending = deployment?.pending_operations ?? [];
    return {
        pendingOperations: pending.length,
        pendingCreates: pending.flatMap(({ type, resource }) => {
            const name = resource.inputs?.name;
            return type === "creating" && typeof name === "string" ? [{ type: resource.type, name }] : [];
        }),
        resources: resources.filter(({ type }) => !/^pulumi:(pulumi:Stack|providers:)/.test(type)).length,
        ids: new Set(resources.flatMap(({ id }) => (id === undefined ? [] : [id]))),
    };
}

/** The values of a stack's secrets, by name. */
export interface SecretValues {
    /** Those that the newest update declared, also when it was killed. */
    readonly declared: Readonly<Record<string, string>>;
    /** Those of the last update that ended well: what the committed release was given. */
    readonly committed: Readonly<Record<string, string>>;
}

/**
 * Reads the secrets from state and outputs, in clear.
 * @throws PlumblineError `settings` when the state cannot be decrypted
 */
export async function readSecretValues(stack: Stack): Promise<SecretValues> {
    const declared = declaredValues(schema.parse(await inClear(stack, ["export"])));
    const outputs = z.record(z.string(), z.unknown()).parse(await inClear(stack, ["output", "--json"]));
    const committed = textValues(outputs.credentialValues);
    return { declared: { ...committed, ...declared }, committed: { ...declared, ...committed } };
}

async function inClear(stack: Stack, args: readonly string[]): Promise<unknown> {
    const answer = await runPulumi(stack.workspace, ["stack", ...args, "--show-secrets", "--stack", stack.name]);
    if (answer.ok) return JSON.parse(answer.stdout);
    throw new PlumblineError("settings", `The state of ${stack.name} cannot be read: ${answer.stderr}`, {
        remedy: "Set PULUMI_CONFIG_PASSPHRASE to the passphrase of this stack.",
    });
}

/** The values that the resource `credentials` holds. */
export function declaredValues(state: State): Record<string, string> {
    const credentials = state.deployment?.resources?.find(({ urn }) => urn.endsWith("::credentials"));
    const values: unknown = credentials?.outputs?.values;
    const secret = z.looseObject({ plaintext: z.string() }).safeParse(values);
    return textValues(secret.success ? JSON.parse(secret.data.plaintext) : values);
}

function textValues(value: unknown): Record<string, string> {
    const parsed = z.record(z.string(), z.string()).safeParse(value);
    return parsed.success ? parsed.data : {};
}
