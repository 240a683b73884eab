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
            pending_operations: z.array(z.unknown()).nullish(),
        })
        .nullish(),
});

type State = z.infer<typeof schema>;

/** What Pulumi keeps, as far as a recovery needs it. */
export interface StateFacts {
    readonly pendingOperations: number;
    /** Resources but for the stack itself and the providers. */
    readonly resources: number;
    /** Ids of the containers that are declared. */
    readonly containers: ReadonlySet<string>;
}

/** Reads the state. Takes no lock. */
export async function readState(stack: Stack): Promise<StateFacts> {
    const { deployment } = schema.parse(await stack.exportStack());
    const resources = deployment?.resources ?? [];
    return {
        pendingOperations: deployment?.pending_operations?.length ?? 0,
        resources: resources.filter(({ type }) => !/^pulumi:(pulumi:Stack|providers:)/.test(type)).length,
        containers: new Set(
            resources.flatMap(({ type, id }) =>
                type === "docker:index/container:Container" && id !== undefined ? [id] : [],
            ),
        ),
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
    const exported = await runPulumi(stack.workspace, ["stack", "export", "--show-secrets", "--stack", stack.name]);
    if (!exported.ok) {
        throw new PlumblineError("settings", `The state of ${stack.name} cannot be read: ${exported.stderr}`, {
            remedy: "Set PULUMI_CONFIG_PASSPHRASE to the passphrase of this stack.",
        });
    }
    const outputs = await stack.outputs();
    const committed = textValues(outputs.credentialValues?.value);
    const declared = declaredValues(schema.parse(JSON.parse(exported.stdout)));
    return { declared: { ...committed, ...declared }, committed: { ...declared, ...committed } };
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
