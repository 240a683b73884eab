/**
 * What our dynamic resources have in common: a shell that holds nothing but a door to the provider behind it. Pulumi keeps
 * its text in the state, so that a change of the code behind the door is no change of the resource.
 */
import * as pulumi from "@pulumi/pulumi";

/** The files `*.provider.ts`. */
export type Door = "credentials" | "rollout" | "validation";

/** The arguments of each method, as Pulumi's dynamic providers have them. */
const methods = {
    check: "olds, news",
    diff: "id, olds, news",
    create: "inputs",
    update: "id, olds, news",
    read: "id, props",
    delete: "id, props",
} as const;

/**
 * A dynamic resource whose shell we write ourselves. `pulumi.dynamic.Resource` would make the same text out of functions,
 * for which it loads the TypeScript compiler at every run: a quarter of a second for three shells that never change.
 */
export abstract class DynamicResource extends pulumi.CustomResource {
    constructor(door: Door, name: string, props: pulumi.Inputs, opts?: pulumi.CustomResourceOptions) {
        super("pulumi-nodejs:dynamic:Resource", name, { ...props, __provider: shellOf(door) }, opts);
    }
}

/** The text that Pulumi's host of dynamic providers runs: a module whose `handler` makes the provider. */
function shellOf(door: Door): string {
    const doors = Object.entries(methods).map(
        ([method, args]) =>
            `    ${method}: async (${args}) => (await import("#provider/${door}")).provider.${method}(${args}),\n`,
    );
    return `exports.handler = () => ({\n${doors.join("")}});\n`;
}

/**
 * The process that runs our dynamic resources. Pulumi would start it with the first of them; declared by itself, before the
 * baseline is read, it starts while that is read.
 */
export class DynamicHost extends pulumi.ProviderResource {
    constructor(name: string) {
        super("pulumi-nodejs", name);
    }
}
