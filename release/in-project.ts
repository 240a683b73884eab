/** Paths that compose gives in full, as they stand in a release. */
import { isAbsolute, relative, sep } from "node:path";

/** The path relative to the project, with forward slashes; undefined when it lies outside. */
export function inProject(projectDir: string, path: string): string | undefined {
    if (!isAbsolute(path)) return undefined;
    const inside = relative(projectDir, path);
    if (inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return undefined;
    return inside === "" ? "." : inside.split(sep).join("/");
}
