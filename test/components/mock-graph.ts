/** Pulumi's mocks, and what was registered with them: the graph that a program declares, without an engine behind it. */
import * as pulumi from "@pulumi/pulumi";

/** One registered resource. */
export interface Registered {
    readonly urn: string;
    readonly type: string;
    readonly name: string;
    readonly custom: boolean;
    /** In clear, as a provider would get them. */
    readonly inputs: Readonly<Record<string, unknown>>;
    /** Names of the inputs that are secret, wholly or in a part. */
    readonly secretInputs: readonly string[];
    readonly secretOutputs: readonly string[];
    /** Urn of the component that it belongs to. */
    readonly parent: string;
    /** Urns of everything that it waits for. */
    readonly dependencies: readonly string[];
    readonly retainOnDelete: boolean;
    readonly deleteBeforeReplace: boolean;
    readonly ignoreChanges: readonly string[];
    readonly replaceOnChanges: readonly string[];
}

/** The part of the monitor's request that is read here. */
interface Request {
    getType(): string;
    getName(): string;
    getCustom(): boolean;
    getParent(): string;
    getObject(): { toJavaScript(): Record<string, unknown> } | undefined;
    getDependenciesList(): string[];
    getRetainondelete(): boolean;
    getDeletebeforereplace(): boolean;
    getIgnorechangesList(): string[];
    getReplaceonchangesList(): string[];
    getAdditionalsecretoutputsList(): string[];
}

type Callback = (error: unknown, response?: { getUrn(): string }) => void;

/** The mark of a secret in what Pulumi sends. */
const secretMark = "1b47061264138c4ac30d75fd1eb44270";

/** What the mocks answer for outputs that only a real provider knows, by resource name. */
export type Outputs = (resource: {
    type: string;
    name: string;
    inputs: Record<string, unknown>;
}) => Record<string, unknown>;

/**
 * Installs the mocks and returns the list that fills as resources are registered. `settled` waits until no more come.
 */
export async function mockGraph(
    stack: string,
    outputs: Outputs = () => ({}),
    isPreview = false,
): Promise<{ registered: Registered[]; settled: () => Promise<void> }> {
    const registered: Registered[] = [];
    const inputsOf = new Map<string, Record<string, unknown>>();
    await pulumi.runtime.setMocks(
        {
            newResource: ({ type, name, inputs }) => {
                inputsOf.set(`${type}/${name}`, inClear(inputs) as Record<string, unknown>);
                // The engine names a container that has no name of its own.
                const named = type === "docker:index/container:Container" ? { name: `${name}-0abcdef` } : {};
                const clear = inClear(inputs) as Record<string, unknown>;
                return { id: `id-${name}`, state: { ...named, ...inputs, ...outputs({ type, name, inputs: clear }) } };
            },
            call: ({ inputs }) => inputs,
        },
        "plumbline",
        stack,
        isPreview,
    );
    const monitor = pulumi.runtime.getMonitor() as unknown as {
        registerResource(request: Request, callback: Callback): Promise<void>;
    };
    const register = monitor.registerResource.bind(monitor);
    monitor.registerResource = (request, callback) =>
        register(request, (error, response) => {
            if (response !== undefined) registered.push(describe(request, response.getUrn(), inputsOf));
            callback(error, response);
        });
    const settled = async () => {
        for (let before = -1; before !== registered.length; ) {
            before = registered.length;
            await pulumi.runtime.disconnect();
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    };
    return { registered, settled };
}

/** A value without the wrappers that mark secrets. */
function inClear(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(inClear);
    if (value === null || typeof value !== "object") return value;
    const entries = Object.entries(value);
    if (entries.some(([, member]) => member === secretMark)) return inClear((value as { value: unknown }).value);
    return Object.fromEntries(entries.map(([key, member]) => [key, inClear(member)]));
}

function describe(request: Request, urn: string, inputsOf: ReadonlyMap<string, Record<string, unknown>>): Registered {
    const raw = request.getObject()?.toJavaScript() ?? {};
    return {
        urn,
        type: request.getType(),
        name: request.getName(),
        custom: request.getCustom(),
        inputs: inputsOf.get(`${request.getType()}/${request.getName()}`) ?? {},
        secretInputs: Object.keys(raw).filter((key) => JSON.stringify(raw[key]).includes(secretMark)),
        secretOutputs: request.getAdditionalsecretoutputsList(),
        parent: request.getParent(),
        dependencies: request.getDependenciesList(),
        retainOnDelete: request.getRetainondelete(),
        deleteBeforeReplace: request.getDeletebeforereplace(),
        ignoreChanges: request.getIgnorechangesList(),
        replaceOnChanges: request.getReplaceonchangesList(),
    };
}

/** The one resource with this name and kind of type, as in `Container`. */
export function find(registered: readonly Registered[], type: string, name: string): Registered {
    const found = registered.filter((resource) => resource.type.endsWith(`:${type}`) && resource.name === name);
    const [one] = found;
    if (one !== undefined && found.length === 1) return one;
    const known = registered.map((resource) => `${resource.type} ${resource.name}`).join(", ");
    throw new Error(`${found.length} resources are ${type} ${name}; there are: ${known}`);
}

/** The value of an output. */
export function resolved<T>(output: pulumi.Output<T>): Promise<T> {
    return new Promise((resolve) => {
        output.apply(resolve);
    });
}
