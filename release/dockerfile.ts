/** Which images a Dockerfile builds upon. Pure. */

/** The base images of a Dockerfile, each once; `unclear` are those whose names hang on something that is not given. */
export interface DockerfileBases {
    readonly bases: readonly string[];
    readonly unclear: readonly string[];
}

/**
 * Reads the `FROM` lines up to the target's, with the arguments that stand before the first of them. Names of earlier
 * stages and `scratch` are no images.
 *
 * @param args build arguments that are given
 * @param target the stage that is built; the last one where absent
 */
export function dockerfileBases(
    text: string,
    args: Readonly<Record<string, string>> = {},
    target?: string,
): DockerfileBases {
    const values: Record<string, string> = {};
    const stages = new Set<string>();
    const bases = new Set<string>();
    const unclear = new Set<string>();
    let begun = false;
    for (const line of logicalLines(text)) {
        const [, name, fallback] = /^ARG\s+(\w+)(?:=(\S*))?/i.exec(line) ?? [];
        if (name !== undefined && !begun) {
            const value = args[name] ?? fallback?.replace(/^(["'])(.*)\1$/, "$2");
            if (value !== undefined) values[name] = value;
        }
        const [, image, stage] = /^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i.exec(line) ?? [];
        if (image === undefined) continue;
        begun = true;
        const reference = substituted(image, values);
        if (reference === undefined) unclear.add(image);
        else if (reference !== "scratch" && !stages.has(reference.toLowerCase())) bases.add(reference);
        if (stage !== undefined) stages.add(stage.toLowerCase());
        if (target !== undefined && stage?.toLowerCase() === target.toLowerCase()) break;
    }
    return { bases: [...bases], unclear: [...unclear] };
}

/** Comments and empty lines out, continued lines joined. */
function logicalLines(text: string): string[] {
    return text
        .split("\n")
        .filter((line) => !/^\s*#/.test(line))
        .join("\n")
        .replaceAll(/\\[ \t]*\n/g, " ")
        .split("\n")
        .map((line) => line.trim());
}

/** `$NAME`, `${NAME}` and `${NAME:-default}`; undefined where a value is missing. */
function substituted(image: string, values: Readonly<Record<string, string>>): string | undefined {
    let complete = true;
    const text = image.replaceAll(/\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})/g, (_, plain, braced, fallback) => {
        const value = values[plain ?? braced] || fallback;
        if (value === undefined) complete = false;
        return value ?? "";
    });
    return complete ? text : undefined;
}
